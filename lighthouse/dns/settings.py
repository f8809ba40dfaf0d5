"""The content of ``discovery/NAME.yaml``, and what it makes of a cluster's name."""

import re
from typing import Annotated, Final, Literal

import msgspec

from lighthouse.dns.nameserver import Nameserver, parse
from lighthouse.schema import Problem, shown

RecordType = Literal["SRV", "A", "AAAA", "address"]
Family = Literal["any", "ipv4", "ipv6", "both"]
"""``any``: the IPv4 addresses of a name if it has some, else the IPv6 ones."""

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Seconds = Annotated[float, msgspec.Meta(ge=0.1, le=86400)]

PLACE: Final = "{cluster}"
"""What stands for a cluster's name in a pattern."""

_LABEL: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_LONGEST: Final = 253
_FAMILIES: Final[dict[RecordType, Family]] = {"A": "ipv4", "AAAA": "ipv6", "address": "both"}


class Override(msgspec.Struct, frozen=True):
    """What is different for one cluster.

    ``name`` is what to ask for, in place of the pattern. ``record`` is the kind of record.
    ``port`` is the nodes' port, for records that have none. ``family`` is which addresses
    count.
    """

    name: str | None = None
    record: RecordType | None = None
    port: Port | None = None
    family: Family | None = None


class DnsSettings(msgspec.Struct, frozen=True):
    """See docs/discovery-dns.md; times are seconds.

    ``name`` is what to ask for, with {cluster} for the cluster's name. ``record`` is the kind
    of record: SRV has ports, A, AAAA and address (both) need a port. ``port`` is the nodes'
    port, for records that have none. ``family`` is which addresses of SRV's targets count: any
    (IPv4 if there are some), ipv4, ipv6, both. ``nameservers`` are those to ask, as IP or
    IP:PORT; the system's if left out. ``min_interval`` is the shortest time between two
    questions, whatever the TTL is. ``max_interval`` is the longest. ``timeout`` is how long
    one question may take. ``attempts`` is how many servers are asked before it has failed.
    ``clusters`` is what is different for some clusters, by name.
    """

    name: str | None = None
    record: RecordType = "SRV"
    port: Port | None = None
    family: Family = "any"
    nameservers: Annotated[list[str], msgspec.Meta(min_length=1, max_length=10)] | None = None
    min_interval: Seconds = 5.0
    max_interval: Seconds = 60.0
    timeout: Annotated[float, msgspec.Meta(ge=0.1, le=30)] = 2.0
    attempts: Annotated[int, msgspec.Meta(ge=1, le=10)] = 2
    clusters: dict[str, Override] = {}

    def servers(self) -> tuple[Nameserver, ...]:
        """The nameservers that are named; none if the system's are to be used."""
        return tuple(parse(text) for text in self.nameservers or ())


class Query(msgspec.Struct, frozen=True):
    """What to ask for a cluster; ``port`` is 0 where the records say it."""

    name: str
    service: bool
    port: int
    family: Family


def query(settings: DnsSettings, cluster: str) -> Query:
    """Raises ``ValueError`` if there is nothing to ask for a cluster of this name."""
    own = settings.clusters.get(cluster, Override())
    pattern = own.name or settings.name
    if pattern is None:
        raise ValueError(f"no name to ask for: set name, or clusters.{cluster}.name")
    name = pattern.replace(PLACE, cluster).rstrip(".").lower()
    if not is_name(name):
        raise ValueError(f"{shown(name)} is no name that DNS can hold")
    record = own.record or settings.record
    if record == "SRV":
        return Query(name, True, 0, own.family or settings.family)
    return Query(name, False, own.port or settings.port or 0, _FAMILIES[record])


def is_name(text: str) -> bool:
    """Return True if the text is an absolute name of ordinary labels, without the last dot."""
    return len(text) <= _LONGEST and all(_LABEL.fullmatch(label) for label in text.split("."))


def problems(settings: DnsSettings) -> list[Problem]:
    """What is wrong with settings whose types are right."""
    found = [*_name_problems(settings), *_server_problems(settings)]
    if settings.max_interval < settings.min_interval:
        found.append(Problem(("max_interval",), "expected at least min_interval"))
    if settings.name is not None:
        found += _record_problems(settings.record, settings.port, settings.port, ())
    if settings.record == "SRV" and settings.name is None and not settings.clusters:
        found.append(Problem((), "'name' is missing"))
    for cluster, own in settings.clusters.items():
        record, place = own.record or settings.record, ("clusters", cluster)
        if own.name is None and settings.name is None:
            found.append(Problem(place, "'name' is missing, here or at the top"))
        found += _record_problems(record, own.port, own.port or settings.port, place)
    return found


def _name_problems(settings: DnsSettings) -> list[Problem]:
    found = []
    if settings.name is not None and PLACE not in settings.name:
        message = f"expected {PLACE} in it; a name for one cluster goes to clusters.NAME.name"
        found.append(Problem(("name",), message))
    names: dict[tuple[str, ...], str | None] = {("name",): settings.name}
    names |= {
        ("clusters", cluster, "name"): own.name for cluster, own in settings.clusters.items()
    }
    for place, name in names.items():
        if name is not None and not is_name(name.replace(PLACE, "x").rstrip(".")):
            message = f"{shown(name)} is no name of letters, digits, '-', '_' and dots"
            found.append(Problem(place, message))
    return found


def _server_problems(settings: DnsSettings) -> list[Problem]:
    found = []
    for index, text in enumerate(settings.nameservers or ()):
        try:
            parse(text)
        except ValueError as error:
            found.append(Problem(("nameservers", index), str(error)))
    return found


def _record_problems(
    record: RecordType, own: int | None, port: int | None, place: tuple[str, ...]
) -> list[Problem]:
    if record == "SRV" and own is not None:
        return [Problem((*place, "port"), "not with record: SRV, whose records say the port")]
    if record != "SRV" and port is None:
        return [Problem(place, f"'port' is missing, which record: {record} needs")]
    return []
