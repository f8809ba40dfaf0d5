"""One node's file: its format, and what it tells beyond the node."""

import math
from typing import Any, Final

import msgspec

from lighthouse.node import MAX_RECORD, Node, Refused, parse

MIN_TTL: Final = 1.0
MAX_TTL: Final = 3600.0


class Unfinished(Refused):
    """A record that is refused as it stands, though its writer may be half way through it."""


class NodeFile(msgspec.Struct, frozen=True):
    """A node with the marks of a registration.

    ``ttl`` is the seconds without any change after which the node is expired, None for a node
    that stays until its file is removed. ``beat`` counts the heartbeats of its ``owner``.
    """

    node: Node
    ttl: float | None = None
    owner: str | None = None
    beat: int = 0


class Marks(msgspec.Struct, frozen=True):
    """The keys that a registration adds to a node, as they came."""

    ttl: Any = None
    owner: Any = None
    beat: Any = None


def decode(data: bytes) -> NodeFile:
    """The record that a file's content describes; raises ``Refused`` otherwise.

    ``Unfinished`` if it is not even JSON, as a file is that is being written in place.
    """
    try:
        node = parse(data)
    except Refused as error:
        if len(data) <= MAX_RECORD and not _is_json(data):
            raise Unfinished(str(error)) from error
        raise
    found = marks(data) or Marks()
    beat = found.beat if type(found.beat) is int else 0
    owner = found.owner if isinstance(found.owner, str) else None
    ttl, note = _ttl(found.ttl)
    if note:
        node = msgspec.structs.replace(node, notes=(*node.notes, note))
    return NodeFile(node, ttl, owner, beat)


def encode(record: NodeFile) -> bytes:
    """The content of a record's file: one line of JSON."""
    node = record.node
    fields = {
        "host": node.host,
        "ip": node.ip,
        "port": node.port,
        "weight": node.weight,
        "metadata": node.metadata,
        "peer": node.peer,
        "ttl": record.ttl,
        "owner": record.owner,
        "beat": record.beat,
    }
    return msgspec.json.encode(fields) + b"\n"


def marks(data: bytes) -> Marks | None:
    """The marks of a registration, or None if the content is not a JSON object."""
    try:
        return msgspec.json.decode(data, type=Marks)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _is_json(data: bytes) -> bool:
    try:
        msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    except RecursionError:
        return True
    return True


def _ttl(value: object) -> tuple[float | None, str]:
    """The seconds after which a node expires, and a note if they are not as written."""
    if value is None:
        return None, ""
    try:
        seconds = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        seconds = math.nan
    if math.isnan(seconds) or isinstance(value, bool):
        return None, "ttl: expected a number of seconds; it is left out: the node does not expire"
    taken = min(max(seconds, MIN_TTL), MAX_TTL)
    expected = f"ttl: expected {MIN_TTL:g}..{MAX_TTL:g} seconds; it counts as {taken:g}"
    return taken, "" if taken == seconds else expected
