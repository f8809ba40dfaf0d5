"""The filters of templates: values quoted for a format, and nodes sorted into groups.

Each that quotes takes a value of any kind, also one that must not be printed as it is, and
returns text which the format reads as that one value. What a format cannot hold raises
``ValueError``.
"""

import html
import itertools
import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

from lighthouse.template.facts import NodeFacts
from lighthouse.template.foreign import original

_UNFIT: Final = re.compile(r"[^A-Za-z0-9_]")
_YAML_ENDS: Final = re.compile(r"[\x7f\x85\u2028\u2029]")
_LINE_ENDS: Final = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")


def as_json(value: object, indent: int | None = None) -> str:
    """JSON, with the keys of maps sorted; YAML reads it too."""
    text = json.dumps(original(_plain(value)), sort_keys=True, indent=indent, ensure_ascii=False)
    return _YAML_ENDS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def as_toml(value: object) -> str:
    """A basic string of TOML; numbers and truth as they are."""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return '"' + "".join(map(_toml_character, _text(value))) + '"'


def as_shell(value: object) -> str:
    """One word of a POSIX shell."""
    return shlex.quote(_text(value))


def as_line(value: object) -> str:
    """As it is: for formats in which any text is harmless up to the end of the line."""
    text = _text(value)
    if _LINE_ENDS.search(text):
        raise ValueError(f"{text!r} is more than a line")
    return text


def as_conninfo(value: object) -> str:
    """A value of a libpq connection string, in single quotes."""
    return "'" + as_line(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def as_haproxy(value: object) -> str:
    """One word of HAProxy's configuration, in single quotes."""
    return "'" + as_line(value).replace("'", "'\\''") + "'"


def as_nginx(value: object) -> str:
    """One word of nginx's configuration, in double quotes, in which no variable is looked up.

    nginx cannot quote its ``$``.
    """
    text = as_line(value)
    if "$" in text:
        raise ValueError(f"{text!r}: nginx would take what follows the $ for a variable")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def as_vcl(value: object) -> str:
    """A string of Varnish's VCL, which knows no way to write a quotation mark in one."""
    text = as_line(value)
    if '"' in text:
        raise ValueError(f"{text!r} has a quotation mark, which VCL cannot hold")
    return f'"{text}"'


def as_url(value: object) -> str:
    """One part of a URL's path, or a value of its query."""
    return quote(_text(value), safe="")


def as_xml(value: object) -> str:
    """Text or an attribute's value of XML or HTML."""
    return html.escape(_text(value))


def as_name(value: object) -> str:
    """A name for programs: whatever is no letter, digit or ``_`` becomes ``_``."""
    name = _UNFIT.sub("_", _text(value))
    return name if name[:1].isalpha() else f"_{name}"


def by_role(nodes: Iterable[NodeFacts]) -> list[tuple[Any, list[NodeFacts]]]:
    """Pairs of a role and its nodes, sorted by role; nodes without one have the role ''."""
    ordered = sorted(nodes, key=lambda node: str(original(node.role)))
    groups = itertools.groupby(ordered, key=lambda node: str(original(node.role)))
    return [(found[0].role, found) for found in (list(group) for _, group in groups)]


def with_role(nodes: Iterable[NodeFacts], *roles: str) -> list[NodeFacts]:
    """The nodes that have one of the roles."""
    return [node for node in nodes if node.role in roles]


def serving(nodes: Iterable[NodeFacts]) -> list[NodeFacts]:
    """The nodes that are to get new traffic: those of a weight above 0."""
    return [node for node in nodes if node.weight > 0]


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "json": as_json,
    "tojson": as_json,
    "toml": as_toml,
    "shell": as_shell,
    "line": as_line,
    "conninfo": as_conninfo,
    "haproxy": as_haproxy,
    "nginx": as_nginx,
    "vcl": as_vcl,
    "urlencode": as_url,
    "xml": as_xml,
    "escape": as_xml,
    "e": as_xml,
    "name": as_name,
    "by_role": by_role,
    "role": with_role,
    "serving": serving,
}

UNSTEADY: Final = ("random",)
"""Filters of Jinja that would give another file each time."""


def _text(value: object) -> str:
    found = original(value)
    if isinstance(found, str):
        return found
    if found is None or isinstance(found, dict | list):
        raise ValueError(f"expected text, got {type(found).__name__}")
    return json.dumps(found) if isinstance(found, bool) else str(found)


def _plain(value: object) -> object:
    """Facts as the maps and lists that JSON knows."""
    if hasattr(value, "__struct_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value


def _toml_character(character: str) -> str:
    if character in ('"', "\\"):
        return "\\" + character
    if character.isprintable():
        return character
    return f"\\U{ord(character):08x}"
