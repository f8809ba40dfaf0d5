"""The members that were offered last, on disk: for when nobody knows better after a restart."""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from lighthouse.dns.server.offer import DnsMember
from lighthouse.files import FileTarget

log: Final = logging.getLogger(__name__)

Kept = Mapping[str, Sequence[DnsMember]]

REST: Final = 0.2
"""Seconds between two writes: a synced write costs far more than an answer."""

_decoder: Final = msgspec.json.Decoder(dict[str, tuple[DnsMember, ...]])


class KeptMembers:
    """The state file. It is written whole, at most once in ``REST`` seconds.

    ``error`` tells why the last write failed, and is empty if it did not.
    """

    def __init__(self, path: str) -> None:
        self._target: Final = FileTarget(path, mode=0o640)
        self._wanted: bytes | None = None
        self._next_at = 0.0
        self.error = ""

    def load(self) -> dict[str, tuple[DnsMember, ...]]:
        """What was kept; nothing if there is none, or if it cannot be read, which is logged."""
        try:
            content = self._target.read()
            return {} if content is None else _decoder.decode(content)
        except (OSError, msgspec.DecodeError) as error:
            log.warning("%s cannot be read, and is begun anew: %s", self._target.path, error)
            return {}

    def read(self) -> str:
        """What is in the file now."""
        return (self._target.read() or b"").decode("utf-8", "replace")

    def want(self, kept: Kept) -> None:
        """Have this on disk: at once, or when the time for the next write has come."""
        self._wanted = text(kept).encode()
        self.step()

    def after(self) -> float | None:
        """Seconds until ``step`` has something to write; None if there is nothing."""
        if self._wanted is None:
            return None
        return max(0.0, self._next_at - time.monotonic())

    def step(self, now: bool = False) -> None:
        """Write what waits, if its time has come; ``now``: whether it has or not."""
        if self._wanted is None or not (now or self.after() == 0.0):
            return
        self._next_at = time.monotonic() + REST
        try:
            self._target.write(self._wanted)
        except OSError as error:
            self.error = f"{self._target.path} cannot be written: {error.strerror}"
            return
        self.error = ""
        self._wanted = None


def text(kept: Kept) -> str:
    """The content of the file: one line a member, the same for the same members."""
    clusters = []
    for name in sorted(kept):
        lines = ",\n".join(f"  {msgspec.json.encode(one).decode()}" for one in kept[name])
        clusters.append(f'"{name}": [\n{lines}\n]')
    return "{\n" + ",\n".join(clusters) + "\n}\n"
