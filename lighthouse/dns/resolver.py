"""Asks the nameservers one question, until one of them answers or all have failed."""

import asyncio
from typing import Final

import dns.flags
import dns.message
import dns.rcode
import msgspec

from lighthouse.dns.answer import Alias, DnsAnswer, NoAnswer, Type, read
from lighthouse.dns.exchange import exchange
from lighthouse.dns.nameserver import Nameserver, Nameservers
from lighthouse.text import one_line

AT_ONCE: Final = 64
"""Queries that are under way at the same time, at most."""

_PAYLOAD: Final = 1232
_LONGEST_CHAIN: Final = 8
_KNOWS_NO_EDNS: Final = (dns.rcode.FORMERR, dns.rcode.NOTIMP)


class ResolverCounts:
    """What was asked so far."""

    def __init__(self) -> None:
        self.queries = 0
        self.failures = 0


class Resolver:
    """Used from one event loop only."""

    def __init__(self, nameservers: Nameservers, timeout: float, attempts: int) -> None:
        self.counts: Final = ResolverCounts()
        self._nameservers: Final = nameservers
        self._timeout: Final = timeout
        self._attempts: Final = attempts
        self._room: Final = asyncio.Semaphore(AT_ONCE)
        self._plain: Final[set[Nameserver]] = set()  # they do not understand EDNS

    async def ask(self, name: str, kind: Type) -> DnsAnswer:
        """The answer; raises ``NoAnswer`` with what each nameserver did wrong.

        That there is nothing is confirmed if a second nameserver says so too; one that knows
        records is believed in preference to one that knows none. Only silence is asked again.
        """
        faults: dict[Nameserver, NoAnswer] = {}
        nothing: DnsAnswer | None = None
        waiting = self._nameservers.order()
        for _ in range(self._attempts):
            for server in waiting:
                try:
                    answer = await self._ask(server, name, kind)
                except NoAnswer as fault:
                    faults[server] = fault
                    continue
                faults.pop(server, None)
                if not answer.missing:
                    return answer
                if nothing is not None:
                    ttl = min(nothing.ttl, answer.ttl)
                    return msgspec.structs.replace(answer, ttl=ttl, confirmed=True)
                nothing = answer
            if nothing is not None:
                return nothing
            waiting = [server for server in waiting if faults[server].silent]
        told = "; ".join(f"{server}: {fault}" for server, fault in faults.items())
        raise NoAnswer(one_line(f"{kind} {name}: {told}"))

    async def _ask(self, server: Nameserver, name: str, kind: Type) -> DnsAnswer:
        """What one nameserver says, aliases followed."""
        asked, ttl = name, 2**31
        for _ in range(_LONGEST_CHAIN):
            answer = await self._exchange(server, asked, kind)
            ttl = min(ttl, answer.ttl)
            if isinstance(answer, DnsAnswer):
                return msgspec.structs.replace(answer, ttl=ttl)
            asked = answer.name
        raise NoAnswer(f"more than {_LONGEST_CHAIN} aliases in a row")

    async def _exchange(self, server: Nameserver, name: str, kind: Type) -> DnsAnswer | Alias:
        async with self._room:
            self.counts.queries += 1
            try:
                message = await self._send(server, name, kind, edns=server not in self._plain)
                if message.rcode() in _KNOWS_NO_EDNS and server not in self._plain:
                    message = await self._send(server, name, kind, edns=False)
                    if message.rcode() not in _KNOWS_NO_EDNS:
                        self._plain.add(server)
                return read(message, name, kind)
            except NoAnswer as fault:
                self.counts.failures += 1
                if fault.silent:
                    self._nameservers.silent(server)
                raise

    async def _send(
        self, server: Nameserver, name: str, kind: Type, edns: bool
    ) -> dns.message.Message:
        query = dns.message.make_query(f"{name}.", kind, flags=dns.flags.RD)
        if edns:
            query.use_edns(0, payload=_PAYLOAD)
        message = await exchange(server, query, self._timeout)
        self._nameservers.spoke(server)
        return message
