"""A worker's output as log lines."""

import contextlib
import logging
import os
from collections.abc import Iterator

import pytest

from lighthouse.supervisor.worker_log import RATE, WorkerLog


@pytest.fixture
def pipe() -> Iterator[tuple[WorkerLog, int]]:
    reading, writing = os.pipe()
    journal = WorkerLog("balancer x", reading)
    yield journal, writing
    journal.close()


def test_levels_records_and_foreign_bytes(
    pipe: tuple[WorkerLog, int], caplog: pytest.LogCaptureFixture
) -> None:
    journal, writing = pipe
    caplog.set_level(logging.DEBUG, "lighthouse.worker")
    os.write(writing, b"<3>lighthouse: broke\n\tTraceback\n<7>quiet\nprinted \x1b[31m\xff\nhalf")
    journal.read(0.0)
    os.write(writing, b" a line\n")
    journal.read(0.0)
    os.close(writing)
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("ERROR", "balancer x: lighthouse: broke"),
        ("ERROR", "balancer x:     Traceback"),
        ("DEBUG", "balancer x: quiet"),
        ("INFO", "balancer x: printed \\x1b[31m\\xff"),
        ("INFO", "balancer x: half a line"),
    ]
    with pytest.raises(EOFError):
        journal.read(0.0)


def test_a_flood_waits_for_the_next_second(
    pipe: tuple[WorkerLog, int], caplog: pytest.LogCaptureFixture
) -> None:
    journal, writing = pipe
    caplog.set_level(logging.CRITICAL, "lighthouse.worker")
    os.set_blocking(writing, False)
    taken = 0
    while journal.read(100.0) is None:
        with contextlib.suppress(BlockingIOError):
            taken += os.write(writing, b"x" * 100 + b"\n")
        assert taken <= 2 * RATE
    assert journal.read(100.5) == 101.0
    assert journal.read(101.1) is None
    os.close(writing)
