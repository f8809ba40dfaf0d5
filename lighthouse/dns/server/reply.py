"""One answer to one message: bytes in, bytes out. Nothing that comes in makes it raise.

A query that is ordinary has one question, at most one option record, and fits into a few
hundred bytes. What is longer or has more is refused by its header alone, before anything is
decoded: names that point at one another can keep a decoder busy for minutes.
"""

import random
import struct
from collections.abc import Iterable, Sequence
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.NS
import dns.rdtypes.ANY.SOA
import dns.rdtypes.IN.A
import dns.rdtypes.IN.AAAA
import dns.rdtypes.IN.SRV
import dns.rrset

from lighthouse.dns.server.schema import NS
from lighthouse.dns.server.zone import (
    DnsAddress,
    NameEntry,
    SrvEntry,
    Zone,
    chosen,
    chosen_addresses,
)

LONGEST_QUERY: Final = 4096
LONGEST: Final = 65535
"""Bytes of the longest message that DNS knows."""

PLAIN: Final = 512
"""Bytes of a datagram to somebody who names no size."""

HEADER: Final = struct.Struct("!HHHHHH")
_QR: Final = 0x8000
_FIXED: Final = 12  # of a record, behind a pointer for its owner
_OPT: Final = 11
_IN: Final = dns.rdataclass.IN
_SRV, _A, _AAAA = dns.rdatatype.SRV, dns.rdatatype.A, dns.rdatatype.AAAA
_TRANSFERS: Final = (dns.rdatatype.AXFR, dns.rdatatype.IXFR)


