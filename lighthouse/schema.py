"""Typed values out of parsed YAML, with every fault named.

``convert`` is what ``validate_config`` of the bundled plugins calls; plugin authors may do
the same. A fault's path leads to its place in the file, so that whoever holds the parsed file
can turn it into a line and a column.
"""

import difflib
import functools
import re
import types
import typing
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, Literal, TypeVar

import msgspec

from lighthouse.text import redacted, redacted_value

T = TypeVar("T")

Path = tuple[str | int, ...]

_TYPES: Final = re.compile(r"`((?:str|int|float|bool|array|object|null| \| )+)`")
_KEY: Final = re.compile(r" - at `key` in `\$.*`$")
_PLACE: Final = re.compile(r" - at `\$(.*)`$")
_SECRET: Final = re.compile(r"password|passwd|secret|token|credential|authorization", re.I)
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")


class _Hidden:
    """A value that is shown to nobody, since its key says that it is a secret."""

    def __repr__(self) -> str:
        return "what is not shown"


class Problem(msgspec.Struct, frozen=True):
    """One fault of a config: the keys and indexes that lead to it, and what is wrong."""

    path: tuple[str | int, ...]
    message: str


class Rejection(msgspec.Struct, frozen=True):
    """What is wrong with a config; ``cluster`` is set for a section of a cluster's file.

    ``service`` is set for what a service's file says to the worker: a check's section, or
    that it reports to a discovery.
    """

    problems: tuple[Problem, ...]
    cluster: str | None = None
    service: str | None = None


class Invalid(ValueError):
    """A config has faults: all of them are in ``problems``."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(_line(problem) for problem in problems))
        self.problems: Final = problems


def convert(value: object, kind: type[T]) -> T:
    """``value`` (of maps, lists and scalars) as a ``kind``, a msgspec struct.

    Raises ``Invalid`` with every unknown key, missing key and wrong value. What is no map, where
    a struct stands that has a class attribute ``expected``, is told that. Raises ``TypeError``
    if ``kind`` is a class with no fields that could be read.
    """
    wrong = value if isinstance(value, type) else kind
    if wrong is value or _is_fieldless(kind):
        raise TypeError(f"convert takes a value and a msgspec.Struct, got {wrong!r:.100}")
    require(_faults(value, kind, ()))
    return msgspec.convert(value, kind)


def _is_fieldless(kind: object) -> bool:
    """Return True for a class of which nobody can tell what it is made of."""
    if not isinstance(kind, type) or issubclass(kind, msgspec.Struct):
        return False
    return isinstance(msgspec.inspect.type_info(kind), msgspec.inspect.CustomType)


def require(problems: typing.Iterable[Problem]) -> None:
    """Raise ``Invalid`` if there is any problem: what a plugin finds wrong beyond the types."""
    found = tuple(problems)
    if found:
        raise Invalid(found)


def unknown(key: object, allowed: typing.Iterable[str]) -> str:
    """The message for a key that means nothing here, with a suggestion."""
    names = sorted(allowed)
    meant = resembled(key, names)
    hint = f"did you mean '{meant}'?" if meant else f"expected one of: {', '.join(names)}"
    return f"unknown key '{redacted(str(key))}'; {hint}"


def resembled(key: object, allowed: typing.Iterable[str]) -> str:
    """The key that a misspelt one was meant to be, empty if it is like none of them."""
    return "".join(difflib.get_close_matches(str(key), sorted(allowed), n=1))


def with_value(problem: Problem, config: object) -> Problem:
    """The problem with the value that it is about, where it says only what was expected.

    What is a secret by its key is not told, nor maps and lists.
    """
    value = config
    for step in problem.path:
        inside = isinstance(value, Mapping) and step in value
        inside = inside or (isinstance(value, list) and step in range(len(value)))
        if not inside or _SECRET.search(str(step)):
            return problem
        value = value[step]  # type: ignore[index]
    text = problem.message
    if not text.startswith("expected ") or not isinstance(value, str | int | float):
        return problem
    if re.search(r"\bgot\b", text):
        return problem
    told = f"{text}{';' if ';' in text else ','} got {shown(value)}"
    return Problem(problem.path, told)


def shown(value: object) -> str:
    """A value in a message: what it is, in one printable line of at most 60 characters."""
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    if isinstance(value, Mapping | list | tuple):
        return "a map" if isinstance(value, Mapping) else "a list"
    text = ascii(redacted_value(value) if isinstance(value, str) else value)
    return text if len(text) <= 60 else text[:56] + "...'"


def _faults(value: object, kind: Any, path: Path) -> Iterator[Problem]:
    """What is wrong inside of the value, or else with the value as a whole."""
    struct = _struct(kind)
    lacks = False
    if struct is not None and isinstance(value, Mapping):
        fields = _fields(struct)
        strange = [key for key in value if key not in fields]
        yield from (Problem((*path, key), unknown(key, fields)) for key in strange)
        value = {key: entry for key, entry in value.items() if key in fields}
        misspelt = {resembled(key, fields) for key in strange}
        lacks = any(fields[name][1] and name not in value for name in misspelt if name)
        inside = [*_field_faults(value, fields, path, misspelt)]
    else:
        inside = [*_item_faults(value, kind, path)]
    yield from inside
    if not inside and not lacks:
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            yield _problem(error, value, kind, path)


def _field_faults(
    value: Mapping[Any, Any],
    fields: Mapping[str, tuple[Any, bool]],
    path: Path,
    misspelt: Collection[str],
) -> Iterator[Problem]:
    """What is wrong with each field; that one is missing is not told of a misspelt one."""
    for name, (kind, required) in fields.items():
        if name in value:
            yield from _faults(value[name], kind, (*path, name))
        elif required and name not in misspelt:
            yield Problem(path, f"'{name}' is missing")


def _item_faults(value: object, kind: Any, path: Path) -> Iterator[Problem]:
    container = _container(kind)
    origin, arguments = typing.get_origin(container), typing.get_args(container)
    if origin is dict and isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _faults(entry, arguments[1], (*path, key))
    elif isinstance(value, list) and (origin is list or arguments[1:] == (...,)):
        for index, entry in enumerate(value):
            yield from _faults(entry, arguments[0], (*path, index))


@functools.cache
def _fields(struct: type[msgspec.Struct]) -> dict[str, tuple[Any, bool]]:
    """The keys that stand for a struct's fields, with type and whether they are required."""
    hints = typing.get_type_hints(struct, include_extras=True)
    fields = msgspec.structs.fields(struct)
    return {field.encode_name: (hints[field.name], field.required) for field in fields}


