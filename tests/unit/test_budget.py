"""What a worker may take."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lighthouse.config.schema.types import WorkerSettings
from lighthouse.supervisor.pool.cost.budget import (
    PATIENCE,
    ResourceUse,
    WorkerBudget,
    excess,
    look,
)

MAY = WorkerSettings(memory=1 << 20, processes=10, zombies=3, threads=20, descriptors=100)


@pytest.mark.parametrize(
    ("taken", "limit", "said"),
    [
        (ResourceUse(), 1000, ""),
        (ResourceUse(0, 20, 90, 10), 1000, ""),
        (ResourceUse(0, 21), 1000, "has 21 threads, its budget is 20"),
        (ResourceUse(0, 0, 101), 1000, "has 101 open descriptors, its budget is 100"),
        (ResourceUse(0, 0, 46), 50, "has 46 open descriptors, its budget is 45"),
        (ResourceUse(0, 0, 0, 300), 1000, "has 300 processes, its budget is 10"),
        (
            ResourceUse(0, 0, 0, 9, 4),
            1000,
            "has 4 ended children that it has not waited for, its budget is 3",
        ),
    ],
)
def test_what_is_too_much(taken: ResourceUse, limit: int, said: str) -> None:
    assert excess(taken, MAY, limit) == said


def test_only_what_lasts_ends_a_worker_but_for_its_memory() -> None:
    budget = WorkerBudget(MAY)
    assert budget.judge(ResourceUse(2 << 20), 0.0) == "took 2 MiB, its budget is 1 MiB"
    assert budget.judge(ResourceUse(0, 21), 1.0) == ""
    assert budget.excess == "has 21 threads, its budget is 20"
    assert budget.judge(ResourceUse(0, 20), 5.0) == ""
    assert budget.excess == ""
    assert budget.judge(ResourceUse(0, 22), 6.0) == ""
    assert budget.judge(ResourceUse(0, 23), 6.0 + PATIENCE - 0.1) == ""
    assert (
        budget.judge(ResourceUse(0, 24), 6.0 + PATIENCE)
        == "has 24 threads, its budget is 20: killed"
    )
    budget.forget()
    assert budget.judge(ResourceUse(0, 25), 99.0) == ""


def test_a_process_is_looked_at() -> None:
    program = (
        "import threading, os, sys\n"
        "held = [os.open('/dev/null', 0) for _ in range(50)]\n"
        "for _ in range(4): threading.Thread(target=sys.stdin.read, daemon=True).start()\n"
        "print(len(os.listdir('/proc/self/fd')) - 1, flush=True)\n"
        "threading.Event().wait()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        descriptors = int(process.stdout.readline())
        taken = look(process.pid, 3)
        rss = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
        process.kill()
    assert (taken.threads, taken.descriptors, taken.processes) == (5, descriptors, 3)
    assert abs(taken.memory - rss * os.sysconf("SC_PAGE_SIZE")) < 1 << 20
    assert look(process.pid, 3) == ResourceUse()
