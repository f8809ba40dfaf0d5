"""One member of a cluster, and the one place where its fields are validated.

Whatever a discovery method delivers is foreign text: it may come from another team, an old
release or an attacker. ``parse`` is the only way in; a ``Node`` that exists is safe to print
into a configuration file or a command, because every field is of a known type, length and
charset, narrower than what any of the bundled software takes.

Only what makes the address unusable costs the node. Any other part that is not as it should be
is converted or left out, and noted with the node.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from lighthouse.node.fields import (
    MAX_RECORD,
    MAX_WEIGHT,
    NO_RECORD,
    Refused,
    address,
    decode_object,
    decode_record,
    hostname,
    integer,
    label,
    mapping,
    number,
)
from lighthouse.node.metadata import MAX_METADATA, read_metadata
from lighthouse.node.optional_parts import OptionalParts
from lighthouse.peer import DEFAULT_PORT, Peer
from lighthouse.text import kind_of

__all__ = [
    "MAX_METADATA",
    "MAX_NOTES",
    "MAX_RECORD",
    "MAX_WEIGHT",
    "NO_RECORD",
    "Node",
    "Refused",
    "decode_object",
    "decode_record",
    "is_cluster_name",
    "parse",
]

MAX_NOTES: Final = 8
_ABSENT: Final = (None, "")
_CLUSTER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


class Node(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One address that serves a cluster.

    ``ip`` is canonical text of an IPv4 or IPv6 unicast address, ``port`` 1..65535, ``weight``
    0..256 relative to its siblings (0: no new traffic), ``metadata`` JSON values only.
    ``notes`` say in words what of its record was left out or converted.
    """

    host: str
    ip: str
    port: int
    weight: int = 1
    metadata: dict[str, Any] = {}
    peer: Peer | None = None
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """``host:port``, as the 2016 lighthouse named its znodes."""
        return f"{self.host}:{self.port}"

    @property
    def key(self) -> tuple[str, int]:
        """What makes two records the same node: where it listens."""
        return self.ip, self.port

    @property
    def place(self) -> str:
        """``ip:port``, by which no other node goes; IPv6 in brackets."""
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"

    def goes_by(self, text: str) -> bool:
        """Return True if a person may mean this node: host:port, ip:port, host or ip."""
        return text in (self.name, self.place, self.host, self.ip)


def parse(data: bytes | str | Mapping[str, Any], strict: bool = False) -> Node:
    """The node that a record describes; raises ``Refused`` with the reason otherwise.

    A record is a JSON object with ``ip`` and ``port``, and optionally ``host`` (default: the
    ip), ``weight``, ``peer`` and ``metadata``; the last two may be objects or JSON strings of
    objects, as the 2016 lighthouse wrote them. A ``host`` that is an address stands in for a
    missing ``ip`` (as nerve writes). Numbers may be written as text. Other keys are not read.

    An optional part that cannot be used is left out and noted. ``strict`` refuses the record
    for it: of what an operator has written nothing is left out.
    """
    record = data if isinstance(data, Mapping) else decode_record(data)
    parts = OptionalParts(strict)
    host = record.get("host")
    ip = address(host if record.get("ip") in _ABSENT else record.get("ip"), "ip")
    return Node(
        port=integer(record.get("port"), "port", 1, 65535),
        ip=ip,
        host=label(ip) if host in _ABSENT else parts.take(hostname, host, "host", label(ip)),
        weight=_weight(record.get("weight"), parts),
        metadata=read_metadata(record.get("metadata"), parts),
        peer=parts.take(_peer, record.get("peer"), "peer", None),
        notes=tuple(parts.notes[:MAX_NOTES]),
    )


def is_cluster_name(name: str) -> bool:
    """Return True if a cluster, service or plugin may have this name: 63 of ``[A-Za-z0-9_.-]``."""
    return _CLUSTER.fullmatch(name) is not None


def _weight(found: object, parts: OptionalParts) -> int:
    """A weight in whole numbers; one that is too fine or too high is the nearest there is."""
    if found in _ABSENT:
        return 1
    value = number(found)
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        nearest = min(max(1, round(min(value, MAX_WEIGHT))), MAX_WEIGHT)
        if nearest != value:
            shown = kind_of(value) if isinstance(value, float) else "more"
            refused = Refused(f"weight: expected 0..{MAX_WEIGHT}, got {shown}")
            parts.note(refused, f"it counts as {nearest}")
        return nearest

    return parts.take(integer, value, "weight", 1)


def _peer(value: object, field: str) -> Peer | None:
    record = mapping({} if value is None else value, field)
    if not record:
        return None
    port = record.get("port")
    return Peer(
        name=hostname(record.get("name", record.get("host")), f"{field}.name"),
        ip=address(record.get("ip"), f"{field}.ip"),
        port=DEFAULT_PORT if port is None else integer(port, f"{field}.port", 1, 65535),
    )
