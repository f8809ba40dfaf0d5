"""How long to wait before a worker is started again; data, not behaviour."""

import msgspec


class RestartDelay(msgspec.Struct, frozen=True):
    """Delays of 0, ``first``, twice that, ... up to ``cap`` seconds; it never gives up.

    A worker that ran for ``healthy_after`` seconds starts over at 0.
    """

    first: float = 1.0
    factor: float = 2.0
    cap: float = 60.0
    healthy_after: float = 30.0
    jitter: float = 0.1

    def delay(self, failures: int, chance: float) -> float:
        """Seconds before the start that follows ``failures`` failures in a row.

        ``chance`` (0..1) picks the place within the jitter.
        """
        if failures <= 1:
            return 0.0
        steady = min(self.cap, self.first * self.factor ** min(failures - 2, 30))
        return steady * (1 + self.jitter * (2 * chance - 1))
