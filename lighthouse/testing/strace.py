"""Kills a process at a system call of one's choice, with strace."""

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

EFFECTS: Final = frozenset(
    (
        *("write", "pwrite64", "writev", "ftruncate", "truncate", "fsync", "fdatasync"),
        *("rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat"),
        *("symlink", "symlinkat", "mkdir", "mkdirat", "fchmod", "fchmodat", "fchown"),
        *("connect", "bind", "sendto", "sendmsg", "kill"),
        *("fork", "vfork", "clone", "clone3", "wait4"),
    )
)
"""The calls that others see something of; between two of them a kill finds the same."""

_PATIENCE: Final = 20.0


class KillPoint(str):
    """A system call to be killed at, as strace's ``inject`` names it: the n-th of a name."""

    __slots__ = ()


def require_strace() -> None:
    """Skip the test where there is no strace."""
    if shutil.which("strace") is None:
        pytest.skip("there is no strace (Debian: strace)")


@contextlib.contextmanager
def traced(pid: int, *options: str) -> Iterator[Path]:
    """The process is under strace for so long; its report is in the file.

    Skips the test where processes may not be traced.
    """
    with tempfile.NamedTemporaryFile(prefix="lh-strace-") as report:
        words = ["strace", "-qq", "-o", report.name, *options, "-p", str(pid)]
        with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as tracer:
            try:
                _await(tracer, pid)
                yield Path(report.name)
            finally:
                tracer.terminate()


def _await(tracer: "subprocess.Popen[str]", pid: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not is_traced(pid):
        if tracer.poll() is not None or time.monotonic() > deadline:
            tracer.terminate()
            pytest.skip(f"strace cannot attach: {tracer.stderr.read() if tracer.stderr else ''}")
        time.sleep(0.005)


def is_traced(pid: int) -> bool:
    """Return True while somebody traces the process."""
    with contextlib.suppress(OSError):
        return "TracerPid:\t0\n" not in Path(f"/proc/{pid}/status").read_text()
    return False


def places(report: str, most: int) -> list[KillPoint]:
    """So many of the calls in a report, spread evenly; those with effects come first."""
    counts: Counter[str] = Counter()
    telling: list[KillPoint] = []
    others: list[KillPoint] = []
    for row in report.splitlines():
        name = row.split("(")[0]
        if not name.isidentifier():
            continue
        counts[name] += 1
        effect = name in EFFECTS or (name == "openat" and "O_CREAT" in row)
        place = KillPoint(f"inject={name}:signal=KILL:when={counts[name]}")
        (telling if effect else others).append(place)
    chosen = spread(telling, most)
    return chosen + spread(others, most - len(chosen))


def spread(found: Sequence[KillPoint], most: int) -> list[KillPoint]:
    """At most so many of them, evenly."""
    count = min(most, len(found))
    return [found[number * len(found) // count] for number in range(count)]
