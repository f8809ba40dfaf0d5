"""All questions that a cluster takes: its own name, and the addresses of its targets."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from lighthouse.dns.answer import NOWHERE, DnsAnswer, NoAnswer, SrvRecord, Type
from lighthouse.dns.resolver import Resolver
from lighthouse.dns.settings import Family, Query

_TYPES: Final[Mapping[Family, Sequence[Type]]] = {
    "any": ("A", "AAAA"),
    "both": ("A", "AAAA"),
    "ipv4": ("A",),
    "ipv6": ("AAAA",),
}

Beside = Mapping[tuple[str, Type], DnsAnswer]


class TargetAddresses(msgspec.Struct, frozen=True):
    """Where a name leads: addresses, or why there are none (``missing``), or an ``error``."""

    addresses: tuple[str, ...] = ()
    ttl: int = 0
    missing: str = ""
    confirmed: bool = False
    error: str = ""


class LookupResult(msgspec.Struct, frozen=True):
    """What was found of a cluster; of a service, ``targets`` has a place for each target."""

    ttl: int
    services: tuple[SrvRecord, ...] = ()
    targets: Mapping[str, TargetAddresses] = {}
    addresses: tuple[str, ...] = ()
    missing: str = ""
    confirmed: bool = False


async def look_up(resolver: Resolver, query: Query) -> LookupResult:
    """Raises ``NoAnswer`` if nobody can say anything about the name itself."""
    if not query.service:
        place = await _locate(resolver, query.name, query.family, {})
        if place.error:
            raise NoAnswer(place.error)
        return LookupResult(
            place.ttl,
            addresses=place.addresses,
            missing=place.missing,
            confirmed=place.confirmed,
        )
    answer = await resolver.ask(query.name, "SRV")
    if answer.missing:
        return LookupResult(answer.ttl, missing=answer.missing, confirmed=answer.confirmed)
    services = tuple(service for service in answer.services if service.target != NOWHERE)
    names = sorted({service.target for service in services})
    places = await asyncio.gather(
        *[_locate(resolver, name, query.family, answer.beside) for name in names]
    )
    ttl = min([answer.ttl, *[place.ttl for place in places if not place.error]])
    return LookupResult(ttl, services=services, targets=dict(zip(names, places, strict=True)))


async def _locate(
    resolver: Resolver, name: str, family: Family, beside: Beside
) -> TargetAddresses:
    """The addresses of one name.

    Those that came beside are as good as asked for, but that some did not come says nothing:
    a nameserver leaves out what has no room.
    """

    async def ask(kind: Type) -> DnsAnswer:
        return beside.get((name, kind)) or await resolver.ask(name, kind)

    answers: list[DnsAnswer] = []
    try:
        if family == "both":
            answers += await asyncio.gather(*[ask(kind) for kind in _TYPES[family]])
        else:
            for kind in _TYPES[family]:
                answers.append(await ask(kind))
                if answers[-1].addresses:
                    break
    except NoAnswer as fault:
        return TargetAddresses(error=str(fault))
    return _place([answer for answer in answers if answer.addresses] or answers)


def _place(answers: Sequence[DnsAnswer]) -> TargetAddresses:
    """One place of what was said about each type; either of them is enough."""
    return TargetAddresses(
        addresses=tuple(address for answer in answers for address in answer.addresses),
        ttl=min(answer.ttl for answer in answers),
        missing=" and ".join(dict.fromkeys(a.missing for a in answers if a.missing)),
        confirmed=all(answer.confirmed for answer in answers),
    )
