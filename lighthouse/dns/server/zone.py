"""The zone: which names there are, and what stands at each. Values only; no sockets, no time."""

import hashlib
import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

from lighthouse.dns.server.offer import DnsMember, DnsOffer
from lighthouse.dns.server.schema import NS, AnswerOrder, is_hostname

LONGEST_NAME: Final = 253
_PROTOCOLS: Final = ("_tcp", "_udp")

Status = Literal["found", "missing", "unknown", "foreign"]
"""``missing``: there is no such name; ``unknown``: nobody knows; ``foreign``: of another zone."""


class DnsAddress(msgspec.Struct, frozen=True, gc=False):
    """An address at a name, with the weight of all members that have it."""

    ip: str
    weight: int = 1


class SrvEntry(msgspec.Struct, frozen=True, gc=False):
    """One SRV record, and the address of its target."""

    target: str
    ip: str
    port: int
    weight: int
    priority: int


class NameEntry(msgspec.Struct, frozen=True):
    """What stands at one name; nothing of a kind means that the name has none of it."""

    status: Status = "found"
    services: tuple[SrvEntry, ...] = ()
    ipv4: tuple[DnsAddress, ...] = ()
    ipv6: tuple[DnsAddress, ...] = ()
    order: AnswerOrder = "fixed"
    apex: bool = False


MISSING: Final = NameEntry("missing")
UNKNOWN: Final = NameEntry("unknown")
FOREIGN: Final = NameEntry("foreign")
BARE: Final = NameEntry()
"""A name that has nothing itself, with names below it."""


class ClusterNames(msgspec.Struct, frozen=True):
    """One cluster's part of the zone: its own name, and those of its nodes below it."""

    own: NameEntry
    nodes: Mapping[str, NameEntry] = {}

    def find(self, prefix: Sequence[str]) -> NameEntry:
        """What stands at the name with these labels before the cluster's."""
        if not prefix:
            return self.own
        if prefix[-1] in _PROTOCOLS and len(prefix) <= 2:
            return BARE if len(prefix) == 1 else self.service(prefix[0])
        if self.own.status == "unknown":
            return UNKNOWN
        return self.nodes.get(".".join(prefix), MISSING)

    def service(self, name: str) -> NameEntry:
        """The SRV records alone, as for ``_http._tcp`` before the cluster's name."""
        if self.own.status == "unknown":
            return UNKNOWN
        if not name.startswith("_"):
            return MISSING
        return NameEntry(services=self.own.services, order=self.own.order)


class Zone(msgspec.Struct, frozen=True):
    """All that is answered. Until it is ``complete``, other names are unknown, not missing."""

    name: str
    clusters: Mapping[str, ClusterNames] = {}
    addresses: tuple[str, ...] = ()
    ttl: int = 1
    serial: int = 1
    complete: bool = True

    def find(self, name: str) -> NameEntry:
        """What stands at a name in lower case, without the last dot."""
        if name == self.name:
            return NameEntry(apex=True)
        if not name.endswith(f".{self.name}"):
            return FOREIGN
        labels = name[: -len(self.name) - 1].split(".")
        last = labels[-1]
        if last in self.clusters:
            return self.clusters[last].find(labels[:-1])
        if labels == [NS]:
            return _addresses(DnsAddress(ip) for ip in self.addresses)
        if last in _PROTOCOLS and len(labels) == 1:
            return BARE
        if last in _PROTOCOLS and len(labels) == 2 and labels[0][1:] in self.clusters:
            return self.clusters[labels[0][1:]].service(labels[0])
        return MISSING if self.complete else UNKNOWN


def cluster_names(offered: DnsOffer, label: str, zone: str, order: AnswerOrder) -> ClusterNames:
    """The part of a zone that a cluster is, under its label."""
    if offered.state == "unknown":
        return ClusterNames(UNKNOWN)
    members = sorted(offered.members, key=lambda one: (one.priority, _sortable(one.ip), one.port))
    suffix = f"{label}.{zone}"
    labels = _labels(members, LONGEST_NAME - len(suffix) - 1)
    entries = tuple(
        SrvEntry(f"{labels[one.ip]}.{suffix}", one.ip, one.port, one.weight, one.priority)
        for one in members
    )
    at: dict[str, list[DnsAddress]] = {}
    for ip, text in labels.items():
        at.setdefault(text, []).append(DnsAddress(ip))
    nodes = {name: _addresses(found) for name, found in at.items()}
    for name in at:
        parts = name.split(".")
        for start in range(1, len(parts)):
            nodes.setdefault(".".join(parts[start:]), BARE)
    first = _addresses(_preferred(members))
    own = msgspec.structs.replace(first, services=entries, order=order)
    return ClusterNames(own, nodes)


def chosen(entries: Sequence[SrvEntry], room: int, seed: str) -> Sequence[SrvEntry]:
    """As many entries as there is room for: steady for one seed, other ones for another."""
    if len(entries) <= room:
        return entries
    return sorted(entries, key=lambda one: (one.priority, _mixed(seed, one.ip, one.port)))[:room]


def chosen_addresses(
    addresses: Sequence[DnsAddress], room: int, seed: str
) -> Sequence[DnsAddress]:
    """The same of addresses."""
    if len(addresses) <= room:
        return addresses
    return sorted(addresses, key=lambda one: _mixed(seed, one.ip, 0))[:room]


def _mixed(seed: str, ip: str, port: int) -> bytes:
    return hashlib.blake2b(f"{seed} {ip} {port}".encode(), digest_size=8).digest()


def _addresses(found: Iterable[DnsAddress]) -> NameEntry:
    given = tuple(found)
    return NameEntry(
        ipv4=tuple(one for one in given if ":" not in one.ip),
        ipv6=tuple(one for one in given if ":" in one.ip),
    )


def _preferred(members: Sequence[DnsMember]) -> list[DnsAddress]:
    """Of each family the addresses of the best priority, since an address cannot tell its own."""
    found = []
    for six in (False, True):
        family = [one for one in members if (":" in one.ip) is six]
        best = min((one.priority for one in family), default=0)
        weights: dict[str, int] = {}
        for one in family:
            if one.priority == best:
                weights[one.ip] = weights.get(one.ip, 0) + one.weight
        found += [DnsAddress(ip, weight) for ip, weight in weights.items()]
    return found


def _labels(members: Sequence[DnsMember], longest: int) -> dict[str, str]:
    """The name of each address below the cluster's: its host's, if that is no other one's too."""
    hosts: dict[str, set[str]] = {}
    own: dict[str, str] = {one.ip: _address_label(one.ip) for one in members}
    names: dict[str, set[str]] = {ip: set() for ip in own}
    for one in members:
        hosts.setdefault(one.host, set()).add(one.ip)
        names[one.ip].add(one.host)
    taken = set(own.values())
    found = {}
    for ip, given in names.items():
        host = min(given)
        usable = len(hosts[host]) == 1 and host not in taken
        fits = len(host) <= longest and is_hostname(host) and not host.replace(".", "").isdigit()
        found[ip] = host if usable and fits else own[ip]
    return found


def _address_label(ip: str) -> str:
    return ipaddress.ip_address(ip).exploded.replace(":", "-").replace(".", "-")


def _sortable(ip: str) -> tuple[int, bytes]:
    address = ipaddress.ip_address(ip)
    return address.version, address.packed
