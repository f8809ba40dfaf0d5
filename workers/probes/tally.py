"""How often a check was performed, how that ended, and how long it took."""

from typing import Any, Final

from lighthouse.process.timing.histogram import BOUNDS, Histogram


class Tally:
    """Counts since the worker was started."""

    def __init__(self) -> None:
        self._passed = 0
        self._failed = 0
        self._took: Final = Histogram()

    def add(self, passed: bool, seconds: float) -> None:
        self._passed += passed
        self._failed += not passed
        self._took.add(seconds)

    def told(self) -> dict[str, Any]:
        """The counts as the worker's status has them; seconds."""
        took = {"bounds": BOUNDS, "counts": self._took.counts, "sum": round(self._took.sum, 6)}
        return {"passed": self._passed, "failed": self._failed, "took": took}
