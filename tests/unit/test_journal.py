"""A worker's output as log lines."""

import contextlib
import logging
import os
from collections.abc import Iterator

import pytest

from lighthouse.supervisor.pool.worker_log import BURST, RATE, TOLD, WorkerLog

LINES = 100


@pytest.fixture
def pipe() -> Iterator[tuple[WorkerLog, int]]:
    reading, writing = os.pipe()
    journal = WorkerLog("balancer x", reading, LINES)
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


def test_lines_beyond_the_budget_are_counted_and_said(
    pipe: tuple[WorkerLog, int], caplog: pytest.LogCaptureFixture
) -> None:
    journal, writing = pipe
    caplog.set_level(logging.INFO, "lighthouse.worker")
    at_once = int(LINES * BURST)

    def write(lines: int, now: float) -> int:
        caplog.clear()
        os.write(writing, b"x\n" * lines)
        journal.read(now)
        return sum(record.getMessage() == "balancer x: x" for record in caplog.records)

    assert write(at_once + 30, 100.0) == at_once
    told = f"balancer x: 30 of its lines were left out: it writes more than {LINES} a second"
    assert caplog.messages[-1] == told
    assert (journal.left_out, journal.flooded_at) == (30, 100.0)
    assert write(2 * LINES, 101.0) == LINES
    assert caplog.messages[-1] == "balancer x: x"
    assert write(1, 100.0 + TOLD) == 1
    assert caplog.messages[-1].startswith(f"balancer x: {LINES} of its lines were left out")
    assert write(at_once, 200.0) == at_once
    assert journal.flooded_at == 101.0
