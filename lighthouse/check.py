"""The contract of a check: performs one health probe."""

from typing import Any

import msgspec

from lighthouse.plugin import Plugin


class Result(msgspec.Struct, frozen=True):
    """One probe's result; ``metadata`` is published with the node (a role, a lag).

    ``look_again`` asks for another performance in so many seconds, if that is sooner than the
    next is due: something is about to change. It counts for the metadata, not for rise and fall.
    """

    passing: bool
    reason: str = ""
    metadata: dict[str, Any] = {}
    look_again: float | None = None


class Check(Plugin):
    """Subclass this, implement ``perform``, and name the class in ``lighthouse_check``.

    One instance lives for each probe; ``apply_config`` gives it the check's section of the
    service's file, without the keys that Lighthouse itself reads (``interval``, ``timeout``,
    ``rise``, ``fall``).
    """

    def perform(self, host: str, port: int, timeout: float) -> Result:
        """Probe once, within ``timeout`` seconds; an exception counts as not passing.

        Called in a thread of its own, so that a probe that hangs delays no other.
        """
        raise NotImplementedError

    def cancel(self) -> None:
        """Nobody waits for the performance under way any more: end what it has started.

        Called from another thread than ``perform``, at most once, within milliseconds; it must
        not block. The instance is not used again.
        """
