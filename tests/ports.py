"""Ports for what tests start: below those of outgoing connections, and others for each process.

A port that the kernel picks may be an outgoing connection's a moment later, or be picked for
another test process too. These are handed out once each.
"""

import itertools
import os
import socket
from collections.abc import Iterator
from typing import Final

FIRST: Final = 10_000
LAST: Final = 32_000
_PROCESSES: Final = 8


def free_port() -> int:
    """A port that nobody uses at any address, and that was not given before."""
    for port in _ahead:
        with socket.socket() as trial:
            try:
                trial.bind(("0.0.0.0", port))
            except OSError:
                continue
        return port
    raise AssertionError("there are no ports left")


def free_ports(count: int) -> list[int]:
    """So many ports that nobody uses."""
    return [free_port() for _ in range(count)]


def _candidates() -> Iterator[int]:
    """This process's share of the ports, begun somewhere in it."""
    share = (LAST - FIRST) // _PROCESSES
    worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    number = int(worker) if worker.isdigit() else os.getpid()
    base = FIRST + number % _PROCESSES * share
    for step in itertools.islice(itertools.count(os.getpid() * 37), 20 * share):
        yield base + step % share


_ahead: Final = _candidates()
