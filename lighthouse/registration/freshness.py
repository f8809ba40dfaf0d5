"""How old a check's verdict may grow until it is unknown, and until the service counts as down.

A verdict says what was so when the check was performed last. With its worker dead, hung or over
its budget nobody looks any more, and what was true may not be. No clock in here: times are
monotonic seconds and come in as arguments.
"""

from typing import Final

import msgspec

from lighthouse.config.schema.types import CheckFile

INTERVALS: Final = 3
"""A verdict is fresh for so many intervals of its check and one timeout,"""

SLACK: Final = 5.0
"""and so many seconds more: workers say every few seconds what they have performed."""


class VerdictAge(msgspec.Struct, frozen=True):
    """How long a check has given no verdict, and when that is to be acted upon.

    ``unknown`` tells that it should have given one by now. ``lost_in`` is in how many seconds
    its service counts as down (0: it does by now), None if it never does.
    """

    seconds: float
    unknown: bool
    lost_in: float | None

    @property
    def lost(self) -> bool:
        """Return True if the service counts as down for want of a verdict."""
        return self.lost_in == 0.0


def age(check: CheckFile, on_check_loss: float | None, awaited: float, now: float) -> VerdictAge:
    """The age of a verdict; since ``awaited``, when there was one, another is due.

    ``on_check_loss`` is after how many seconds without a verdict the service counts as down,
    None for never; it is never shorter than what makes the verdict unknown.
    """
    seconds = max(0.0, now - awaited)
    due = awaited + _fresh_for(check)
    lost_in = None
    if on_check_loss is not None:
        lost_in = max(0.0, max(due, awaited + on_check_loss) - now)
    return VerdictAge(seconds, now >= due, lost_in)


def _fresh_for(check: CheckFile) -> float:
    return INTERVALS * check.interval + check.timeout + SLACK
