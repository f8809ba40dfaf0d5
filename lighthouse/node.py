"""One member of a cluster, and the one place where its fields are validated.

Whatever a discovery method delivers is foreign text: it may come from another team, an old
release or an attacker. ``parse`` is the only way in; a ``Node`` that exists is safe to print
into a configuration file or a command, because every field is of a known type, length and
charset, narrower than what any of the bundled software takes.

Only what makes the address unusable costs the node. Any other part that is not as it should be
is converted or left out, and noted with the node.
"""

import ipaddress
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from lighthouse.peer import DEFAULT_PORT, Peer
from lighthouse.text import kind_of, one_line, quoted

T = TypeVar("T")

MAX_RECORD: Final = 16 * 1024
"""Bytes of one encoded node; a longer record is refused unread."""

MAX_METADATA: Final = 4 * 1024
"""Bytes of a node's metadata, encoded as JSON."""

MAX_DEPTH: Final = 4
MAX_WEIGHT: Final = 256
MAX_NOTES: Final = 8
_HUGE: Final = 2**63
_ABSENT: Final = (None, "")

_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?")
_BROADCAST: Final = ipaddress.IPv4Address("255.255.255.255")
_CLUSTER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_DIGITS: Final = re.compile(r"-?[1-9][0-9]{0,17}|0")


NO_RECORD: Final = "nothing is written there: it is no record, and is left out"
"""The reason for what has a place among the records and does not claim to be one: the parent
of other znodes, a lock, an empty file."""


class Refused(ValueError):
    """A record is no acceptable node; the text says which field and why."""


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
    parts = _Parts(strict)
    host = record.get("host")
    ip = _address(host if record.get("ip") in _ABSENT else record.get("ip"), "ip")
    return Node(
        port=_integer(record.get("port"), "port", 1, 65535),
        ip=ip,
        host=_label(ip) if host in _ABSENT else parts.take(_hostname, host, "host", _label(ip)),
        weight=_weight(record.get("weight"), parts),
        metadata=_metadata(record.get("metadata"), parts),
        peer=parts.take(_peer, record.get("peer"), "peer", None),
        notes=tuple(parts.notes[:MAX_NOTES]),
    )


class _Parts:
    """Reads the optional parts of a record, and notes what is wrong with them."""

    def __init__(self, strict: bool) -> None:
        self.strict: Final = strict
        self.notes: Final[list[str]] = []

    def take(self, read: Callable[[Any, str], T], value: object, field: str, default: T) -> T:
        """What ``read`` makes of a part; one that it refuses is left out, with a note."""
        try:
            return read(value, field)
        except Refused as error:
            self.note(error, "it is left out")
            return default

    def note(self, refused: Refused, instead: str) -> None:
        """Note what is done about a part that is not as it should be; strict: refuse it."""
        if self.strict:
            raise refused
        self.notes.append(one_line(f"{refused}; {instead}"))


def is_cluster_name(name: str) -> bool:
    """Return True if a cluster, service or plugin may have this name: 63 of ``[A-Za-z0-9_.-]``."""
    return _CLUSTER.fullmatch(name) is not None


def decode_record(data: bytes | str) -> Mapping[str, Any]:
    """The JSON object that a record is; raises ``Refused``, as ``NO_RECORD`` for nothing."""
    if len(data) <= MAX_RECORD and not data.strip():
        raise Refused(NO_RECORD)
    return decode_object(data, "record")


def decode_object(data: bytes | str, what: str) -> Mapping[str, Any]:
    """The JSON object in a text; raises ``Refused``, with ``what`` it should have been.

    Numbers that JSON does not have (NaN) pass: they cost only the part that they stand in.
    """
    try:
        encoded = data.encode() if isinstance(data, str) else data
        if len(encoded) > MAX_RECORD:
            raise Refused(f"{what}: {len(encoded)} bytes, at most {MAX_RECORD} are read")
        value = _any_json(encoded)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Refused(f"{what}: not JSON ({one_line(ascii(str(error))[1:-1], 100)})") from error
    if not isinstance(value, dict):
        raise Refused(f"{what}: expected an object, got {kind_of(value)}")
    return value


def _any_json(encoded: bytes) -> object:
    try:
        return msgspec.json.decode(encoded)
    except msgspec.DecodeError as error:
        try:
            return json.loads(encoded.decode("utf-8-sig"))
        except ValueError:
            raise error from None


