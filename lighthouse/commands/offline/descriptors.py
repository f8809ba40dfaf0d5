"""How many files the daemon may open, against what its workers need."""

import resource
from collections.abc import Iterator
from typing import Final

from lighthouse.config.fault import Fault

OWN: Final = 64
"""Descriptors that the supervisor needs for itself, its clients and a reserve."""

PER_WORKER: Final = 8
"""A worker's channel, its end, its output and what it is sent; twice while it is replaced."""


def too_few(workers: int, limit: int) -> Iterator[Fault]:
    """A warning if so many workers may run out of descriptors."""
    needed = OWN + PER_WORKER * workers
    if limit != resource.RLIM_INFINITY and needed > limit:
        message = (
            f"{workers} workers may need {needed} file descriptors, the limit is {limit}: raise "
            f"LimitNOFILE of the daemon's unit, or the limit (ulimit -n) that it is started under"
        )
        yield Fault("lighthouse.yaml", 1, 1, message, warning=True)
