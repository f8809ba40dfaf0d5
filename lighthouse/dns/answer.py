"""What a nameserver's message says, if it says anything at all."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import msgspec

Type = Literal["SRV", "A", "AAAA"]

NOWHERE: Final = "."
"""The target of a SRV record that says: there is no such service (RFC 2782)."""

_ADDRESSES: Final = (dns.rdatatype.A, dns.rdatatype.AAAA)


class NoAnswer(Exception):
    """No answer; the text says why. ``silent``: the nameserver did not speak at all."""

    def __init__(self, reason: str, silent: bool = False) -> None:
        super().__init__(reason)
        self.silent: Final = silent


class SrvRecord(msgspec.Struct, frozen=True, order=True):
    """One SRV record; ``target`` in lower case, without the last dot."""

    priority: int
    weight: int
    port: int
    target: str


class DnsAnswer(msgspec.Struct, frozen=True):
    """The records of one name and type.

    ``missing`` says why there are none, empty if there are; only then does it matter whether
    that is ``confirmed``. ``beside`` are addresses of other names, by name and type, which the
    nameserver gave along. ``ttl`` is seconds.
    """

    ttl: int
    services: tuple[SrvRecord, ...] = ()
    addresses: tuple[str, ...] = ()
    missing: str = ""
    confirmed: bool = False
    beside: Mapping[tuple[str, Type], "DnsAnswer"] = {}


class Alias(msgspec.Struct, frozen=True):
    """The name is another's, whose records the nameserver did not give along."""

    name: str
    ttl: int


def read(message: dns.message.Message, name: str, kind: Type) -> DnsAnswer | Alias:
    """What a message that answers the question says; raises ``NoAnswer`` for an error.

    Only NXDOMAIN, and no error without records, say that there is nothing.
    """
    code = message.rcode()
    if code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        raise NoAnswer(dns.rcode.to_text(code))
    if not isinstance(message, dns.message.QueryMessage):
        raise NoAnswer("no answer to a query")
    try:
        chain = message.resolve_chaining()
    except dns.exception.DNSException as error:
        raise NoAnswer(f"an answer that makes no sense ({type(error).__name__})") from None
    if chain.answer is not None:
        return _positive(chain.answer, chain.minimum_ttl, message.additional)
    if code == dns.rcode.NOERROR and not _has(message.authority, dns.rdatatype.SOA):
        if chain.cnames:
            return Alias(text(chain.canonical_name), chain.minimum_ttl)
        if _has(message.authority, dns.rdatatype.NS) and not message.flags & dns.flags.AA:
            raise NoAnswer("a referral: it does not answer for this name")
    said = "NXDOMAIN" if code == dns.rcode.NXDOMAIN else f"no {kind} records"
    return DnsAnswer(chain.minimum_ttl, missing=f"{said} for {name}")


def text(name: Any) -> str:
    """A name as Lighthouse writes it."""
    shown: str = name.to_text(omit_final_dot=True)
    return shown.lower()


def _positive(rrset: dns.rrset.RRset, ttl: int, more: Iterable[dns.rrset.RRset]) -> DnsAnswer:
    if rrset.rdtype in _ADDRESSES:
        return DnsAnswer(ttl, addresses=tuple(sorted(record.address for record in rrset)))
    services = tuple(sorted(_service(record) for record in rrset))
    if all(service.target == NOWHERE for service in services):
        return DnsAnswer(
            ttl, missing=f"the service is declared not available at {text(rrset.name)}"
        )
    beside = {
        (text(one.name), dns.rdatatype.to_text(one.rdtype)): _positive(one, one.ttl, ())
        for one in more
        if one.rdtype in _ADDRESSES and one.rdclass == rrset.rdclass
    }
    return DnsAnswer(ttl, services=services, beside=beside)  # type: ignore[arg-type]


def _service(record: Any) -> SrvRecord:
    return SrvRecord(record.priority, record.weight, record.port, text(record.target))


def _has(rrsets: Iterable[dns.rrset.RRset], kind: dns.rdatatype.RdataType) -> bool:
    return any(rrset.rdtype == kind for rrset in rrsets)
