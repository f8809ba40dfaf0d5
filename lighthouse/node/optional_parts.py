"""The parts that a record may do without: what is wrong with one is noted, or refuses it all."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from lighthouse.node.fields import Refused
from lighthouse.text import one_line

T = TypeVar("T")


class OptionalParts:
    """Reads the optional parts of a record, and notes what is wrong with them."""

    def __init__(self, strict: bool) -> None:
        self.strict: Final = strict
        self.notes: Final[list[str]] = []

    def take(self, read: Callable[[Any, str], T], value: object, field: str, default: T) -> T:
        """What ``read`` makes of a part; one that it refuses is left out, with a note."""
        try:
            return read(value, field)
        except Refused as error:
            self.note(error, "it is left out")
            return default

    def note(self, refused: Refused, instead: str) -> None:
        """Note what is done about a part that is not as it should be; strict: refuse it."""
        if self.strict:
            raise refused
        self.notes.append(one_line(f"{refused}; {instead}"))
