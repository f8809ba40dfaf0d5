"""One member of a cluster, and the one place where its fields are validated.

Whatever a discovery method delivers is foreign text: it may come from another team, an old
release or an attacker. ``parse`` is the only way in; a ``Node`` that exists is safe to print
into a configuration file or a command, because every field is of a known type, length and
charset (the grammar of haproxy.md 5.4, which is the strictest of the bundled software).
"""

import ipaddress
import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from lighthouse.peer import DEFAULT_PORT, Peer

MAX_RECORD: Final = 16 * 1024
"""Bytes of one encoded node; a longer record is refused unread."""

MAX_METADATA: Final = 4 * 1024
"""Bytes of a node's metadata, encoded as JSON."""

MAX_DEPTH: Final = 4
MAX_WEIGHT: Final = 256
_HUGE: Final = 2**63

_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?")
_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_BROADCAST: Final = ipaddress.IPv4Address("255.255.255.255")
_CLUSTER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


class Refused(ValueError):
    """A record is no acceptable node; the text says which field and why."""


class Node(msgspec.Struct, frozen=True, gc=False):
    """One address that serves a cluster.

    ``ip`` is canonical text of an IPv4 or IPv6 unicast address, ``port`` 1..65535, ``weight``
    0..256 relative to its siblings (0: no new traffic), ``metadata`` JSON values only.
    """

    host: str
    ip: str
    port: int
    weight: int = 1
    metadata: dict[str, Any] = {}
    peer: Peer | None = None

    @property
    def name(self) -> str:
        """``host:port``, as the 2016 lighthouse named its znodes."""
        return f"{self.host}:{self.port}"

    @property
    def key(self) -> tuple[str, int]:
        """What makes two records the same node: where it listens."""
        return self.ip, self.port


def parse(data: bytes | str | Mapping[str, Any]) -> Node:
    """The node that a record describes; raises ``Refused`` with the reason otherwise.

    A record is a JSON object with ``ip`` and ``port``, and optionally ``host`` (default: the
    ip), ``weight``, ``peer`` and ``metadata``; the last two may be objects or JSON strings of
    objects, as the 2016 lighthouse wrote them. A ``host`` that is an address stands in for a
    missing ``ip`` (as nerve writes). Other keys are not read.
    """
    record = data if isinstance(data, Mapping) else _decode(data, "record")
    host = record.get("host")
    ip = _address(record.get("ip", host), "ip")
    return Node(
        host=_label(ip) if host is None else _hostname(host, "host"),
        ip=ip,
        port=_integer(record.get("port"), "port", 1, 65535),
        weight=_integer(record.get("weight", 1), "weight", 0, MAX_WEIGHT),
        metadata=_metadata(record.get("metadata")),
        peer=_peer(record.get("peer")),
    )


def is_cluster_name(name: str) -> bool:
    """Whether a cluster, service or plugin may carry this name: 63 of ``[A-Za-z0-9_.-]``."""
    return _CLUSTER.fullmatch(name) is not None


def _decode(data: bytes | str, what: str) -> Mapping[str, Any]:
    try:
        encoded = data.encode() if isinstance(data, str) else data
        if len(encoded) > MAX_RECORD:
            raise Refused(f"{what}: {len(encoded)} bytes, at most {MAX_RECORD} are read")
        value = msgspec.json.decode(encoded)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Refused(f"{what}: not JSON ({ascii(str(error))[1:100]})") from error
    if not isinstance(value, dict):
        raise Refused(f"{what}: expected an object, got {_kind(value)}")
    return value


def _address(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise Refused(f"{field}: expected an IP address, got {_kind(value)}")
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise Refused(f"{field}: {_shown(value)} is not an IP address") from None
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        raise Refused(f"{field}: {_shown(value)} has a scope, which other hosts cannot use")
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_unspecified or address.is_multicast or address == _BROADCAST:
        raise Refused(f"{field}: {address} is not an address of one host")
    return str(address)


def _hostname(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise Refused(f"{field}: expected a host name, got {_kind(value)}")
    if ":" in value:
        return _label(_address(value, field))
    if not _HOST.fullmatch(value):
        raise Refused(f"{field}: {_shown(value)} is not a host name")
    return value


def _label(ip: str) -> str:
    """An address as a host name: IPv6 in full, with dashes."""
    return ipaddress.ip_address(ip).exploded.replace(":", "-")


def _integer(value: object, field: str, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refused(f"{field}: expected {low}..{high}, got {_kind(value)}")
    if not low <= value <= high:
        found = value if abs(value) < _HUGE else "a huge number"
        raise Refused(f"{field}: expected {low}..{high}, got {found}")
    return value


def _mapping(value: object, field: str) -> Mapping[str, Any]:
    if isinstance(value, str):
        return {} if value in ("", "null") else _decode(value, field)
    if not isinstance(value, Mapping):
        raise Refused(f"{field}: expected an object, got {_kind(value)}")
    return value


def _peer(value: object) -> Peer | None:
    if value is None:
        return None
    record = _mapping(value, "peer")
    if not record:
        return None
    return Peer(
        name=_hostname(record.get("name", record.get("host")), "peer.name"),
        ip=_address(record.get("ip"), "peer.ip"),
        port=_integer(record.get("port", DEFAULT_PORT), "peer.port", 1, 65535),
    )


def _metadata(value: object) -> dict[str, Any]:
    if value is None:
        return {}
    metadata = {str(key): entry for key, entry in _mapping(value, "metadata").items()}
    _inspect(metadata, "metadata", MAX_DEPTH)
    size = len(json.dumps(metadata))
    if size > MAX_METADATA:
        raise Refused(f"metadata: {size} bytes, at most {MAX_METADATA} are taken")
    return metadata


def _inspect(value: object, field: str, depth: int) -> None:
    """Refuse what could not be printed safely: odd keys, control characters, deep nesting."""
    if depth == 0 and isinstance(value, dict | list):
        raise Refused(f"{field}: nested deeper than {MAX_DEPTH}")
    match value:
        case dict():
            for key, entry in value.items():
                if not isinstance(key, str) or not _KEY.fullmatch(key):
                    raise Refused(f"{field}: key {_shown(str(key))} is not a name")
                _inspect(entry, f"{field}.{key}", depth - 1)
        case list():
            for index, entry in enumerate(value):
                _inspect(entry, f"{field}[{index}]", depth - 1)
        case str():
            if not value.isprintable():
                raise Refused(f"{field}: {_shown(value)} has control characters")
        case float() if not math.isfinite(value):
            raise Refused(f"{field}: {value} is no finite number")
        case int() if abs(value) >= _HUGE:
            raise Refused(f"{field}: the number is out of range")
        case None | bool() | int() | float():
            pass
        case _:
            raise Refused(f"{field}: {_kind(value)} is no JSON value")


def _kind(value: object) -> str:
    names = {type(None): "nothing", str: "text", int: "a number", float: "a fraction"}
    names |= {bool: "true or false", list: "a list", dict: "an object"}
    return names.get(type(value), type(value).__name__)


def _shown(text: str) -> str:
    """Foreign text for an error message: escaped and short."""
    escaped = ascii(text)
    return escaped if len(escaped) <= 60 else escaped[:56] + "...'"
