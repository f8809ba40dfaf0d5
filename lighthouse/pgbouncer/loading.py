"""Installs the include file: written, loaded, read back; one bad line costs its database only."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from lighthouse.balancer import APPLIED, UNCHANGED, Outcome
from lighthouse.files import FileGroup, FileTarget, Mark, NotActivated, Postponed
from lighthouse.pgbouncer.console import AdminConsole, Declined, PoolState, Unreachable
from lighthouse.pgbouncer.include import GENERATION, DatabaseLine, parse, render

Lines = Mapping[str, DatabaseLine]

_INCLUDE: Final = re.compile(r"\s*%include\s+(\S.*?)\s*")


class FileInstall(msgspec.Struct, frozen=True):
    """How an install ended; ``refused`` are the databases whose own line PgBouncer does not take.

    ``lines`` are what the file has now.
    """

    outcome: Outcome
    lines: Lines
    refused: Mapping[str, str] = {}


class DatabasesFile:
    """The file, and what PgBouncer has loaded of it."""

    def __init__(self, path: str, console: AdminConsole, alive: Callable[[str], None]) -> None:
        self._console: Final = console
        self._alive: Final = alive
        self.target: Final = FileTarget(path)
        self._group: Final = FileGroup(self._load)
        self._refused: Final[dict[tuple[str, object], str]] = {}
        self._reason: str | None = None
        self._unlike: str | None = None
        """Why the file was refused last, and which of its lines was the first not in force."""
        self.reloads = 0

    def present(self) -> dict[str, DatabaseLine]:
        """The databases in the file; raises ``OSError``."""
        found = parse(self.target.read())
        found.pop(GENERATION, None)
        return found

    def mark(self) -> Mark:
        """Of the file as it is."""
        return self.target.mark()

    def takeable(self, lines: Lines, present: Lines) -> dict[str, DatabaseLine]:
        """The same lines, with former options where PgBouncer has refused the newer ones."""
        found = {}
        for name, line in lines.items():
            taken = line if _key(line) not in self._refused else _former(line, present)
            if taken is not None:
                found[name] = taken
        return found

    def pending(self, lines: Lines) -> bool:
        """Return True if the file differs, or is not known to be loaded."""
        return bool(self._group.pending([(self.target, render(lines.values()))]))

    def forget_refusals(self) -> None:
        """Another PgBouncer may take what this one did not."""
        self._refused.clear()

    def install(self, lines: Lines, present: Lines) -> FileInstall:
        """Have PgBouncer lead to these; a line that it does not take stays as it was."""
        suspects: list[tuple[str, object]] = []
        while True:
            wanted = self.takeable(lines, present)
            found = self._tried(wanted, present)
            culprit = None if self._reason is None else self._suspect(wanted, present)
            if culprit is None:
                break
            suspects.append(culprit)
            self._refused[culprit] = self._reason or ""
        if found.outcome.kind == "failed":
            return msgspec.structs.replace(found, refused=self._told(lines))
        for innocent in suspects[:-1]:
            found = self._acquitted(innocent, lines, present, found)
        return msgspec.structs.replace(found, refused=self._told(lines))

    def _acquitted(
        self, suspect: tuple[str, object], lines: Lines, present: Lines, found: FileInstall
    ) -> FileInstall:
        """Try again with a line that may not have been to blame."""
        reason = self._refused.pop(suspect)
        again = self._tried(self.takeable(lines, present), present)
        if again.outcome.kind != "failed":
            return again
        self._refused[suspect] = reason
        return found

    def _tried(self, wanted: Lines, present: Lines) -> FileInstall:
        """One install, all or nothing."""
        self._reason = self._unlike = None
        try:
            written = self._group.install([(self.target, render(wanted.values()))])
            return FileInstall(APPLIED if written else UNCHANGED, wanted)
        except Postponed as reason:
            told = f"written, but not loaded: {reason}"
        except NotActivated as error:
            back = "is back" if error.restored else "is back, but could not be loaded"
            told = f"not loaded: {error}; the former file {back}"
        except OSError as error:
            told = f"no file is touched: {error}"
        return FileInstall(Outcome("failed", told), present)

    def _suspect(self, wanted: Lines, present: Lines) -> tuple[str, object] | None:
        """The first line that is new, up to the first that is not in force."""
        proven = {_key(line) for line in present.values()}
        for name, line in sorted(wanted.items()):
            if _key(line) not in proven and _key(line) not in self._refused:
                return _key(line)
            if name == self._unlike:
                break
        return None

    def loaded_again(self) -> bool:
        """Return True if PgBouncer led elsewhere than the file says, and does so no more.

        Raises ``OSError`` or ``RuntimeError`` if that cannot be found out or mended.
        """
        content = self.target.read()
        if _first_unlike(content, self._console.databases()) is None:
            return False
        self._load()
        return True

    def _told(self, lines: Lines) -> dict[str, str]:
        keys = {name: _key(line) for name, line in lines.items()}
        return {name: self._refused[key] for name, key in keys.items() if key in self._refused}

    def _load(self) -> None:
        """RELOAD, and proof that all lines of the file are in force."""
        self._alive("a RELOAD of PgBouncer")
        self.reloads += 1
        content = self.target.read()
        complaint = ""
        try:
            try:
                self._console.reload()
            except Declined as error:
                complaint = str(error)
            loaded = self._console.databases()
        except Unreachable as error:
            raise Postponed(str(error)) from error
        unlike = _first_unlike(content, loaded)
        if unlike is not None:
            self._refuse(unlike, loaded, complaint)
        if complaint:
            raise RuntimeError(f"RELOAD: {complaint}")

    def _refuse(self, unlike: str, loaded: Mapping[str, PoolState], complaint: str) -> None:
        """Tell a line that is not taken from a file that is not read at all."""
        self._alive("what PgBouncer has loaded")
        if "admin access" in complaint:
            raise Postponed(f"RELOAD: {complaint}")
        if GENERATION not in loaded:
            included = self._is_included()
            if included is False or (included is None and self.target.last_good is None):
                raise Postponed(_not_included(self.target.path))
            if included is None:
                raise RuntimeError(_not_included(self.target.path))
        said = f" ({complaint})" if complaint else ""
        if GENERATION not in loaded:
            said += f", or its user may not read {self.target.path}"
        self._unlike = unlike
        self._reason = (
            f"PgBouncer does not take all lines of the file{said}: look at the options of its "
            "database, and for the reason in PgBouncer's log"
        )
        raise RuntimeError(self._reason)

    def _is_included(self) -> bool | None:
        """Return True if PgBouncer's own file names ours; None if that cannot be read."""
        return includes(self._console.config().get("conffile", ""), self.target.path)


