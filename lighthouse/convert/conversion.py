"""What becomes of a configuration: the files of a tree, and what could not be carried over."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import yaml

from lighthouse.config.fault import Fault
from lighthouse.config.schema.document import YamlDocument

Path = tuple[str | int, ...]


class Conversion:
    """A tree in the making.

    ``files`` are texts by their paths in the tree, ``secrets`` contents of files that only their
    owner may read. ``left`` is what is not carried over, each with its place in the source.
    """

    def __init__(self) -> None:
        self.files: Final[dict[str, str]] = {}
        self.secrets: Final[dict[str, str]] = {}
        self.left: Final[list[Fault]] = []

    def add(self, path: str, content: Mapping[str, Any]) -> bool:
        """Take a file; returns False if the tree has another one of that name already."""
        return self.add_text(path, _yaml(content))

    def add_text(self, path: str, text: str) -> bool:
        """The same with the text as it is to be."""
        return self.files.setdefault(path, text) == text

    def leave(self, document: YamlDocument, path: Path, message: str) -> None:
        """Note something that is not carried over, and why."""
        self.note(document.file, *document.locate(path), message)

    def note(self, file: str, line: int, column: int, message: str) -> None:
        """The same for a source that is no document."""
        self.left.append(Fault(file, line, column, message, warning=True))


class Keys:
    """A map of a source, whose keys are taken one by one; what nobody takes is noted.

    A value that is not of the kind that is asked for is noted, and taken for none.
    """

    def __init__(self, to: Conversion, document: YamlDocument, path: Path, content: Any) -> None:
        self._to: Final = to
        self._document: Final = document
        self._path: Final = path
        self._content: Final = content if isinstance(content, dict) else {}
        self._taken: Final[set[str]] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._content

    @property
    def names(self) -> list[str]:
        return list(self._content)

    def line(self, key: str) -> int:
        """Where a key stands, counted from 1."""
        return self._document.locate((*self._path, key))[0]

    def text(self, key: str) -> str | None:
        """A text, or a number as text."""
        found = self._take(key, (str, int, float), "text")
        return None if found is None else str(found)

    def number(self, key: str) -> int | float | None:
        """A number, also if it is written as text."""
        found = self._take(key, (int, float, str), "a number")
        if isinstance(found, str):
            try:
                found = float(found) if "." in found else int(found)
            except ValueError:
                self.leave(key, f"expected a number, got {found!r}")
                return None
        return None if found is None else found + 0

    def flag(self, key: str) -> bool | None:
        found: bool | None = self._take(key, (bool,), "true or false")
        return found

    def texts(self, key: str) -> list[str]:
        """A list of texts; a text alone is a list of one."""
        found = self._take(key, (list, str), "a list of texts")
        items = [found] if isinstance(found, str) else found or []
        return [str(item) for item in items]

    def items(self, key: str) -> list["Keys"]:
        """A list of maps; one alone is a list of one."""
        found = self._take(key, (list, dict), "a list of maps")
        if isinstance(found, dict):
            return [self._inner((key,), found)]
        return [self._inner((key, index), item) for index, item in enumerate(found or [])]

    def map(self, key: str) -> "Keys":
        """A map; empty if there is none."""
        return self._inner((key,), self._take(key, (dict,), "a map"))

    def whole(self, key: str) -> dict[str, Any]:
        """A map that is carried over as it is."""
        found: dict[str, Any] = self._take(key, (dict,), "a map") or {}
        return found

    def leave(self, key: str, message: str) -> None:
        """Note that a key is not carried over."""
        self._taken.add(key)
        self._to.leave(self._document, (*self._path, key), f"{key}: {message}")

    def say(self, message: str) -> None:
        """Note something about the whole map."""
        self._to.leave(self._document, self._path, message)

    def end(self, why: Mapping[str, str], otherwise: str = "nothing here means this") -> None:
        """Note each key that nobody has taken, with what ``why`` says of it; empty: nothing."""
        for key in self._content:
            if key not in self._taken:
                reason = why.get(key, otherwise)
                if reason:
                    self.leave(key, reason)

    def _inner(self, path: Path, content: Any) -> "Keys":
        return Keys(self._to, self._document, (*self._path, *path), content)

    def _take(self, key: str, kinds: tuple[type, ...], expected: str) -> Any:
        found = self._content.get(key)
        self._taken.add(key)
        if found is None:
            return None
        if isinstance(found, kinds) and not (isinstance(found, bool) and bool not in kinds):
            return found
        self.leave(key, f"expected {expected}")
        return None


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as they are read, and no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _yaml(content: Mapping[str, Any]) -> str:
    given = {key: value for key, value in content.items() if value not in (None, [])}
    text: str = yaml.dump(given, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)
    return text


def unique(names: Iterable[str], wanted: str) -> str:
    """Return a name that none of the others has: the one that is wanted, or with a number."""
    taken, name, number = set(names), wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return name
