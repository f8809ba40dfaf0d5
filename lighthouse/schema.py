"""Typed values out of parsed YAML, with every fault named.

``convert`` is what ``validate_config`` of the bundled plugins calls; plugin authors may do
the same. A fault's path leads to its place in the file, so that whoever holds the parsed file
can turn it into a line and a column.
"""

import difflib
import re
import typing
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from lighthouse.messages import Problem

T = TypeVar("T")

_PLACE: Final = re.compile(r" - at `\$(.*)`$")
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")


class Invalid(ValueError):
    """A config has faults: all of them are in ``problems``."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(_line(problem) for problem in problems))
        self.problems: Final = problems


def convert(value: object, kind: type[T]) -> T:
    """``value`` (of maps, lists and scalars) as a ``kind``, a msgspec struct.

    Raises ``Invalid`` with every unknown key, missing key and wrong value.
    """
    problems = tuple(_faults(value, kind, ()))
    if problems:
        raise Invalid(problems)
    return msgspec.convert(value, kind)


def unknown(key: object, allowed: typing.Iterable[str]) -> str:
    """The message for a key that means nothing here, with a suggestion."""
    names = sorted(allowed)
    close = difflib.get_close_matches(str(key), names, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"expected one of: {', '.join(names)}"
    return f"unknown key '{key}'; {hint}"


def _faults(value: object, kind: Any, path: tuple[str | int, ...]) -> typing.Iterator[Problem]:
    struct = _struct(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if struct is not None and isinstance(value, Mapping):
        yield from _struct_faults(value, struct, path)
    elif origin is dict and isinstance(value, dict) and _struct(arguments[1]):
        for key, entry in value.items():
            yield from _faults(entry, arguments[1], (*path, key))
    elif origin in (list, tuple) and isinstance(value, list) and _struct(arguments[0]):
        for index, entry in enumerate(value):
            yield from _faults(entry, arguments[0], (*path, index))
    else:
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            yield _problem(error, path)


def _struct_faults(
    value: Mapping[Any, Any], struct: type[msgspec.Struct], path: tuple[str | int, ...]
) -> typing.Iterator[Problem]:
    hints = typing.get_type_hints(struct, include_extras=True)
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    for key in value:
        if key not in fields:
            yield Problem((*path, key), unknown(key, fields))
    before = len(value)
    clean = True
    for name, field in fields.items():
        if name in value:
            for fault in _faults(value[name], hints[field.name], (*path, name)):
                clean = False
                yield fault
        elif field.required:
            clean = False
            yield Problem(path, f"'{name}' is missing")
    if clean and before:
        try:
            msgspec.convert({key: value[key] for key in value if key in fields}, struct)
        except msgspec.ValidationError as error:
            yield _problem(error, path)


def _struct(kind: Any) -> type[msgspec.Struct] | None:
    """The struct that a type stands for: itself, or the one of an optional."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    structs = [s for s in map(_struct, _members(kind)) if s is not None]
    return structs[0] if len(structs) == 1 else None


def _members(kind: Any) -> tuple[Any, ...]:
    union = typing.get_origin(kind) in (typing.Union, type(int | None))
    return typing.get_args(kind) if union else ()


def _problem(error: msgspec.ValidationError, path: tuple[str | int, ...]) -> Problem:
    text = str(error)
    place = _PLACE.search(text)
    steps: tuple[str | int, ...] = ()
    if place:
        text = text[: place.start()]
        found = _STEP.finditer(place.group(1))
        steps = tuple(int(s[2]) if s[2] else s[1] for s in found if s[1] or s[2])
    return Problem((*path, *steps), _plain(text))


_NAMES: Final = {
    "`str`": "text",
    "`int`": "a number",
    "`float`": "a number",
    "`bool`": "true or false",
    "`array`": "a list",
    "`object`": "a map",
    "`null`": "nothing",
}


def _plain(text: str) -> str:
    """msgspec's words in an operator's: ``expected a number, got text``."""
    for name, plain in _NAMES.items():
        text = text.replace(name, plain)
        text = text.replace(f"`{name.strip('`')} | ", f"`{plain} | ")
    text = text.replace("`", "").replace(" | null", "")
    text = re.sub(r"\bstr\b", "text", text)
    text = re.sub(r"\bint\b|\bfloat\b", "a number", text)
    text = re.sub(r"\barray\b", "a list", text)
    text = re.sub(r"\bobject\b", "a map", text)
    return text[:1].lower() + text[1:]


def _line(problem: Problem) -> str:
    place = ".".join(str(step) for step in problem.path)
    return f"{place}: {problem.message}" if place else problem.message
