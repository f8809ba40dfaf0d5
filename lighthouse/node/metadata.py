"""The metadata of a record: JSON values that can be printed safely, and not too many of them."""

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from lighthouse.node.fields import HUGE, Refused, mapping
from lighthouse.node.optional_parts import OptionalParts
from lighthouse.text import kind_of, quoted

MAX_METADATA: Final = 4 * 1024
"""Bytes of a node's metadata, encoded as JSON."""

MAX_DEPTH: Final = 4


def read_metadata(value: object, parts: OptionalParts) -> dict[str, Any]:
    """The entries that can be taken; the largest go first if there is too much."""
    taken: dict[str, Any] = {}
    nothing: Mapping[str, Any] = {}
    found = nothing if value is None else parts.take(mapping, value, "metadata", nothing)
    for key, entry in found.items():
        taken |= parts.take(_inspected, {str(key): entry}, "metadata", nothing)
    return _bounded(taken, parts)


def _bounded(metadata: dict[str, Any], parts: OptionalParts) -> dict[str, Any]:
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
        case int() if abs(value) >= HUGE:
            raise Refused(f"{field}: the number is out of range")
        case None | bool() | int() | float():
            pass
        case _:
            raise Refused(f"{field}: {kind_of(value)} is no JSON value")
