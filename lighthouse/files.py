"""Writing files that other software reads: whole or not at all, and back if it does not work.

``FileTarget`` compares first (equal content is never written), writes beside the target,
syncs, has the candidate validated by the software itself, renames, activates it (a reload, with
its proof), and puts the last good content back if that fails. The target keeps its mode and
owner. A target that is a symbolic link stays one: the file that it leads to is replaced.
"""

import contextlib
import ctypes
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2


class Refused(ValueError):
    """The software does not accept the candidate; the text says why, in its own words."""


class NotActivated(RuntimeError):
    """The new content could not be put to use; ``restored`` tells if the old one is back."""

    def __init__(self, reason: str, restored: bool) -> None:
        super().__init__(reason)
        self.restored: Final = restored


class Edited(RuntimeError):
    """Somebody else has written the file just now; ``content`` is theirs, and is in place."""

    def __init__(self, content: bytes) -> None:
        super().__init__("somebody else has written the file just now")
        self.content: Final = content


Mark = tuple[int, ...]
"""What changes when somebody writes a file or puts another in its place."""


def _accept(candidate: Path) -> None:
    """Any content is fine."""


def _nothing() -> None:
    """The software needs no telling."""


class FileTarget:
    """One file that Lighthouse owns.

    ``validate`` is given the path of a candidate beside the target and raises ``Refused``.
    ``activate`` makes the software load the target and raises ``RuntimeError`` or ``OSError``
    unless it can prove that it did. ``mode`` is for a target that does not exist yet. What an
    ``install`` replaces is kept beside the target, the newest ``versions`` of it.
    """

    def __init__(
        self,
        path: Path | str,
        validate: Callable[[Path], None] = _accept,
        activate: Callable[[], None] = _nothing,
        mode: int = 0o644,
        versions: int = 1,
    ) -> None:
        self.path: Final = Path(path)
        self._validate: Final = validate
        self._activate: Final = activate
        self._mode: Final = mode
        self._versions: Final = versions
        self._last_good: bytes | None = None
        self.written: Mark = ()
        """Of what was written last, taken from the descriptor that it was written through."""

    @property
    def last_good(self) -> bytes | None:
        """What was there before the last ``install`` that replaced something.

        It is kept beside the target too, for whoever starts after a crash in the middle.
        """
        if self._last_good is None:
            with contextlib.suppress(OSError):
                return self.version(1).read_bytes()
        return self._last_good

    def version(self, number: int) -> Path:
        """Where a replaced content is kept, 1 for the newest."""
        target = self.path.resolve()
        return target.with_name(f".{target.name}.{number}")

    def read(self) -> bytes | None:
        """The content, None if there is no such file; raises ``OSError`` otherwise."""
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None

    def mark(self) -> Mark:
        """Of the file as it is, empty if it cannot be looked at."""
        try:
            return _mark(os.stat(self.path))
        except OSError:
            return ()

    def write(self, content: bytes, keep: bool = False, over: bytes | None = None) -> bool:
        """Return True if the content had to be written; nothing is activated.

        ``keep``: what is replaced becomes a version. ``over``: the only content that may be
        replaced; where the kernel can exchange files, not even one that somebody writes in the
        meantime is lost. Raises ``OSError`` with the old file whole, ``Refused`` or ``Edited``.
        """
        there = self.read()
        if there == content:
            self._tidy()
            return False
        if over is not None and there is not None and there != over:
            raise Edited(there)
        self._replace(content, check=True, keep=keep, over=over)
        return True

    def install(self, content: bytes, active: bool = True, good: bool = True) -> bool:
        """Write and activate; return True if there was anything to do.

        ``active`` is false if the software has not loaded what is in the file: then it is
        activated though it be equal. ``good`` is false if what is in the file was never proven:
        then it is not what would be put back, but the newest version.

        Raises ``OSError`` or ``Refused`` with nothing touched, and ``NotActivated`` after the
        last good content was put back and activated again.
        """
        former = self.read()
        if former != content:
            self._replace(content, check=True, keep=good)
            self._last_good = former if good else None
        else:
            self._tidy()
            if active:
                return False
        try:
            self._activate()
        except (RuntimeError, OSError) as error:
            raise NotActivated(str(error), self.restore()) from error
        return True

    def restore(self) -> bool:
        """Put the last good content back and activate it; return True if that went well."""
        former = self.last_good
        if former is None:
            return False
        try:
            self._put_back(former)
            self._activate()
        except (RuntimeError, OSError):
            return False
        return True

    def _put_back(self, former: bytes) -> None:
        """Where there is no room for another copy, the kept one is put back itself."""
        try:
            self._replace(former, check=False)
        except OSError:
            kept = self.version(1)
            if kept.read_bytes() != former:
                raise
            os.replace(kept, self.path.resolve())

    def _beside(self) -> Path:
        """Where a candidate is written."""
        target = self.path.resolve()
        return target.with_name(f".{target.name}.new")

    def _tidy(self) -> None:
        """Remove what a process left that was killed between its rename and its end."""
        with contextlib.suppress(OSError):
            self._beside().unlink(missing_ok=True)

    def _replace(
        self, content: bytes, check: bool, keep: bool = False, over: bytes | None = None
    ) -> None:
        target = self.path.resolve()
        beside = self._beside()
        try:
            self.written = self._write_beside(beside, content, target)
            if check:
                self._validate(beside)
            if not _exchange(beside, target):
                if keep:
                    self._rotate(target)
                os.replace(beside, target)
            else:
                self._look_at(beside, target, over)
                if keep:
                    self._rotate(beside)
                beside.unlink()
        except (OSError, ValueError, Edited):
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
            raise
        sync_directory(target.parent)
        if target.read_bytes() != content:
            raise OSError(f"{target} does not read back as written")

    def _look_at(self, beside: Path, target: Path, over: bytes | None) -> None:
        """What came out in exchange: if it is not what was to be replaced, it goes back in."""
        if over is not None and (found := beside.read_bytes()) != over:
            _exchange(beside, target)
            raise Edited(found)

    def _rotate(self, former: Path) -> None:
        """Keep what is, or was, in the file as the newest version."""
        for number in range(self._versions, 1, -1):
            with contextlib.suppress(FileNotFoundError):
                os.replace(self.version(number - 1), self.version(number))
        self.version(1).unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.link(former, self.version(1))

    def _write_beside(self, beside: Path, content: bytes, target: Path) -> Mark:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(beside, flags, 0o600)
        with open(descriptor, "wb") as file:
            _take_after(descriptor, target, self._mode)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
            return _mark(os.fstat(descriptor))


def _mark(found: os.stat_result) -> Mark:
    return found.st_ino, found.st_size, found.st_mtime_ns


def _exchange(one: Path, other: Path) -> bool:
    """Have two files change places at once; False where there are no two, or it cannot be."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        return False
    paths = os.fsencode(one), os.fsencode(other)
    return bool(renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0)


def _take_after(descriptor: int, target: Path, mode: int) -> None:
    """Give a new file the mode and the owner of the one it will replace."""
    try:
        former = os.stat(target)
    except FileNotFoundError:
        os.fchmod(descriptor, mode)
        return
    mine = os.fstat(descriptor)
    if (former.st_uid, former.st_gid) != (mine.st_uid, mine.st_gid):
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, former.st_uid, former.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(former.st_mode))


def sync_directory(directory: Path | str) -> None:
    """Have on disk which files a directory has: what was renamed there, or removed."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
