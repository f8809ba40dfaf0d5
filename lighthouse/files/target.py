"""One file that Lighthouse owns: replaced as a whole, and back if it does not work."""

import contextlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from lighthouse.files.access import Access
from lighthouse.files.exchange import Mark, exchange, mark_at, mark_of, naming, sync_directory


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


def _accept(candidate: Path) -> None:
    """Any content is fine."""


def _nothing() -> None:
    """The software needs no telling."""


class FileTarget:
    """One file that Lighthouse owns.

    ``validate`` is given the path of a candidate beside the target and raises ``Refused``.
    ``activate`` makes the software load the target and raises ``RuntimeError`` or ``OSError``
    unless it can prove that it did. ``mode`` is for a target that does not exist yet; what
    ``access`` says holds for one that does, too. What an ``install`` replaces is kept beside the
    target, the newest ``versions`` of it.
    """

    def __init__(
        self,
        path: Path | str,
        validate: Callable[[Path], None] = _accept,
        activate: Callable[[], None] = _nothing,
        mode: int = 0o644,
        versions: int = 1,
        access: Access | None = None,
    ) -> None:
        self.path: Final = Path(path)
        self._validate: Final = validate
        self._activate: Final = activate
        self._mode: Final = mode
        self._versions: Final = versions
        self._access: Final = access or Access()
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

    @property
    def unproven(self) -> Path:
        """Where it stands that the file was replaced, and is not known to be activated."""
        target = self.path.resolve()
        return target.with_name(f".{target.name}.unproven")

    def has(self, content: bytes) -> bool:
        """Return True if the file has this content, and the access that it should have."""
        try:
            return self._access.fits(os.stat(self.path)) and self.read() == content
        except FileNotFoundError:
            return False

    @property
    def access_now(self) -> Access:
        """What a candidate beside the file would have, as far as it was said or is there."""
        try:
            mode = stat.S_IMODE(os.stat(self.path).st_mode)
        except OSError:
            mode = self._mode
        return Access(self._access.mode or mode, self._access.owner, self._access.group)

    def stage(self, content: bytes) -> Path:
        """Write a candidate beside the target and have it validated; return where it is.

        Raises ``OSError`` or ``Refused`` with nothing left of it.
        """
        beside = self.beside
        try:
            self.written = self._write_beside(beside, content, self.path.resolve())
            self._validate(beside)
        except BaseException:
            self.discard()
            raise
        return beside

    def discard(self) -> None:
        """Remove a candidate, be it what a process left that was killed after its rename."""
        with contextlib.suppress(OSError):
            self.beside.unlink(missing_ok=True)

    def mark(self) -> Mark:
        """Of the file as it is, empty if it cannot be looked at."""
        return mark_at(self.path)

    def write(self, content: bytes, keep: bool = False, over: bytes | None = None) -> bool:
        """Return True if the content had to be written; nothing is activated.

        ``keep``: what is replaced becomes a version. ``over``: the only content that may be
        replaced; where the kernel can exchange files, not even one that somebody writes in the
        meantime is lost. Raises ``OSError`` with the old file whole, ``Refused`` or ``Edited``.
        """
        there = self.read()
        if there == content and self.has(content):
            self.discard()
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
        unproven = self.unproven
        left = unproven.exists()
        former, good = self.read(), good and not left
        if former != content or not self.has(content):
            self._replace(content, check=True, keep=good, unproven=unproven)
            self._last_good = former if good else None
        else:
            self.discard()
            if active and not left:
                return False
        try:
            self._activate()
        except (RuntimeError, OSError) as error:
            raise NotActivated(str(error), self.restore()) from error
        unproven.unlink(missing_ok=True)
        return True

    def restore(self) -> bool:
        """Put the last good content back and activate it; return True if that went well."""
        former = self.last_good
        if former is None:
            return False
        try:
            self._put_back(former)
            self._activate()
            self.unproven.unlink(missing_ok=True)
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

    @property
    def beside(self) -> Path:
        """Where a candidate is written."""
        target = self.path.resolve()
        return target.with_name(f".{target.name}.new")

    def _replace(
        self,
        content: bytes,
        check: bool,
        keep: bool = False,
        over: bytes | None = None,
        unproven: Path | None = None,
    ) -> None:
        target = self.path.resolve()
        beside = self.beside
        try:
            self.written = self._write_beside(beside, content, target)
            if check:
                self._validate(beside)
            if unproven is not None:
                unproven.touch()
            if keep:
                self._rotate(target)  # first: whoever is killed now must have kept it
            if not exchange(beside, target):
                os.replace(beside, target)
            else:
                self._look_at(beside, target, over)
                if keep:
                    self._keep(beside)
                beside.unlink()
        except (OSError, ValueError, Edited):
            self.discard()
            raise
        sync_directory(target.parent)
        if target.read_bytes() != content:
            raise OSError(f"{target} does not read back as written")

    def _look_at(self, beside: Path, target: Path, over: bytes | None) -> None:
        """What came out in exchange: if it is not what was to be replaced, it goes back in."""
        if over is not None and (found := beside.read_bytes()) != over:
            exchange(beside, target)
            raise Edited(found)

    def _rotate(self, former: Path) -> None:
        """Keep what is in the file as the newest version, unless it is that already."""
        with contextlib.suppress(FileNotFoundError):
            if os.path.samefile(former, self.version(1)):
                return
        for number in range(self._versions, 1, -1):
            with contextlib.suppress(FileNotFoundError):
                os.replace(self.version(number - 1), self.version(number))
        self._keep(former)

    def _keep(self, former: Path) -> None:
        """Have this be the newest version: what came out may be another than what was seen."""
        with contextlib.suppress(FileNotFoundError):
            if not os.path.lexists(self.version(1)) or not os.path.samefile(
                former, self.version(1)
            ):
                self.version(1).unlink(missing_ok=True)
                os.link(former, self.version(1))

    def _write_beside(self, beside: Path, content: bytes, target: Path) -> Mark:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(beside, flags, 0o600)
        with naming(target), open(descriptor, "wb") as file:
            _take_after(descriptor, target, self._mode)
            self._access.give(descriptor)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
            return mark_of(os.fstat(descriptor))


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
