"""Files that are of use only together: all of them are replaced, or none."""

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from lighthouse.files.exchange import sync_directory
from lighthouse.files.target import FileTarget, NotActivated

_KEPT: Final = b"kept\n"
_ABSENT: Final = b"absent\n"


class Postponed(RuntimeError):
    """Nobody is there who could load the files: they stay, to be activated at a later install."""


Wanted = tuple[FileTarget, bytes | None]
"""A file and what it is to have; None: there is to be no such file."""


class FileGroup:
    """Installs files together; ``activate`` makes the software load them.

    It raises ``RuntimeError`` or ``OSError`` unless it can prove that they are loaded. After
    that the files are put back, and ``reactivate`` (by default ``activate`` again) has the
    software go on with them. After ``Postponed`` they stay.
    """

    def __init__(
        self, activate: Callable[[], None], reactivate: Callable[[], None] | None = None
    ) -> None:
        self._activate: Final = activate
        self._reactivate: Final = reactivate or activate

    def pending(self, wanted: Sequence[Wanted]) -> list[Path]:
        """The files that differ from what is wanted, or are not known to be activated."""
        members = [_Member(target, content) for target, content in wanted]
        return [one.target.path for one in members if one.differs or one.unproven]

    def install(self, wanted: Sequence[Wanted]) -> list[Path]:
        """Write what differs and activate it; return the files that were written or activated.

        Raises ``OSError`` or ``Refused`` with nothing touched, ``Postponed`` with everything in
        place and told to nobody, and ``NotActivated`` after all that was replaced, also by a
        process that was killed before it had activated it, is as it was.
        """
        members = [_Member(target, content) for target, content in wanted]
        changed = [one for one in members if one.differs]
        if not changed and not any(one.unproven for one in members):
            for one in members:
                one.target.discard()
            return []
        self._prepare(changed)
        try:
            for one in changed:
                one.replace()
            _sync(changed)
            self._activate()
        except Postponed:
            raise
        except (RuntimeError, OSError) as error:
            raise NotActivated(str(error), self._restore(members)) from error
        affected = [one for one in members if one in changed or one.unproven]
        for one in affected:
            one.settle()
        return [one.target.path for one in affected]

    def _prepare(self, changed: Sequence["_Member"]) -> None:
        """Have all candidates on disk and valid, and what they replace kept."""
        try:
            for one in changed:
                one.stage()
            for one in changed:
                one.keep()
            _sync(changed)
        except BaseException:
            for one in changed:
                one.target.discard()
                one.forget()
            raise

    def _restore(self, members: Sequence["_Member"]) -> bool:
        """Put back what was replaced and activate it; False if that did not go well."""
        try:
            for one in members:
                one.target.discard()
                one.put_back()
            _sync(members)
            self._reactivate()
        except (RuntimeError, OSError):
            return False
        for one in members:
            one.settle()
        return True


class _Member:
    """One file of a group in one install."""

    def __init__(self, target: FileTarget, content: bytes | None) -> None:
        self.target: Final = target
        self._content: Final = content
        self.differs: Final = self._differs()
        self.unproven = target.unproven.exists()
        self._kept = False

    def _differs(self) -> bool:
        if self._content is None:
            return self.target.read() is not None
        return not self.target.has(self._content)

    def stage(self) -> None:
        if self._content is not None:
            self.target.stage(self._content)

    def keep(self) -> None:
        """Keep what there is, unless it was never proven: then what is kept is older and good."""
        path, kept = self.target.path.resolve(), self.target.version(1)
        if self.unproven and (kept.exists() or self._was_absent()):
            return
        kept.unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.link(path, kept)
        self._kept = self.unproven = True
        self.target.unproven.write_bytes(_KEPT if kept.exists() else _ABSENT)

    def forget(self) -> None:
        """Nothing was replaced after all."""
        if self._kept:
            with contextlib.suppress(OSError):
                self.settle()

    def replace(self) -> None:
        target = self.target.path.resolve()
        if self._content is None:
            target.unlink(missing_ok=True)
            return
        os.replace(self.target.beside, target)
        if target.read_bytes() != self._content:
            raise OSError(f"{target} does not read back as written")

    def put_back(self) -> None:
        """Bring back what was kept, which needs no room; without anything kept, it is back."""
        if not self.unproven:
            return
        target, kept = self.target.path.resolve(), self.target.version(1)
        if self._was_absent():
            target.unlink(missing_ok=True)
            return
        with contextlib.suppress(FileNotFoundError):
            os.replace(kept, target)
        with contextlib.suppress(OSError):
            os.link(target, kept)

    def _was_absent(self) -> bool:
        """Return True if there was no file before the one that is not proven."""
        return self.target.unproven.read_bytes() == _ABSENT

    def settle(self) -> None:
        """The software is known to go by what is in the file."""
        self.target.unproven.unlink(missing_ok=True)
        self.unproven = False


def _sync(members: Sequence[_Member]) -> None:
    for directory in {one.target.path.resolve().parent for one in members}:
        sync_directory(directory)