def includes(config_file: str, path: Path) -> bool | None:
    """Return True if a configuration includes a file; None if it cannot be read from here."""
    if not os.path.isabs(config_file):
        return None
    try:
        text = Path(config_file).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    named = [match[1] for row in text.splitlines() if (match := _INCLUDE.fullmatch(row))]
    return any(str(path) == one or (one == path.name) for one in named)


def _not_included(path: Path) -> str:
    return (
        f"PgBouncer does not read {path}: add `%include {path}` as the last line of [databases] "
        "in its configuration, which has to be the last section"
    )


def _first_unlike(content: bytes | None, loaded: Mapping[str, PoolState]) -> str | None:
    """The first line, in the order of the file, that is not in force."""
    for name, line in parse(content).items():
        found = loaded.get(name)
        if found is None or (found.host, found.port, found.dbname) != (
            line.host,
            line.port,
            line.dbname,
        ):
            return name
    return None


def _key(line: DatabaseLine) -> tuple[str, object]:
    """What PgBouncer may refuse of a line, wherever it leads to."""
    return line.name, (line.dbname, line.options)


def _former(line: DatabaseLine, present: Lines) -> DatabaseLine | None:
    former = present.get(line.name)
    if former is None or _key(former) == _key(line):
        return None
    return msgspec.structs.replace(former, hosts=line.hosts, port=line.port)
