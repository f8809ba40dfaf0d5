"""Text in the making, with the place in the YAML that each of its lines came from."""

from collections.abc import Iterable
from typing import Final

import msgspec

ConfigPath = tuple[str | int, ...]

BIND_OPTIONS: Final = "bind_options"
PORT: Final = "port"


class Chunk(msgspec.Struct, frozen=True):
    """Some lines of the file and their places; ``owner`` is a cluster, or empty: the settings.

    Lines behind the last place are servers.
    """

    owner: str
    text: str
    places: tuple[ConfigPath, ...] = ()


class Draft:
    """Grows line by line."""

    def __init__(self) -> None:
        self._lines: Final[list[str]] = []
        self._places: Final[list[ConfigPath]] = []

    def head(self, text: str, *place: str | int) -> None:
        """A line that begins a section, or a remark."""
        self._lines.append(f"{text}\n")
        self._places.append(place)

    def line(self, text: str, *place: str | int) -> None:
        """A line inside a section."""
        self.head(f"    {text}", *place)

    def bind(self, address: str, options: str, *place: str | int) -> None:
        """A ``bind`` line; what HAProxy dislikes about it are its options, if it has any."""
        self.line(f"bind {address} {options}".rstrip(), *place, BIND_OPTIONS if options else PORT)

    def blank(self) -> None:
        self.head("")

    @property
    def text(self) -> str:
        return "".join(self._lines)

    @property
    def places(self) -> tuple[ConfigPath, ...]:
        return tuple(self._places)

    def chunk(self, owner: str = "") -> Chunk:
        return Chunk(owner, self.text, self.places)


def text_of(chunks: Iterable[Chunk]) -> str:
    """The file that the chunks make."""
    return "".join([chunk.text for chunk in chunks])


def at_port(place: ConfigPath) -> ConfigPath:
    """The place of a ``bind`` line whose address is the matter, not its options."""
    return (*place[:-1], PORT) if place[-1:] == (BIND_OPTIONS,) else place


def origin(chunks: Iterable[Chunk], line: int) -> tuple[str, ConfigPath]:
    """The owner of the line of this number (from 1), and its place in the owner's YAML."""
    before = 0
    for chunk in chunks:
        count = chunk.text.count("\n")
        if line <= before + count:
            index = line - before - 1
            known = index < len(chunk.places)
            return chunk.owner, chunk.places[index] if known else ("server_options",)
        before += count
    return "", ()
