"""A YAML text as values, each with its position and each with a bound on what it costs.

YAML's own parser and scalar rules are used; what is built from its events here is the part
in between, for the positions, for duplicate keys (which YAML's own composer lets pass), and
so that neither deep nesting nor a chain of aliases can exhaust anything.
"""

import re
from typing import Any, Final

import msgspec
import yaml

from lighthouse.config.fault import Fault
from lighthouse.config.schema.yaml_numbers import misread
from lighthouse.schema import shown

MAX_DEPTH: Final = 64
_MAX_WEIGHT: Final = 4 * 1024 * 1024
"""Bytes of all values, with each alias counted as often as it is used."""

_Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PREFIX: Final = "tag:yaml.org,2002:"
_TEXTS: Final = {_PREFIX + "str", _PREFIX + "timestamp", _PREFIX + "value", _PREFIX + "merge"}
_SCALARS: Final = {_PREFIX + name for name in ("int", "float", "bool", "null")}
_NUMBERS: Final = {_PREFIX + "int", _PREFIX + "float"}
_MERGE: Final = _PREFIX + "merge"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


_NO_TOKEN: Final = "found character that cannot start any token"
"""YAML's own words, which name neither the character nor the remedy."""

_BEGINNINGS: Final = {"\t": "a tab cannot indent in YAML; use spaces"}


class YamlPosition(msgspec.Struct):
    """Where something stands, counted from 1, and the places of what is in it."""

    line: int
    column: int
    inside: dict[str | int, "YamlPosition"] = {}


class YamlPart(msgspec.Struct):
    """A value under construction, with the weight that an alias of it adds."""

    value: Any
    place: YamlPosition
    weight: int


class _Stop(Exception):
    """Nothing more can be made of the file; the fault is noted."""


