"""JSON Schemas of the kinds of files as tables: each key, what it may be, and what it means."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

Schema = Mapping[str, Any]

_KINDS: Final = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a map",
    "array": "a list",
    "null": "",
}
_DEPTH: Final = 6


def schemas() -> dict[str, Schema]:
    """Return the schema of each kind of file by its name, as `lighthouse schema` has it."""
    with tempfile.TemporaryDirectory() as place:
        line = [sys.executable, "-m", "lighthouse.commands", "schema", "--write", place]
        subprocess.run(line, check=True, capture_output=True)
        paths = sorted(Path(place).glob("*.json"))
        return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def render(schema: Schema, leave_out: tuple[str, ...] = ()) -> str:
    """Return a table; of a map in a map the keys stand behind a dot, of a list's behind `[]`."""
    rows = [row for row in _rows(schema, schema, "", _DEPTH) if _first(row[0]) not in leave_out]
    if not rows:
        return "Its plugin says no more here: see its page."
    lines = ["| key | is | meaning |", "|---|---|---|"]
    lines += [f"| `{key}` | {_cell(what)} | {_cell(meaning)} |" for key, what, meaning in rows]
    return "\n".join(lines)


def _rows(part: Schema, whole: Schema, above: str, depth: int) -> Iterator[tuple[str, str, str]]:
    if depth == 0:
        return
    for one in _ways(part, whole):
        required = one.get("required", ())
        for key, inner in one.get("properties", {}).items():
            name = f"{above}{key}"
            needed = "**needed**; " if key in required else ""
            known = _resolved(inner, whole)
            said = inner.get("description") or known.get("description", "")
            default = inner.get("default", known.get("default"))
            if default not in (None, [], {}, ""):
                said = f"{said} Default: `{json.dumps(default, ensure_ascii=False)}`."
            yield name, needed + _kind(inner, whole), _sentence(key, said)
            yield from _rows(inner, whole, f"{name}.", depth - 1)
        if "items" in one:
            yield from _rows(one["items"], whole, f"{above.removesuffix('.')}[].", depth - 1)
        if isinstance(one.get("additionalProperties"), Mapping):
            rest = one["additionalProperties"]
            yield from _rows(rest, whole, f"{above}NAME.", depth - 1)


def _ways(part: Schema, whole: Schema) -> Iterator[Schema]:
    """What a value may be, each way by itself."""
    known = _resolved(part, whole)
    ways = known.get("anyOf") or known.get("oneOf") or ()
    if not ways or "properties" in known:
        yield known
    for way in ways:
        yield from _ways(way, whole)


def _resolved(part: Schema, whole: Schema) -> Schema:
    found = part
    while "$ref" in found:
        found = whole["$defs"][found["$ref"].rsplit("/", 1)[-1]]
    return found


def _kind(part: Schema, whole: Schema) -> str:
    words = [_of_one(way, whole) for way in _ways(part, whole)]
    return ", or ".join(dict.fromkeys(word for word in words if word))


def _of_one(way: Schema, whole: Schema) -> str:
    values = way.get("enum", [way["const"]] if "const" in way else None)
    if values is not None:
        return ", ".join(f"`{value}`" for value in values if value is not None)
    kinds = way.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    words = ", or ".join(filter(None, (_KINDS.get(kind, kind) for kind in kinds)))
    if kinds == ["array"] and "items" in way:
        words = f"a list: {_kind(way['items'], whole)}"
    bounds = [
        f"{told} {way[key]:g}" if way[key] < 1e6 else f"{told} {int(way[key])}"
        for key, told in (
            ("minimum", "at least"),
            ("exclusiveMinimum", "more than"),
            ("maximum", "at most"),
        )
        if key in way
    ]
    return f"{words}, {', '.join(bounds)}" if bounds else words


def _sentence(key: str, said: str) -> str:
    """What is said of a key, without its name in front of it."""
    for verb in ("is", "are"):
        if said.startswith(f"{key} {verb} "):
            told = said.removeprefix(f"{key} {verb} ")
            return told[:1].upper() + told[1:]
    return said


def _first(key: str) -> str:
    return key.split(".", 1)[0].split("[", 1)[0]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
