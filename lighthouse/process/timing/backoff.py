"""How long to wait before trying again, as data."""

import msgspec


class Backoff(msgspec.Struct, frozen=True):
    """Delays of ``first`` seconds, ``factor`` times longer each time, up to ``cap``.

    The first ``free`` failures in a row cost no delay. ``jitter`` is the share of a delay that
    chance may take off, so that many that failed together do not come back together.
    """

    first: float = 1.0
    factor: float = 2.0
    cap: float = 60.0
    jitter: float = 0.2
    free: int = 0

    def delay(self, failures: int, chance: float) -> float:
        """Seconds to wait after so many failures in a row (1 or more); chance is 0..1."""
        if failures <= self.free:
            return 0.0
        exponent = min(failures - self.free - 1, 64)
        full = min(self.cap, self.first * self.factor**exponent)
        return full * (1 - self.jitter * chance)
