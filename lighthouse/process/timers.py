"""Named deadlines; setting one again moves it."""

from collections.abc import Callable, Hashable
from typing import Final

Act = Callable[[], object]


class Timers:
    """At most one deadline (monotonic seconds) for each name."""

    def __init__(self) -> None:
        self._due: Final[dict[Hashable, tuple[float, Act]]] = {}

    def set(self, name: Hashable, when: float | None, act: Act) -> None:
        """Call ``act`` once at ``when``; None cancels."""
        if when is None:
            self._due.pop(name, None)
        else:
            self._due[name] = (when, act)

    def pending(self, name: Hashable) -> bool:
        return name in self._due

    def wait(self, now: float) -> float | None:
        """Seconds until the next deadline, None if there is none."""
        if not self._due:
            return None
        return max(0.0, min(when for when, _ in self._due.values()) - now)

    def take(self, now: float) -> list[tuple[Hashable, Act]]:
        """What is due now, by name; each is forgotten with this call."""
        due = sorted(
            ((when, name) for name, (when, _) in self._due.items() if when <= now),
            key=lambda entry: entry[0],
        )
        return [(name, self._due.pop(name)[1]) for _, name in due]
