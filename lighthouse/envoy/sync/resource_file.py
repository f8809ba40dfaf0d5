"""All clusters, or all listeners, in one file; what Envoy rejects of it costs nothing else."""

import time
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from lighthouse.envoy.rendering.text import discovery_file, resources_in, version_in
from lighthouse.envoy.rendering.text import version as version_of
from lighthouse.envoy.runtime.admin import AdminSocket
from lighthouse.envoy.runtime.watched import WatchedFiles
from lighthouse.envoy.sync.endpoint_files import TAKE

Blame = Callable[[Mapping[str, str]], Mapping[str, str]]
"""Which of these resources, by name, Envoy rejects, and why."""

_POLL: Final = 0.001
_DOUBT: Final = 0.05
"""Seconds without the new version after which it is asked whether it was rejected."""

_ROUNDS: Final = 4


class NotTaken(RuntimeError):
    """Envoy has not taken a file, and nobody can tell which part of it is at fault."""


class RefusedResource(msgspec.Struct, frozen=True):
    """A text that Envoy rejects, why, and what it had under that name before, if anything."""

    text: str
    reason: str
    former: str | None


class ResourceFile:
    """The file of one ``kind``, ``cds`` or ``lds``. ``resources`` are what is in it.

    ``refused`` are the resources that were left as they were, or out.
    """

    def __init__(
        self, kind: str, path: str, files: WatchedFiles, admin: AdminSocket, blame: Blame
    ) -> None:
        self._kind: Final = kind
        self._path: Final = path
        self._files: Final = files
        self._admin: Final = admin
        self._blame: Final = blame
        self._text: str | None = None
        self._version = ""
        self._proven = ""
        self._rejections: int | None = None
        self.resources: dict[str, str] = {}
        self.refused: dict[str, RefusedResource] = {}

    def load(self, anew: bool = False) -> None:
        """Take what is on disk for what runs, once or ``anew``; raises ``OSError``."""
        if self._text is None or anew:
            self._text = self._files.read(self._path)
            self._version = version_in(self._text)
            self.resources = resources_in(self._text)
            self._proven = ""

    def doubt(self) -> None:
        """Another Envoy runs, which has taken nothing yet."""
        self._proven = ""
        self._rejections = None

    def refuse(self, name: str, text: str, reason: str) -> None:
        """Leave this resource as it is, or out, from now on; what runs already is no news."""
        former = self.resources.get(name)
        if former != text:
            self.refused[name] = RefusedResource(text, reason, former)

    def acceptable(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """What is wanted, but for what is refused: that is as it was, or not there."""
        refused = {n: one for n, one in self.refused.items() if wanted.get(n) == one.text}
        self.refused = refused
        kept = {n: one.former for n, one in refused.items() if one.former is not None}
        return {
            n: kept.get(n, text) for n, text in wanted.items() if n not in refused or n in kept
        }

    def write(self, resources: Mapping[str, str]) -> bool:
        """Return True if the file had to be written; raises ``OSError``."""
        found = [resources[name] for name in sorted(resources)]
        text = discovery_file(found)
        if text == self._text:
            return False
        self._put(text, resources)
        self._version = version_of(found)
        return True

    def install(self, wanted: Mapping[str, str]) -> bool:
        """Write what is acceptable, and see that Envoy takes it; True if anything was written.

        Raises ``OSError``, and ``NotTaken`` after the former content was put back.
        """
        written = False
        for _ in range(_ROUNDS):
            former = dict(self.resources)
            chosen = self.acceptable(wanted)
            written = self.write(chosen) or written
            if self._is_taken():
                return written
            changed = {n: text for n, text in chosen.items() if former.get(n) != text} or chosen
            faults = self._blame(changed)
            if not faults:
                self.write(former)
                raise NotTaken(f"Envoy has not taken {self._path}; its log tells why")
            for name, reason in faults.items():
                old = former.get(name)
                kept = None if old == chosen[name] else old
                self.refused[name] = RefusedResource(chosen[name], reason, kept)
        raise NotTaken(f"Envoy rejects {self._path} again and again")

    def repair(self) -> int:
        """Write anew what somebody else has changed; the number of files."""
        if self._text is None or self._files.read(self._path) == self._text:
            return 0
        self._files.put(self._path, self._text)
        return 1

    def _is_taken(self) -> bool:
        """Wait until Envoy has the file or rejects it; the version that it has is asked once."""
        version = self._version
        if version == self._proven:
            return True
        for again in (False, True):
            if again:  # the event may have been lost: the same, moved in anew
                self._put((self._text or "").rstrip("\n") + "\n" * 2, self.resources)
            look_at = time.monotonic() + _DOUBT
            deadline = time.monotonic() + TAKE
            while time.monotonic() < deadline:
                if self._admin.version(self._kind) == version:
                    self._proven = version
                    return True
                if time.monotonic() > look_at:
                    if self._is_rejected():
                        return False
                    look_at = time.monotonic() + _DOUBT
                time.sleep(_POLL)
        return False

    def _is_rejected(self) -> bool:
        """Return True if Envoy has rejected something since this was asked last."""
        before, self._rejections = self._rejections, self._admin.rejections(self._kind)
        return self._rejections > (before or 0)

    def _put(self, text: str, resources: Mapping[str, str]) -> None:
        self._files.put(self._path, text)
        self._text, self.resources = text, dict(resources)
        self._proven = ""