class Composer:
    """Values out of YAML's events; ``faults`` are all that was found wrong with them."""

    def __init__(self, file: str, text: str) -> None:
        self._file: Final = file
        self._text: Final = text
        self._loader: Final = _Loader(text)
        self.faults: Final[list[Fault]] = []
        self._anchors: Final[dict[str, YamlPart | None]] = {}
        self._weight = 0

    def root(self) -> YamlPart | None:
        """The value that the whole text describes, None if there is none; see ``faults``."""
        try:
            return self._only_document()
        except yaml.MarkedYAMLError as error:
            self._syntax(error)
        except (ValueError, OverflowError) as error:
            # Only without libyaml: an escape such as "\Uffffffff" that names no character.
            self._note(YamlPosition(1, 1), str(error))
        except _Stop:
            pass
        finally:
            self._loader.dispose()
        return None

    def _only_document(self) -> YamlPart:
        self._loader.get_event()
        if self._loader.check_event(yaml.StreamEndEvent):
            return YamlPart(None, YamlPosition(1, 1), 0)
        self._loader.get_event()
        root = self._part(0)
        self._loader.get_event()
        if not self._loader.check_event(yaml.StreamEndEvent):
            self._note(_place(self._loader.peek_event()), "expected one document, got another")
        return root

    def _part(self, depth: int) -> YamlPart:
        """The value that the next events describe."""
        event = self._loader.get_event()
        place = _place(event)
        if depth > MAX_DEPTH:
            raise self._stop(place, f"nested deeper than {MAX_DEPTH}")
        if isinstance(event, yaml.AliasEvent):
            part = self._alias(event, place)
        else:
            self._open(event.anchor, place)
            match event:
                case yaml.ScalarEvent():
                    part = self._scalar(event, place)
                case yaml.SequenceStartEvent():
                    part = self._list(event, place, depth)
                case _:
                    part = self._map(event, place, depth)
            if event.anchor is not None:
                self._anchors[event.anchor] = part
        return part

    def _open(self, anchor: str | None, place: YamlPosition) -> None:
        if anchor is not None:
            if anchor in self._anchors:
                self._note(place, f"duplicate anchor '&{anchor}'")
            self._anchors[anchor] = None

    def _alias(self, event: Any, place: YamlPosition) -> YamlPart:
        if event.anchor not in self._anchors:
            raise self._stop(place, f"unknown alias '*{event.anchor}'")
        part = self._anchors[event.anchor]
        if part is None:
            raise self._stop(place, f"alias '*{event.anchor}' contains itself")
        self._weigh(part.weight, place)
        return YamlPart(
            part.value, YamlPosition(place.line, place.column, part.place.inside), part.weight
        )

    def _scalar(self, event: Any, place: YamlPosition) -> YamlPart:
        tag = self._tag(event, yaml.ScalarNode, event.value, event.implicit)
        weight = 1 + len(event.value)
        self._weigh(weight, place)
        if tag in _TEXTS:
            if _SURROGATE.search(event.value):
                self._note(place, f"{shown(event.value)} has half a character (a surrogate)")
            return YamlPart(event.value, place, weight)
        if tag not in _SCALARS:
            self._note(place, _unknown_tag(tag))
            return YamlPart(None, place, weight)
        if tag in _NUMBERS and (reason := misread(event.value)):
            self._note(place, reason)
            return YamlPart(None, place, weight)
        try:
            value = self._loader.construct_object(yaml.ScalarNode(tag, event.value))
        except (ValueError, LookupError, OverflowError):
            self._note(place, f"{shown(event.value)} is no {tag.removeprefix(_PREFIX)}")
            value = None
        if isinstance(value, int) and not -(2**63) <= value < 2**64:
            self._note(place, f"{shown(event.value)} is out of range for a number; quote it")
        return YamlPart(value, place, weight)

    def _list(self, event: Any, place: YamlPosition, depth: int) -> YamlPart:
        if self._tag(event, yaml.SequenceNode, None, event.implicit) != _PREFIX + "seq":
            self._note(place, _unknown_tag(event.tag))
        before = self._weight
        self._weigh(1, place)
        values: list[Any] = []
        places: dict[str | int, YamlPosition] = {}
        while not self._loader.check_event(yaml.SequenceEndEvent):
            part = self._part(depth + 1)
            places[len(values)] = part.place
            values.append(part.value)
        self._loader.get_event()
        place.inside = places
        return YamlPart(values, place, self._weight - before)

    def _map(self, event: Any, place: YamlPosition, depth: int) -> YamlPart:
        if self._tag(event, yaml.MappingNode, None, event.implicit) != _PREFIX + "map":
            self._note(place, _unknown_tag(event.tag))
        before = self._weight
        self._weigh(1, place)
        own: dict[str, YamlPart] = {}
        merged: list[YamlPart] = []
        while not self._loader.check_event(yaml.MappingEndEvent):
            self._entry(depth, own, merged)
        self._loader.get_event()
        values: dict[str, Any] = {}
        for part in reversed(merged):
            values |= part.value
            place.inside = place.inside | part.place.inside
        values |= {key: part.value for key, part in own.items()}
        place.inside = place.inside | {key: part.place for key, part in own.items()}
        return YamlPart(values, place, self._weight - before)

    def _entry(self, depth: int, own: dict[str, YamlPart], merged: list[YamlPart]) -> None:
        event = self._loader.peek_event()
        is_merge = (
            isinstance(event, yaml.ScalarEvent)
            and self._tag(event, yaml.ScalarNode, event.value, event.implicit) == _MERGE
        )
        key = self._part(depth + 1)
        part = self._part(depth + 1)
        if is_merge:
            if merged:
                self._note(key.place, "duplicate key '<<'; list the maps to merge instead")
            merged.extend(self._merged(part, key.place))
        elif not isinstance(key.value, str):
            self._note(key.place, f"a key must be text, got {shown(key.value)}; quote it")
        elif key.value in own:
            first = own[key.value].place
            message = f"duplicate key {shown(key.value)}; first at {first.line}:{first.column}"
            self._note(key.place, message)
        else:
            at = YamlPosition(key.place.line, key.place.column, part.place.inside)
            own[key.value] = YamlPart(part.value, at, part.weight)

    def _merged(self, part: YamlPart, place: YamlPosition) -> list[YamlPart]:
        """The maps that ``<<`` brings in; the first of them counts most."""
        if isinstance(part.value, dict):
            return [part]
        if isinstance(part.value, list) and all(isinstance(item, dict) for item in part.value):
            inside = part.place.inside
            return [YamlPart(item, inside[index], 0) for index, item in enumerate(part.value)]
        self._note(place, f"'<<' merges a map or a list of maps, got {shown(part.value)}")
        return []

    def _tag(self, event: Any, kind: Any, value: str | None, implicit: Any) -> str:
        if event.tag is not None and event.tag != "!":
            return str(event.tag)
        return str(self._loader.resolve(kind, value, implicit))

    def _weigh(self, weight: int, place: YamlPosition) -> None:
        self._weight += weight
        if self._weight > _MAX_WEIGHT:
            raise self._stop(place, f"more than {_MAX_WEIGHT} bytes once aliases are expanded")

    def _syntax(self, error: yaml.MarkedYAMLError) -> None:
        mark, context = error.problem_mark, error.context_mark
        words = error.problem or error.context or "not YAML"
        if error.problem and error.context:
            words += f", {error.context}"
            words += f" that begins at {context.line + 1}:{context.column + 1}" if context else ""
        at = mark or context
        first = self._text[at.index : at.index + 1] if at else ""
        if error.problem == _NO_TOKEN and first:
            words = _BEGINNINGS.get(first, f"{first!a} cannot begin a value; put it in quotes")
        self._note(YamlPosition(at.line + 1, at.column + 1) if at else YamlPosition(1, 1), words)

    def _note(self, place: YamlPosition, message: str) -> None:
        self.faults.append(Fault(self._file, place.line, place.column, message))

    def _stop(self, place: YamlPosition, message: str) -> _Stop:
        self._note(place, message)
        return _Stop(message)


def _place(event: Any) -> YamlPosition:
    return YamlPosition(event.start_mark.line + 1, event.start_mark.column + 1)


def _unknown_tag(tag: object) -> str:
    short = str(tag).replace(_PREFIX, "!!")
    return f"tag '{short}' means nothing here; plain values, maps and lists are expected"
