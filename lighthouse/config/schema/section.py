"""One map of a file, read key by key."""

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

from lighthouse import schema
from lighthouse.config.schema import quantity
from lighthouse.node import Refused, is_cluster_name, parse
from lighthouse.schema import Problem, shown

_SWITCHES: Final = {
    **dict.fromkeys(("on", "yes", "true"), True),
    **dict.fromkeys(("off", "no", "false"), False),
}

T = TypeVar("T")
D = TypeVar("D")


class SectionReader:
    """Reads what it is asked for, and notes every fault in ``problems`` instead of raising.

    A faulty value is read as its default, so that the rest can be read too. ``close`` notes
    what nobody asked for.
    """

    def __init__(
        self,
        data: object,
        problems: list[Problem],
        path: tuple[str | int, ...] = (),
    ) -> None:
        self.problems: Final = problems
        self.path: Final = path
        self._known: Final[set[str]] = set()
        self.data: Final[dict[str, Any]] = data if isinstance(data, dict) else {}
        self._is_no_map = False
        if data is not None and not isinstance(data, dict):
            self.note(f"expected a map, got {shown(data)}")
            self._is_no_map = True

    def __contains__(self, key: str) -> bool:
        return key in self.data

    def note(self, message: str, *steps: str | int) -> None:
        """A fault here, or at what the steps lead to; of what is no map that alone is told."""
        if self._is_no_map:
            return
        self.problems.append(Problem((*self.path, *steps), message))

    def take(self, key: str, read: Callable[[object], T], default: D) -> T | D:
        """What ``read`` makes of a key's value; ``read`` raises ``ValueError`` for a fault."""
        self._known.add(key)
        if key not in self.data:
            return default
        try:
            return read(self.data[key])
        except schema.Invalid as error:
            for problem in error.problems:
                self.note(problem.message, key, *problem.path)
        except ValueError as error:
            self.note(str(error), key)
        return default

    def text(self, key: str, default: T) -> str | T:
        """A line of printable text that is not empty."""
        return self.take(key, _line, default)

    def name(self, key: str, default: T) -> str | T:
        """What may name a cluster, a service or a plugin."""
        return self.take(key, _name, default)

    def names(self, key: str) -> tuple[str, ...]:
        """One name or a list of them, at least one, each of them once."""
        self.need(key)
        return self.each(key, _name)

    def ports(self, key: str) -> tuple[int, ...]:
        """A list of ports, at least one, each of them once."""
        if key in self.data and not isinstance(self.data[key], list):
            self._known.add(key)
            self.note(f"expected a list of ports, got {shown(self.data[key])}", key)
            return ()
        return self.each(key, lambda value: _whole(value, 1, 65535))

    def address(self, key: str) -> str | None:
        """An IP address that other hosts can reach, in its canonical form."""
        return self.take(key, _address, None)

    def whole(self, key: str, default: T, low: int, high: int) -> int | T:
        return self.take(key, lambda value: _whole(value, low, high), default)

    def seconds(self, key: str, default: float, low: float = 0.0) -> float:
        """A duration of at least ``low`` seconds."""

        def read(value: object) -> float:
            duration = quantity.seconds(value)
            if duration < low:
                raise ValueError(f"expected at least {low:g} s, got {shown(value)}")
            return duration

        return self.take(key, read, default)

    def section(self, key: str) -> "SectionReader":
        """The map under a key, empty if there is none."""
        self._known.add(key)
        return SectionReader(self.data.get(key), self.problems, (*self.path, key))

    def switch(self, key: str) -> "SectionReader | None":
        """The settings of what can be switched off: None if it is, a map with none if it is on.

        ``"off"`` in quotes, as writers of JSON have it, is off too.
        """
        value = self.take(key, lambda value: value, True)
        is_on = value if isinstance(value, bool) else _SWITCHES.get(str(value).lower())
        if is_on is not None:
            return SectionReader({}, self.problems, (*self.path, key)) if is_on else None
        if value is not None and not isinstance(value, dict):
            self.note(f"expected off, or a map of its settings; got {shown(value)}", key)
            value = None
        return SectionReader(value, self.problems, (*self.path, key))

    def variant(self, key: str, options: tuple[str, ...]) -> "tuple[str, SectionReader] | None":
        """One of some words, alone or as a map's only key with its settings; None if absent."""
        value = self.take(key, lambda value: value, None)
        if key not in self:
            return None
        if isinstance(value, str) and value in options:
            return value, SectionReader({}, self.problems, (*self.path, key))
        if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in options:
            name = next(iter(value))
            return name, self.section(key).section(name)
        words = f"expected one of {', '.join(options)}, or a map of one of them to its settings"
        named = [value] if isinstance(value, str) else value if isinstance(value, dict) else ()
        unknown = [name for name in named if name not in options]
        hint = f"{schema.unknown(unknown[0], options)}; " if unknown else ""
        self.note(f"{hint}{words}; got {shown(value)}", key)
        return None

    def need(self, key: str) -> None:
        """Notes that a key is missing, if it is; a misspelt one is told as such by ``close``."""
        misspelt = any(
            not isinstance(value, dict | None) and schema.resembled(name, (key,))
            for name, value in self.data.items()
            if name not in self._known
        )
        if key not in self.data and not misspelt:
            self.note(f"'{key}' is missing")

    def rest(self) -> dict[str, Any]:
        """All that has not been read so far; it counts as read now."""
        rest = {key: value for key, value in self.data.items() if key not in self._known}
        self._known.update(rest)
        return rest

    def close(self, more: Iterable[str] = ()) -> None:
        """Notes the keys that were not read; ``more`` are others that might be meant."""
        for key in self.data:
            if key not in self._known:
                self.note(schema.unknown(key, {*self._known, *more}), key)

    def each(self, key: str, read: Callable[[object], T]) -> tuple[T, ...]:
        """One value or a list of them, at least one if there is the key, each of them once."""
        self._known.add(key)
        value = self.data.get(key, ())
        items = value if isinstance(value, list) else [value] if key in self.data else []
        if value == []:
            self.note("expected at least one, got an empty list", key)
        found: list[T] = []
        for index, item in enumerate(items):
            steps = (key, index) if isinstance(value, list) else (key,)
            try:
                entry = read(item)
            except ValueError as error:
                self.note(str(error), *steps)
                continue
            if entry in found:
                self.note(f"{shown(entry)} is listed twice", *steps)
            found.append(entry)
        return tuple(found)


def _line(value: object) -> str:
    text = schema.convert(value, str)
    if not text.strip() or not text.isprintable():
        raise ValueError(f"expected one line of text, got {shown(text)}")
    return text


def _name(value: object) -> str:
    text = schema.convert(value, str)
    if not is_cluster_name(text):
        raise ValueError(f"expected a name of 1 to 63 of A-Z a-z 0-9 _ . -, got {shown(text)}")
    return text


def _whole(value: object, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"expected a number {low}..{high}, got {shown(value)}")
    return value


def _address(value: object) -> str:
    try:
        return parse({"ip": value, "port": 1}).ip
    except Refused as error:
        raise ValueError(str(error).removeprefix("ip: ")) from None