class Answerer:
    """Answers out of a zone; ``seed`` picks the members that are answered if all do not fit."""

    def __init__(self, zone: Zone, payload: int, seed: str) -> None:
        self.zone: Final = zone
        self._payload: Final = payload
        self._seed: Final = seed
        self._apex: Final = dns.name.from_text(f"{zone.name}.")
        self._ns: Final = dns.name.from_text(f"{NS}.{zone.name}.")

    def answer(self, data: bytes, stream: bool) -> bytes | None:
        """The answer to a message, in at most as many bytes as its sender takes.

        None: it gets no answer, being one itself or no message at all.
        """
        if len(data) < HEADER.size:
            return None
        _, flags, questions, answers, authorities, extra = HEADER.unpack_from(data)
        if flags & _QR:
            return None
        if (flags >> 11) & 0xF != dns.opcode.QUERY:
            return _failure(data, dns.rcode.NOTIMP)
        counts = questions != 1 or answers or authorities or extra > 1
        if counts or len(data) > LONGEST_QUERY:
            return _failure(data, dns.rcode.FORMERR)
        try:
            query = dns.message.from_wire(data)
            response = dns.message.make_response(query, our_payload=self._payload)
        except (dns.exception.DNSException, ValueError):
            return _failure(data, dns.rcode.FORMERR)
        limit = LONGEST if stream else self._limit(query)
        if query.edns > 0:
            response.use_edns(0, 0, self._payload)
            response.set_rcode(dns.rcode.BADVERS)
        else:
            self._fill(response, limit)
        return bytes(response.to_wire(max_size=LONGEST, want_shuffle=False))

    def _limit(self, query: dns.message.Message) -> int:
        if query.edns < 0:
            return PLAIN
        return max(PLAIN, min(query.payload, self._payload))

    def _fill(self, response: dns.message.Message, limit: int) -> None:
        question = response.question[0]
        if question.rdclass != _IN or question.rdtype in _TRANSFERS:
            response.set_rcode(dns.rcode.REFUSED)
            return
        entry = self.zone.find(question.name.to_text(omit_final_dot=True).lower())
        if entry.status == "foreign":
            response.set_rcode(dns.rcode.REFUSED)
            return
        if entry.status == "unknown":
            response.set_rcode(dns.rcode.SERVFAIL)
            return
        response.flags |= dns.flags.AA
        if entry.apex:
            self._fill_apex(response, question.rdtype)
        else:
            self._fill_members(response, entry, question.rdtype, limit)
        if not response.answer:
            if entry.status == "missing":
                response.set_rcode(dns.rcode.NXDOMAIN)
            response.authority.append(_rrset(self._apex, self.zone.ttl, [self._soa()]))

    def _fill_apex(self, response: dns.message.Message, kind: dns.rdatatype.RdataType) -> None:
        wanted = {kind} if kind != dns.rdatatype.ANY else {dns.rdatatype.SOA}
        if dns.rdatatype.SOA in wanted:
            response.answer.append(_rrset(self._apex, self.zone.ttl, [self._soa()]))
        if dns.rdatatype.NS in wanted:
            record = dns.rdtypes.ANY.NS.NS(_IN, dns.rdatatype.NS, self._ns)
            response.answer.append(_rrset(self._apex, self.zone.ttl, [record]))

    def _fill_members(
        self,
        response: dns.message.Message,
        entry: NameEntry,
        kind: dns.rdatatype.RdataType,
        limit: int,
    ) -> None:
        question = response.question[0]
        room = limit - HEADER.size - len(question.name.to_wire() or b"") - 4
        room -= _OPT if response.edns >= 0 else 0
        if kind == dns.rdatatype.ANY:  # one kind of records is enough (RFC 8482)
            kind = _A if entry.ipv4 else _AAAA if entry.ipv6 else _SRV
        if kind == _SRV and entry.services:
            self._fill_services(response, entry, room, limit)
        found = {_A: entry.ipv4, _AAAA: entry.ipv6}.get(kind, ())
        if found:
            fits = room // (_FIXED + (4 if kind == _A else 16))
            picked = chosen_addresses(found, fits, self._seed)
            _note_cut(response, len(picked) < len(found), limit)
            records = [_address(one.ip) for one in _in_order(picked, entry)]
            response.answer.append(_rrset(question.name, self.zone.ttl, records))

    def _fill_services(
        self, response: dns.message.Message, entry: NameEntry, room: int, limit: int
    ) -> None:
        """The SRV records, and as many of their targets' addresses as fit behind them."""
        sizes = max(_FIXED + 6 + len(one.target) + 2 for one in entry.services)
        picked = chosen(entry.services, room // sizes, self._seed)
        _note_cut(response, len(picked) < len(entry.services), limit)
        ordered = list(picked)
        if entry.order == "random":
            random.shuffle(ordered)
        records: list[dns.rdata.Rdata] = []
        addresses: dict[str, set[str]] = {}
        for one in ordered:
            target = dns.name.from_text(f"{one.target}.")
            parts = (one.priority, min(one.weight, 65535), one.port)
            records.append(dns.rdtypes.IN.SRV.SRV(_IN, _SRV, *parts, target))
            room -= _FIXED + 6 + len(one.target) + 2
            addresses.setdefault(one.target, set()).add(one.ip)
        response.answer.append(_rrset(response.question[0].name, self.zone.ttl, records))
        for text, ips in addresses.items():
            for six in (False, True):
                family = [_address(ip) for ip in sorted(ips) if (":" in ip) is six]
                room -= len(family) * (len(text) + 2 + _FIXED - 2 + (16 if six else 4))
                if room < 0:
                    return
                if family:
                    name = dns.name.from_text(f"{text}.")
                    response.additional.append(_rrset(name, self.zone.ttl, family))

    def _soa(self) -> dns.rdata.Rdata:
        who = dns.name.from_text(f"hostmaster.{self.zone.name}.")
        times = (3600, 600, 86400, self.zone.ttl)
        soa = dns.rdtypes.ANY.SOA.SOA
        return soa(_IN, dns.rdatatype.SOA, self._ns, who, self.zone.serial, *times)


def capacity(zone: str, label: str, entries: Sequence[SrvEntry]) -> tuple[int, int]:
    """How many SRV records, and how many IPv4 addresses, one message has room for."""
    room = LONGEST - HEADER.size - len(f"_udp._tcp.{label}.{zone}") - 2 - 4 - _OPT
    largest = max((len(one.target) for one in entries), default=0)
    return room // (_FIXED + 8 + largest), room // (_FIXED + 4)


def failure(data: bytes) -> bytes:
    """That the server cannot answer, for a message with a whole header."""
    return _failure(data, dns.rcode.SERVFAIL)


def _failure(data: bytes, code: int) -> bytes:
    number, flags, *_ = HEADER.unpack_from(data)
    kept = flags & 0x7900  # the opcode, and that recursion is desired
    return HEADER.pack(number, _QR | kept | int(code), 0, 0, 0, 0)


def _note_cut(response: dns.message.Message, cut: bool, limit: int) -> None:
    """Have whoever asked by datagram ask over a stream, where more fits."""
    if cut and limit < LONGEST:
        response.flags |= dns.flags.TC


def _in_order(addresses: Sequence[DnsAddress], entry: NameEntry) -> Iterable[DnsAddress]:
    """In an order drawn by weight, for those who just take the first one."""
    if entry.order == "fixed":
        return addresses
    return sorted(addresses, key=lambda one: random.random() ** (1 / one.weight), reverse=True)


def _address(ip: str) -> dns.rdata.Rdata:
    if ":" in ip:
        return dns.rdtypes.IN.AAAA.AAAA(_IN, _AAAA, ip)
    return dns.rdtypes.IN.A.A(_IN, _A, ip)


def _rrset(name: dns.name.Name, ttl: int, records: Iterable[dns.rdata.Rdata]) -> dns.rrset.RRset:
    return dns.rrset.from_rdata_list(name, ttl, list(records))