def _address(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise Refused(f"{field}: expected an IP address, got {kind_of(value)}")
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise Refused(f"{field}: {quoted(value)} is not an IP address") from None
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        raise Refused(f"{field}: {quoted(value)} has a scope, which other hosts cannot use")
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_unspecified or address.is_multicast or address == _BROADCAST:
        raise Refused(f"{field}: {address} is not an address of one host")
    return str(address)


def _hostname(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise Refused(f"{field}: expected a host name, got {kind_of(value)}")
    if ":" in value:
        return _label(_address(value, field))
    if not _HOST.fullmatch(value):
        raise Refused(f"{field}: {quoted(value)} is not a host name")
    return value


def _label(ip: str) -> str:
    """An address as a host name: IPv6 in full, with dashes."""
    return ipaddress.ip_address(ip).exploded.replace(":", "-")


def _number(value: object) -> object:
    """A whole number, however it is written; anything else as it is."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _HUGE:
        return int(value)
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    return value


def _integer(found: object, field: str, low: int = 0, high: int = MAX_WEIGHT) -> int:
    value = _number(found)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refused(f"{field}: expected {low}..{high}, got {kind_of(value)}")
    if not low <= value <= high:
        shown = value if abs(value) < _HUGE else "a huge number"
        raise Refused(f"{field}: expected {low}..{high}, got {shown}")
    return value


def _weight(found: object, parts: _Parts) -> int:
    """A weight in whole numbers; one that is too fine or too high is the nearest there is."""
    if found in _ABSENT:
        return 1
    value = _number(found)
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        nearest = min(max(1, round(min(value, MAX_WEIGHT))), MAX_WEIGHT)
        if nearest != value:
            shown = kind_of(value) if isinstance(value, float) else "more"
            refused = Refused(f"weight: expected 0..{MAX_WEIGHT}, got {shown}")
            parts.note(refused, f"it counts as {nearest}")
        return nearest

    return parts.take(_integer, value, "weight", 1)


def _mapping(value: object, field: str) -> Mapping[str, Any]:
    if isinstance(value, str):
        return {} if value in ("", "null") else decode_object(value, field)
    if not isinstance(value, Mapping):
        raise Refused(f"{field}: expected an object, got {kind_of(value)}")
    return value


def _peer(value: object, field: str) -> Peer | None:
    record = _mapping({} if value is None else value, field)
    if not record:
        return None
    port = record.get("port")
    return Peer(
        name=_hostname(record.get("name", record.get("host")), f"{field}.name"),
        ip=_address(record.get("ip"), f"{field}.ip"),
        port=DEFAULT_PORT if port is None else _integer(port, f"{field}.port", 1, 65535),
    )


def _metadata(value: object, parts: _Parts) -> dict[str, Any]:
    """The entries that can be taken; the largest go first if there is too much."""
    metadata: dict[str, Any] = {}
    nothing: Mapping[str, Any] = {}
    found = nothing if value is None else parts.take(_mapping, value, "metadata", nothing)
    for key, entry in found.items():
        metadata |= parts.take(_inspected, {str(key): entry}, "metadata", nothing)
    return _bounded(metadata, parts)


def _bounded(metadata: dict[str, Any], parts: _Parts) -> dict[str, Any]:
    """As much metadata as is taken; the largest entries go first."""
    size = len(json.dumps(metadata))
    if size <= MAX_METADATA:
        return metadata
    refused = Refused(f"metadata: {size} bytes, at most {MAX_METADATA} are taken")
    sizes = {key: len(json.dumps({key: entry})) for key, entry in metadata.items()}
    left = sum(sizes.values())
    for key in sorted(sizes, key=lambda key: -sizes[key]):
        if left <= MAX_METADATA:
            break
        left -= sizes[key]
        parts.note(refused, f"{quoted(key)} is left out")
        del metadata[key]
    return metadata


def _inspected(entry: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    _inspect(entry, field, MAX_DEPTH)
    return entry


def _inspect(value: object, field: str, depth: int) -> None:
    """Refuse what could not be printed safely: control characters, deep nesting, odd types."""
    if depth == 0 and isinstance(value, dict | list):
        raise Refused(f"{field}: nested deeper than {MAX_DEPTH}")
    match value:
        case dict():
            for key, entry in value.items():
                if not isinstance(key, str) or not key.isprintable():
                    raise Refused(f"{field}: key {quoted(str(key))} is no printable text")
                _inspect(entry, f"{field}.{key}", depth - 1)
        case list():
            for index, entry in enumerate(value):
                _inspect(entry, f"{field}[{index}]", depth - 1)
        case str():
            if not value.isprintable():
                raise Refused(f"{field}: {quoted(value)} has control characters")
        case float() if not math.isfinite(value):
            raise Refused(f"{field}: {value} is no finite number")
        case int() if abs(value) >= _HUGE:
            raise Refused(f"{field}: the number is out of range")
        case None | bool() | int() | float():
            pass
        case _:
            raise Refused(f"{field}: {kind_of(value)} is no JSON value")
