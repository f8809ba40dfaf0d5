"""What the supervisor's own code has raised: counted, logged and remembered to be shown."""

import logging
import time
from typing import Final

import msgspec

SHOWN: Final = 300.0
"""Seconds for which the newest error counts as a problem of the daemon."""

REPEATED: Final = 60.0
"""Seconds after which an error that repeats itself is logged again."""

_log: Final = logging.getLogger("lighthouse.supervisor")


class InternalError(msgspec.Struct, frozen=True):
    """What was going on, what was raised, and when (wall clock)."""

    what: str
    error: str
    at: float


class InternalErrors:
    """Errors that should not be, in the order in which they came."""

    def __init__(self) -> None:
        self.count = 0
        self.last: InternalError | None = None
        self._logged: Final[dict[tuple[str, str], float]] = {}

    def note(self, what: str, error: Exception) -> str:
        """Take an error that has just been caught; returns it in words."""
        text = described(error)
        self.count += 1
        self.last = InternalError(what, text, time.time())
        now = time.monotonic()
        if now - self._logged.get((what, text), -REPEATED) >= REPEATED:
            if len(self._logged) >= 100:
                self._logged.clear()
            self._logged[what, text] = now
            _tell(what, text, error)
        return text

    def problems(self, wall: float) -> list[str]:
        """What an operator has to know of it."""
        if self.last is None or wall - self.last.at >= SHOWN:
            return []
        times = "once" if self.count == 1 else f"{self.count} times"
        return [
            f"the daemon failed {times} in something it does and went on; "
            f"last in {self.last.what}: {self.last.error}; its log has the traceback"
        ]


def described(error: BaseException) -> str:
    """An error on one line: its class, and what it says."""
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _tell(what: str, text: str, error: Exception) -> None:
    try:
        _log.error("%s: %s; going on", what, text, exc_info=error)
    except Exception:  # noqa: BLE001  a log that cannot be written must not end what goes on
        return
