"""nginx's own configuration, which is its operator's: read, never written.

A candidate is a copy of the files that lead to ours, in a directory of its own, in which the
includes name the candidates of our files. So nginx judges what it would read after a change,
while nothing that its next start would read has been touched. The copy has a pid file and an
error log of its own, since ``nginx -t`` opens both.
"""

import contextlib
import fnmatch
import glob
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from lighthouse.files import FileTarget
from lighthouse.nginx.statements import Statement, statements

_DEEP: Final = 10
_LARGEST: Final = 8 << 20

Contents = Mapping[str, bytes | None]
"""Our files by path, with what they are to have; None: they are to be gone."""


class MainConfig(msgspec.Struct, frozen=True):
    """What the main file says of things that a reload has to do with; None: nothing."""

    pid: str | None = None
    error_log: str | None = None
    shutdown_timeout: str | None = None


class ConfigCopy(msgspec.Struct, frozen=True):
    """A copy that nginx can judge: the file to give it, what stands for what, what was reached.

    ``originals`` leads from each copied file to the one that it stands for.
    """

    config_file: str
    originals: dict[str, str]
    reached: frozenset[str]


def read(config_file: str) -> MainConfig:
    """What the main file says at its top; raises ``OSError`` if it cannot be read."""
    told = {s.words[0]: s.words[1] for s in statements(_text(config_file)) if _is_top(s)}
    return MainConfig(told.get("pid"), told.get("error_log"), told.get("worker_shutdown_timeout"))


def spares_idle(config_file: str) -> bool:
    """Return True if anything in the files says how idle clients outlive a reload.

    Raises ``OSError`` if the main file cannot be read.
    """
    return any(
        one.words[0] == "keepalive_min_timeout" or one.words[:2] == ("keepalive_timeout", "0")
        for one in _everything(config_file, os.path.dirname(config_file), 0)
    )


def _everything(path: str, beside: str, deep: int) -> Iterator[Statement]:
    """The statements of a file and of what it includes."""
    for statement in statements(_text(path)):
        yield statement
        if statement.words[0] == "include" and len(statement.words) == 2 and deep < _DEEP:
            for included in glob.glob(os.path.join(beside, statement.words[1])):
                with contextlib.suppress(OSError):
                    yield from _everything(included, beside, deep + 1)


def build(config_file: str, contents: Contents, place: Path) -> ConfigCopy:
    """Make a candidate in an empty directory; raises ``OSError``.

    The directory has links to whatever lies beside the main file, since nginx looks up what is
    named by a relative path beside the file that it is given.
    """
    copier = _Copier(config_file, contents, place)
    copier.link()
    return copier.candidate()


class _Copier:
    def __init__(self, config_file: str, contents: Contents, place: Path) -> None:
        self._main: Final = config_file
        self._contents: Final = contents
        self._place: Final = place
        self._originals: Final[dict[str, str]] = {}
        self._reached: Final[set[str]] = set()

    def link(self) -> None:
        """Have beside the copy what lies beside the original."""
        main = Path(self._main)
        for path in main.parent.iterdir():
            if path.name != main.name:
                (self._place / path.name).symlink_to(path)

    def candidate(self) -> ConfigCopy:
        copy = self._place / Path(self._main).name
        text = self._copied(self._main, 0)
        text = self._apart(_text(self._main) if text is None else text)
        copy.write_text(text, "utf-8", "surrogateescape")
        self._originals[str(copy)] = self._main
        return ConfigCopy(str(copy), self._originals, frozenset(self._reached))

    def _apart(self, text: str) -> str:
        """The main file without what ``nginx -t`` would open besides; no line is added."""
        own = (("pid", "pid"), ("error_log", "log"))
        first = "".join(f'{key} "{self._place}/.{name}"; ' for key, name in own)
        pieces, done = [first], 0
        for statement in statements(text):
            if _is_top(statement) and statement.words[0] in ("pid", "error_log"):
                pieces.append(text[done : statement.start])
                done = statement.end
        return "".join([*pieces, text[done:]])

    def _copied(self, path: str, deep: int) -> str | None:
        """A file with its includes led to the candidates, None if it leads to none."""
        text = _text(path)
        pieces, done = [], 0
        for statement in statements(text):
            if statement.words[0] != "include" or len(statement.words) != 2:
                continue
            instead = self._include(statement.words[1], deep)
            if instead is not None:
                pieces += [text[done : statement.start], instead]
                done = statement.end
        return "".join([*pieces, text[done:]]) if pieces else None

    def _include(self, given: str, deep: int) -> str | None:
        """What stands for an include, None if it leads to nothing of ours."""
        pattern = os.path.join(os.path.dirname(self._main), given)
        ours = [path for path in self._contents if _matches(path, pattern)]
        self._reached.update(ours)
        there = [path for path in glob.glob(pattern) if path not in self._contents]
        copies = {path: self._file(path, deep) for path in there}
        if not ours and all(copy is None for copy in copies.values()):
            return None
        for path in ours:
            content = self._contents[path]
            if content is not None:
                same = FileTarget(path).read() == content
                copies[path] = path if same else self._keep(path, content)
        lines = [f'include "{copies[path] or path}";' for path in sorted(copies)]
        return " ".join(lines)

    def _file(self, path: str, deep: int) -> str | None:
        if deep >= _DEEP:
            return None
        text = self._copied(path, deep + 1)
        return None if text is None else self._keep(path, text.encode("utf-8", "surrogateescape"))

    def _keep(self, path: str, content: bytes) -> str:
        copy = self._place / f".{len(self._originals)}.{Path(path).name}"
        copy.write_bytes(content)
        self._originals[str(copy)] = path
        return str(copy)


def _is_top(statement: Statement) -> bool:
    return statement.depth == 0 and len(statement.words) >= 2


def _matches(path: str, pattern: str) -> bool:
    """Return True if nginx's glob finds a path, which may not be there yet."""
    ours, theirs = Path(path).parts, Path(os.path.normpath(pattern)).parts
    if len(ours) != len(theirs):
        return False
    return all(
        fnmatch.fnmatchcase(part, wanted) and (part[0] != "." or wanted[0] == ".")
        for part, wanted in zip(ours, theirs, strict=True)
    )


def _text(path: str) -> str:
    """A configuration file; what is too large for one is taken for empty."""
    with open(path, "rb") as file:
        found = file.read(_LARGEST + 1)
    return found.decode("utf-8", "surrogateescape") if len(found) <= _LARGEST else ""
