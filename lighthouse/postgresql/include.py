"""The file that PostgreSQL includes: judged before the reload, and read back after it."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from lighthouse.balancer import UNCHANGED, Outcome
from lighthouse.files import FileGroup, FileTarget, difference
from lighthouse.postgresql.server import DatabaseServer, FileSetting
from lighthouse.software.installation import install

_HARMLESS: Final = "setting could not be applied"
"""What is said of a setting that needs a restart; the others of the file are loaded."""

_AUTOMATIC: Final = "postgresql.auto.conf"
"""What `ALTER SYSTEM` writes; it is read last."""

_PAUSE: Final = 0.01


class NotLoaded(RuntimeError):
    """The server does not go by what is in the file; the text says why and what to do."""


class IncludeFile:
    """Keeps the file; ``working`` hears of every step."""

    def __init__(
        self, path: str, server: DatabaseServer, timeout: float, working: Callable[[str], None]
    ) -> None:
        self.path: Final = Path(path)
        self._target: Final = FileTarget(path)
        self._server: Final = server
        self._timeout: Final = timeout
        self._working: Final = working
        self._group: Final = FileGroup(self._activate, self._go_on)
        self._told = False
        self.reloads = 0

    def pending(self, content: bytes) -> bool:
        """Return True if the file is another, or is not known to be loaded."""
        return bool(self._group.pending([(self._target, content)]))

    def difference(self, content: bytes) -> str:
        """A unified diff of what writing this would change."""
        return difference(self._target, content) if self.pending(content) else ""

    def install(self, content: bytes) -> Outcome:
        """Write and load it, if there is anything to do."""
        if not self.pending(content):
            return UNCHANGED
        self._told = False
        return install(self._group, [(self._target, content)])

    def overruled(self, wanted: Mapping[str, str], values: Mapping[str, str]) -> str:
        """Why what is in force is not what the file says, empty if it is.

        Nothing is done about it: whoever wrote the other line has meant it.
        """
        names = [name for name, value in wanted.items() if values.get(name) != value]
        if not names:
            return ""
        rows = self._server.files()
        for name in names:
            winner = [row for row in rows if row.name == name][-1:]
            if winner and not winner[0].is_of(self.path):
                return _overruled(winner[0])
            if not winner:
                return _not_included(self.path)
        return f"{', '.join(names)} in force is not what {self.path} says"

    def rivals(self, names: Sequence[str]) -> str:
        """What would win over the file, whatever that says; empty if nothing does."""
        automatic = [
            row
            for row in self._server.files()
            if row.name in names and Path(row.file).name == _AUTOMATIC
        ]
        return _overruled(automatic[0]) if automatic else ""

    def _activate(self) -> None:
        self._working(f"the check of {self.path}")
        rows = self._server.files()
        own = [row for row in rows if row.is_of(self.path)]
        wrong = [row for row in rows if row.error and (row in own or row.error != _HARMLESS)]
        if wrong:
            place = f"{wrong[0].file}:{wrong[0].line}"
            raise NotLoaded(f"{place}: {wrong[0].error}; PostgreSQL would load nothing")
        if not own:
            raise NotLoaded(_not_included(self.path))
        self._working("a reload of PostgreSQL")
        self._told = True
        self._server.reload()
        self.reloads += 1
        self._await({row.name: row.value for row in own if row.applied})

    def _await(self, wanted: Mapping[str, str]) -> None:
        """Until the values are in force; what another file overrules is not waited for."""
        deadline = time.monotonic() + self._timeout
        while True:
            values, _ = self._server.values()
            wrong = [name for name, value in wanted.items() if values.get(name, value) != value]
            if not wrong:
                return
            if time.monotonic() > deadline:
                names = ", ".join(wrong)
                raise NotLoaded(f"{self._timeout:g} s after the reload {names} is still another")
            time.sleep(_PAUSE)

    def _go_on(self) -> None:
        """The former file is back; the server hears of it only if it heard of the other."""
        if self._told:
            self._server.reload()


def _overruled(row: FileSetting) -> str:
    where = f"{row.name} is set by {row.file}:{row.line}, which is read later and wins"
    if Path(row.file).name == _AUTOMATIC:
        return f"{where}: run `ALTER SYSTEM RESET {row.name}` and `SELECT pg_reload_conf()`"
    return f"{where}: remove that line, and run `SELECT pg_reload_conf()`"


def _not_included(path: Path) -> str:
    return (
        f"PostgreSQL does not include {path}: add `include_if_exists = '{path}'` at the end of "
        "its postgresql.conf, or see that its user may read the file"
    )
