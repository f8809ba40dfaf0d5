"""What may stand in a map of a file: one table, which is read by and described from.

Everything in it has a ``schema``: a JSON Schema (2020-12) that lets pass whatever the reader
takes, and refuses as much of the rest as can be said in one.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

JsonSchema = dict[str, Any]

ON: Final = ("on", "yes", "true")
OFF: Final = ("off", "no", "false")
"""The words that switch something, in any case."""


class ValueKind(msgspec.Struct, frozen=True):
    """``read`` returns what a value means, and raises ``ValueError`` for one that is wrong."""

    read: Callable[[object], Any]
    schema: JsonSchema


class OneOrMany(msgspec.Struct, frozen=True):
    """A value or a list of them, at least one, each of them once; ``listed``: a list only."""

    kind: ValueKind
    listed: bool = False

    @property
    def schema(self) -> JsonSchema:
        one = self.kind.schema
        many = {"type": "array", "items": one, "minItems": 1, "uniqueItems": True}
        return many if self.listed else {"anyOf": [one, many]}


class KeyTable(msgspec.Struct, frozen=True):
    """A map: its keys by name.

    ``others`` is what stands under keys of any other name; None: there are no others, unless
    the table is ``open``, where they may hold anything. ``one_of``: exactly one of these keys
    has to be there.
    """

    keys: Mapping[str, "ConfigKey"] = {}
    others: "Kind | None" = None
    open: bool = False
    one_of: tuple[str, ...] = ()

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(name for name, key in self.keys.items() if key.required)

    @property
    def schema(self) -> JsonSchema:
        needs = bool(self.required or self.one_of)
        found: JsonSchema = {
            "type": "object" if needs else ["object", "null"],
            "properties": {name: key.schema for name, key in self.keys.items()},
            "additionalProperties": self.open if self.others is None else self.others.schema,
        }
        if self.required:
            found["required"] = list(self.required)
        if self.one_of:
            found["oneOf"] = [{"required": [name]} for name in self.one_of]
        return found


class Switchable(msgspec.Struct, frozen=True):
    """A map of settings, or a word that switches what they are about on or off."""

    table: KeyTable

    @property
    def schema(self) -> JsonSchema:
        words = [{"type": "boolean"}, in_any_case(*ON, *OFF)]
        return {"anyOf": [self.table.schema, *words]}


class Variants(msgspec.Struct, frozen=True):
    """One of some words, alone or as a map's only key with its settings."""

    options: Mapping[str, KeyTable]

    @property
    def schema(self) -> JsonSchema:
        with_settings = {
            "type": "object",
            "properties": {name: table.schema for name, table in self.options.items()},
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        }
        return {"anyOf": [{"enum": list(self.options)}, with_settings]}


class Shorthand(msgspec.Struct, frozen=True):
    """A map, or a value that stands for it."""

    value: ValueKind
    table: KeyTable

    @property
    def schema(self) -> JsonSchema:
        return {"anyOf": [self.value.schema, self.table.schema]}


Kind = ValueKind | OneOrMany | KeyTable | Switchable | Variants | Shorthand


class ConfigKey(msgspec.Struct, frozen=True):
    """A key: what may stand under it, and ``about`` it in words, for those who write files.

    ``hint`` is what to write, for those who left out one that is ``required``.
    """

    kind: Kind
    about: str
    required: bool = False
    hint: str = ""

    @property
    def schema(self) -> JsonSchema:
        return {"description": self.about, **self.kind.schema}


def in_any_case(*words: str) -> JsonSchema:
    """The schema of words whose case does not matter; editors offer them in lower case."""
    each = ["".join(f"[{letter.upper()}{letter}]" for letter in word) for word in words]
    return {"anyOf": [{"enum": [*words]}, {"type": "string", "pattern": f"^({'|'.join(each)})$"}]}
