"""One map of a file, read key by key as its table says."""

from collections.abc import Callable, Collection, Iterator
from typing import Any, Final, TypeVar

from lighthouse import schema
from lighthouse.config.schema.keys.table import (
    OFF,
    ON,
    KeyTable,
    Kind,
    OneOrMany,
    Shorthand,
    Switchable,
    ValueKind,
    Variants,
)
from lighthouse.schema import Problem, shown

_SWITCHES: Final = {**dict.fromkeys(ON, True), **dict.fromkeys(OFF, False)}

D = TypeVar("D")


class SectionReader:
    """Reads what it is asked for, and notes every fault in ``problems`` instead of raising.

    A faulty value is read as its default, so that the rest can be read too. What may stand
    where is said by the ``table``; ``close`` notes the keys that are not in it.
    """

    def __init__(
        self,
        data: object,
        problems: list[Problem],
        table: KeyTable,
        path: tuple[str | int, ...] = (),
    ) -> None:
        self.problems: Final = problems
        self.table: Final = table
        self.path: Final = path
        self.data: Final[dict[str, Any]] = data if isinstance(data, dict) else {}
        self._is_no_map = False
        if data is not None and not isinstance(data, dict):
            self.note(f"expected a map, got {shown(data)}")
            self._is_no_map = True
        self._need()

    def __contains__(self, key: str) -> bool:
        return key in self.data

    def note(self, message: str, *steps: str | int) -> None:
        """A fault here, or at what the steps lead to; of what is no map that alone is told."""
        if self._is_no_map:
            return
        self.problems.append(Problem((*self.path, *steps), message))

    def take(self, key: str, default: D) -> Any | D:
        """What a key's value means; the default if it is not there."""
        kind = self._kind(key)
        if isinstance(kind, Shorthand):
            kind = kind.value
        assert isinstance(kind, ValueKind), key
        return self._read(key, kind.read, default) if key in self.data else default

    def settings(self, default: object, *keys: str) -> dict[str, Any]:
        """What ``take`` gives for each of the keys, with defaults from attributes of that name."""
        return {key: self.take(key, getattr(default, key)) for key in keys or self.table.keys}

    def each(self, key: str) -> tuple[Any, ...]:
        """One value or a list of them, at least one if there is the key, each of them once."""
        kind = self._kind(key)
        assert isinstance(kind, OneOrMany), key
        if key not in self.data:
            return ()
        value = self.data[key]
        if kind.listed and not isinstance(value, list):
            self.note(f"expected a list of {key}, got {shown(value)}", key)
            return ()
        if value == []:
            self.note("expected at least one, got an empty list", key)
        found: list[Any] = []
        for index, item in enumerate(value if isinstance(value, list) else [value]):
            steps = (key, index) if isinstance(value, list) else (key,)
            try:
                entry = kind.kind.read(item)
            except ValueError as error:
                self.note(str(error), *steps)
                continue
            if entry in found:
                self.note(f"{shown(entry)} is listed twice", *steps)
            found.append(entry)
        return tuple(found)

    def section(self, key: str) -> "SectionReader":
        """The map under a key, empty if there is none."""
        kind = self._kind(key)
        table = kind.table if isinstance(kind, Shorthand) else kind
        assert isinstance(table, KeyTable), key
        return SectionReader(self.data.get(key), self.problems, table, (*self.path, key))

    def switch(self, key: str) -> "SectionReader | None":
        """The settings of what can be switched off: None if it is, a map with none if it is on.

        ``"off"`` in quotes, as writers of JSON have it, is off too.
        """
        kind = self._kind(key)
        assert isinstance(kind, Switchable), key
        value = self.data.get(key, True)
        place = (*self.path, key)
        is_on = value if isinstance(value, bool) else _SWITCHES.get(str(value).lower())
        if is_on is not None:
            return SectionReader({}, self.problems, kind.table, place) if is_on else None
        if value is not None and not isinstance(value, dict):
            self.note(f"expected off, or a map of its settings; got {shown(value)}", key)
            value = None
        return SectionReader(value, self.problems, kind.table, place)

    def variant(self, key: str) -> "tuple[str, SectionReader] | None":
        """One of some words, alone or as a map's only key with its settings; None if absent."""
        kind = self._kind(key)
        assert isinstance(kind, Variants), key
        if key not in self:
            return None
        value, options, place = self.data[key], kind.options, (*self.path, key)
        if isinstance(value, str) and value in options:
            return value, SectionReader({}, self.problems, options[value], place)
        if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in options:
            name, inside = next(iter(value.items()))
            return name, SectionReader(inside, self.problems, options[name], (*place, name))
        listed = ", ".join(options)
        words = f"expected one of {listed}, or a map of one of them to its settings"
        named = [value] if isinstance(value, str) else value if isinstance(value, dict) else ()
        unknown = [name for name in named if name not in options]
        hint = f"{schema.unknown(unknown[0], options)}; " if unknown else ""
        self.note(f"{hint}{words}; got {shown(value)}", key)
        return None

    def others(self) -> Iterator[tuple[str, Any]]:
        """What stands under keys that the table does not name: read, if it is a single value."""
        kind = self.table.others
        for key, value in self.rest().items():
            if isinstance(kind, ValueKind):
                yield key, self._read(key, kind.read, None)
            else:
                yield key, value

    def other(self, key: str) -> "SectionReader":
        """The map under such a key."""
        assert isinstance(self.table.others, KeyTable), key
        place = (*self.path, key)
        return SectionReader(self.data.get(key), self.problems, self.table.others, place)

    def rest(self) -> dict[str, Any]:
        """All that the table does not name."""
        return {key: value for key, value in self.data.items() if key not in self.table.keys}

    def close(self, names: Collection[str] = ()) -> None:
        """Notes the keys that mean nothing here; ``names`` are more that do."""
        known = {*self.table.keys, *names}
        for key in self.data:
            if key not in known:
                self.note(schema.unknown(key, known), key)

    def _kind(self, key: str) -> Kind:
        return self.table.keys[key].kind

    def _read(self, key: str, read: Callable[[object], Any], default: D) -> Any | D:
        try:
            return read(self.data[key])
        except schema.Invalid as error:
            for problem in error.problems:
                self.note(problem.message, key, *problem.path)
        except ValueError as error:
            self.note(str(error), key)
        return default

    def _need(self) -> None:
        """Notes which keys are missing; a misspelt one is told as such by ``close``."""
        for key in self.table.required:
            misspelt = any(
                not isinstance(value, dict | None) and schema.resembled(name, (key,))
                for name, value in self.rest().items()
            )
            if key not in self.data and not misspelt:
                hint = self.table.keys[key].hint
                self.note(f"'{key}' is missing" + (f"; expected {hint}" if hint else ""))
