"""The fixed nodes of a cluster's file."""

import ipaddress
from typing import Any, Final

from lighthouse import schema
from lighthouse.config.schema.keys.table import JsonSchema, ValueKind
from lighthouse.node import MAX_WEIGHT, Node, Refused, parse
from lighthouse.schema import Problem, shown

_TEXT: Final[JsonSchema] = {"type": ["string", "null"]}
_NUMBER: Final = "^-?[0-9]+$"

_KEYS: Final[dict[str, JsonSchema]] = {
    "ip": {"description": "Its IP address.", **_TEXT},
    "port": {
        "description": "Its port.",
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": 65535},
            {"type": "string", "pattern": _NUMBER},
        ],
    },
    "host": {"description": "Its host's name; the address if left out.", **_TEXT},
    "weight": {
        "description": f"0 to {MAX_WEIGHT}, relative to the others; 0: no new sessions.",
        "anyOf": [{"type": "number", "minimum": 0, "maximum": MAX_WEIGHT}, _TEXT],
    },
    "metadata": {"description": "What it is.", "type": ["object", "string", "null"]},
}


def _read(value: object) -> tuple[Node, ...]:
    if not isinstance(value, list):
        raise ValueError(f"expected a list of nodes, got {shown(value)}")
    problems: list[Problem] = []
    found: dict[tuple[str, int], Node] = {}
    for index, entry in enumerate(value):
        try:
            node = parse(_record(entry), strict=True)
        except (Refused, ValueError) as error:
            problems.append(Problem((index,), str(error)))
            continue
        unknown = [key for key in entry if key not in _KEYS] if isinstance(entry, dict) else []
        problems += [Problem((index, key), schema.unknown(key, _KEYS)) for key in unknown]
        if node.key in found:
            problems.append(Problem((index,), f"{node.ip} port {node.port} is listed twice"))
        found[node.key] = node
    schema.require(problems)
    return tuple(found[key] for key in sorted(found))


def _record(value: object) -> dict[str, Any]:
    """A node as a map, or as ``address:port``."""
    if isinstance(value, dict):
        return value
    expected = f"expected a map with ip and port, or address:port; got {shown(value)}"
    if not isinstance(value, str):
        raise ValueError(expected)
    ip, _, port = value.rpartition(":")
    try:
        ipaddress.ip_address(ip.removeprefix("[").removesuffix("]"))
        return {"ip": ip.removeprefix("[").removesuffix("]"), "port": int(port)}
    except ValueError:
        raise ValueError(expected) from None


_NODE: Final[JsonSchema] = {
    "type": "object",
    "properties": _KEYS,
    "required": ["port"],
    "additionalProperties": False,
}
_ADDRESS_AND_PORT: Final[JsonSchema] = {"type": "string", "pattern": "^.+:.+$"}

DEFAULT_NODES: Final = ValueKind(
    _read, {"type": "array", "items": {"anyOf": [_ADDRESS_AND_PORT, _NODE]}}
)