def _struct(kind: Any) -> type[msgspec.Struct] | None:
    """The struct that a type stands for: itself, or the only one of a union."""
    found = [kind for kind in _members(kind) if isinstance(kind, type)]
    structs = [kind for kind in found if issubclass(kind, msgspec.Struct)]
    return structs[0] if len(structs) == 1 else None


def _container(kind: Any) -> Any:
    """The list, tuple or dict type that a type stands for: itself, or the only one of a union."""
    found = [kind for kind in _members(kind) if typing.get_origin(kind) in (list, tuple, dict)]
    return found[0] if len(found) == 1 else None


def _members(kind: Any) -> list[Any]:
    """The types of a union, or the only one, without constraints."""
    if typing.get_origin(kind) is typing.Annotated:
        return _members(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return [bare for member in typing.get_args(kind) for bare in _members(member)]
    return [kind]


def _problem(error: msgspec.ValidationError, value: object, kind: Any, path: Path) -> Problem:
    text = _KEY.sub("", str(error))
    where = " as a key" if text != str(error) else ""
    told = _PLACE.search(text)
    steps: Path = ()
    if told:
        text = text[: told.start()]
        found = _STEP.finditer(told.group(1))
        steps = tuple(int(s[2]) if s[2] else s[1] for s in found if s[1] or s[2])
    for step in steps:
        inside = isinstance(value, Mapping) and step in value
        inside = inside or (isinstance(value, list) and isinstance(step, int))
        value = value[step] if inside else value  # type: ignore[index]
    place = (*path, *steps)
    hidden = any(_SECRET.search(str(step)) for step in place)
    return Problem(place, _told(_plain(text), _Hidden() if hidden else value, kind) + where)


def _told(text: str, value: object, kind: Any) -> str:
    """The message with what was found, if msgspec does not say it or says it too vaguely."""
    literals = [member for member in _members(kind) if typing.get_origin(member) is Literal]
    options = [option for literal in literals for option in typing.get_args(literal)]
    if options and text.startswith("invalid enum value"):
        return f"expected one of: {', '.join(map(str, options))}; got {shown(value)}"
    if text == "expected a number, got a number":
        return f"expected a whole number, got {shown(value)}"
    struct = _struct(kind)
    if struct is not None and not isinstance(value, Mapping) and hasattr(struct, "expected"):
        return f"expected {struct.expected}"
    if text.startswith("expected a list, got ") and isinstance(value, str | int | float):
        return f"{text}; write [{shown(value)}]"
    if not text.startswith("expected") or ", got " in text:
        return text
    found = len(value) if isinstance(value, Mapping | list) else shown(value)
    return f"{text}, got {found}"


_NAMES: Final = {
    "str": "text",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a map",
    "null": "nothing",
}


def _plain(text: str) -> str:
    """msgspec's words in an operator's: ``expected a number, got text``."""

    def plain(names: re.Match[str]) -> str:
        return " or ".join(dict.fromkeys(_NAMES[name] for name in names[1].split(" | ")))

    text = _TYPES.sub(plain, text.replace(" | null`", "`"))
    return text[:1].lower() + text[1:]


def _line(problem: Problem) -> str:
    place = ".".join(str(step) for step in problem.path)
    return f"{place}: {problem.message}" if place else problem.message
