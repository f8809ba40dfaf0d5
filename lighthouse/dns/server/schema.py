"""The content of ``balancers/dns.yaml`` and of a cluster's ``dns:`` section."""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec

from lighthouse.dns.nameserver import Nameserver, parse
from lighthouse.schema import Problem, convert, require, shown

OnEmpty = Literal["keep", "nodata", "servfail"]
"""What is answered for a cluster that has no nodes: the last ones, that there are none, or an
error, upon which resolvers keep what they have."""

AnswerOrder = Literal["random", "fixed"]

NS: Final = "ns"
"""The name of the server itself in its zone."""

LOOPBACK_PAYLOAD: Final = 8192
PAYLOAD: Final = 1232
"""Bytes of a datagram that pass any network whole, where larger ones may be cut up and lost."""

_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?")
_LONGEST_ZONE: Final = 120


class DnsServerSettings(msgspec.Struct, frozen=True):
    """See docs/dns-server.md; times are seconds.

    ``zone`` is the domain whose names are answered, such as lb.internal. ``state_file`` is
    where the zone's serial number is kept, an absolute path. ``listen`` lists the places to
    listen at, as IP:PORT. ``ttl`` is for how long an answer is good. ``order`` of the nodes in
    an answer is random, or fixed. ``on_empty`` is what is answered for a cluster without
    nodes: the last ones (keep), that there are none (nodata), or an error (servfail).
    ``udp_payload`` is how many bytes an answer in one datagram may have. ``tcp_connections``
    is how many connections may be open at once. ``tcp_timeout`` is for how long one may be
    silent.
    """

    zone: str
    state_file: str
    listen: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=16)] = (
        "127.0.0.1:8053",
    )
    ttl: Annotated[int, msgspec.Meta(ge=0, le=60)] = 1
    order: AnswerOrder = "random"
    on_empty: OnEmpty = "keep"
    udp_payload: Annotated[int, msgspec.Meta(ge=512, le=65000)] | None = None
    tcp_connections: Annotated[int, msgspec.Meta(ge=1, le=10000)] = 128
    tcp_timeout: Annotated[float, msgspec.Meta(ge=0.2, le=300)] = 5.0

    @property
    def places(self) -> tuple[Nameserver, ...]:
        """Where it listens, each place once."""
        return tuple(dict.fromkeys(parse(text) for text in self.listen))

    @property
    def payload(self) -> int:
        """Bytes that an answer in one datagram may have, if whoever asks takes as many."""
        if self.udp_payload is not None:
            return self.udp_payload
        inside = all(ipaddress.ip_address(place.ip).is_loopback for place in self.places)
        return LOOPBACK_PAYLOAD if inside else PAYLOAD


class DnsSection(msgspec.Struct, frozen=True):
    """What a cluster's file says for the name server.

    ``name`` is the cluster's name in the zone, if it is another than its own. ``order`` and
    the next are as in the balancer's file. ``on_empty`` is what is answered while there are no
    nodes.
    """

    name: str | None = None
    order: AnswerOrder | None = None
    on_empty: OnEmpty | None = None


def parse_settings(config: Mapping[str, Any]) -> DnsServerSettings:
    """The typed content, the zone in lower case; raises ``Invalid`` with every fault of it."""
    settings = convert(config, DnsServerSettings)
    zone = settings.zone.rstrip(".").lower()
    require((*_zone(zone), *_places(settings), *_path(settings.state_file)))
    return msgspec.structs.replace(settings, zone=zone)


def parse_section(config: Mapping[str, Any]) -> DnsSection:
    """The typed content, the name in lower case; raises ``Invalid`` with every fault of it."""
    section = convert(config, DnsSection)
    if section.name is None:
        return section
    name = section.name.lower()
    if not _LABEL.fullmatch(name):
        message = f"expected one label of letters, digits, '-' and '_', got {shown(name)}"
        require([Problem(("name",), message)])
    if name == NS:
        require([Problem(("name",), f"'{NS}' is the name of the server itself")])
    return msgspec.structs.replace(section, name=name)


def label(cluster: str, section: DnsSection) -> str:
    """The name of a cluster in the zone: its section's, or its own with dashes for dots."""
    return section.name or cluster.lower().replace(".", "-")


def is_hostname(text: str) -> bool:
    """Return True if each label of a lower-case name is one that a host may have."""
    return all(_LABEL.fullmatch(part) for part in text.split("."))


def _zone(zone: str) -> Iterator[Problem]:
    if not is_hostname(zone) or len(zone) > _LONGEST_ZONE:
        message = f"expected a domain of at most {_LONGEST_ZONE} characters, got {shown(zone)}"
        yield Problem(("zone",), message)


def _places(settings: DnsServerSettings) -> Iterator[Problem]:
    for index, text in enumerate(settings.listen):
        try:
            address = ipaddress.ip_address(parse(text).ip)
        except ValueError as error:
            yield Problem(("listen", index), str(error))
            continue
        if address.is_unspecified or address.is_multicast:
            message = "an answer comes from the address that was asked: name each address"
            yield Problem(("listen", index), message)


def _path(path: str) -> Iterator[Problem]:
    if not path.startswith("/") or not path.isprintable():
        yield Problem(("state_file",), f"expected an absolute path, got {shown(path)}")
