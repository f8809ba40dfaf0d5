"""Which files this process changes, and what it runs, as the interpreter itself tells it."""

import contextlib
import difflib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_LARGEST: Final = 1024 * 1024


class FileChanges:
    """From ``watch`` on, what is opened for writing, renamed and removed, and what is started."""

    def __init__(self) -> None:
        self._before: Final[dict[Path, str | None]] = {}
        self.commands: Final[list[str]] = []
        self._busy = False

    def watch(self) -> None:
        """For as long as the process lives."""
        sys.addaudithook(self._heard)

    def differences(self) -> Iterator[tuple[Path, str]]:
        """Every file that is other than it was, with a unified diff."""
        self._busy = True
        for path, before in sorted(self._before.items()):
            after = _text(path)
            if after != before:
                yield path, _diff(str(path), before, after)
        self._busy = False

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._busy:
            return
        self._busy = True
        try:
            if event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING:
                self._touched(arguments[0])
            elif event in ("os.rename", "os.link", "os.symlink"):
                self._touched(arguments[0], arguments[1])
            elif event in ("os.remove", "os.truncate"):
                self._touched(arguments[0])
            elif event == "subprocess.Popen":
                self.commands.append(" ".join(map(os.fsdecode, arguments[1])))
        finally:
            self._busy = False

    def _touched(self, *names: object) -> None:
        for name in names:
            if isinstance(name, str | bytes | os.PathLike):
                path = Path(os.path.realpath(os.fsdecode(name)))
                if path not in self._before and not path.is_relative_to("/proc"):
                    self._before[path] = _text(path)


def _text(path: Path) -> str | None:
    """What is in a file, None if there is none."""
    with contextlib.suppress(OSError):
        if path.is_file() and path.stat().st_size <= _LARGEST:
            return path.read_text(errors="backslashreplace")
        if path.exists():
            return "(not shown)"
    return None


def _diff(name: str, before: str | None, after: str | None) -> str:
    old = "/dev/null" if before is None else name
    new = "/dev/null" if after is None else name
    lines = (before or "").splitlines(), (after or "").splitlines()
    return "\n".join(difflib.unified_diff(*lines, old, new, lineterm=""))
