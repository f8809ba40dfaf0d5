"""What a process holds: descriptors, threads, children, signal handlers."""

import os
import signal
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil

from lighthouse.process.ending.known import sessions, words


class Belongings(msgspec.Struct, frozen=True):
    """In words; each as often as it is there."""

    descriptors: tuple[str, ...]
    threads: tuple[str, ...]
    processes: tuple[str, ...]
    handlers: tuple[str, ...]

    def beyond(self, former: "Belongings") -> tuple[str, ...]:
        """What is here and was not there before."""
        return (
            *_more("descriptor", former.descriptors, self.descriptors),
            *_more("thread", former.threads, self.threads),
            *_more("process", former.processes, self.processes),
            *_more("signal handler", former.handlers, self.handlers),
        )


def belongings() -> Belongings:
    """Of this process, now."""
    return Belongings(
        tuple(sorted(_descriptors())),
        tuple(sorted(thread.name for thread in threading.enumerate())),
        tuple(sorted(_process(pid) for pid in _others())),
        tuple(sorted(_handlers())),
    )


def _descriptors() -> list[str]:
    found = []
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            found.append(os.readlink(f"/proc/self/fd/{name}"))
    return [_kind(target) for target in found]


def _kind(target: str) -> str:
    """A descriptor's target without the number that differs from one socket to the next."""
    return target if target.startswith("/") else target.split("[")[0].rstrip(":")


def _others() -> set[int]:
    """The processes below this one, and those of its session that lost their parent."""
    own = os.getpid()
    below = {child.pid for child in psutil.Process().children(recursive=True)}
    lost = {pid for pid, session in sessions() if session == own != pid}
    return below | {pid for pid in lost if words(pid)}  # a zombie is its new parent's affair


def _process(pid: int) -> str:
    return " ".join(words(pid)).strip() or "a process that has ended and was not waited for"


def _handlers() -> list[str]:
    found = []
    for number in signal.valid_signals():
        handler = signal.getsignal(number)
        if callable(handler) and handler is not signal.default_int_handler:
            name = getattr(handler, "__qualname__", repr(handler))
            found.append(f"{signal.Signals(number).name}: {name}" if number < 32 else str(number))
    return found


def _more(what: str, former: tuple[str, ...], now: tuple[str, ...]) -> tuple[str, ...]:
    more = Counter(now) - Counter(former)
    return tuple(f"{what} {name}" for name in sorted(more.elements()))


def held_by(pid: int) -> dict[str, int]:
    """How much of what a process holds."""
    return {
        "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
        "threads": len(os.listdir(f"/proc/{pid}/task")),
        "processes": sum(_children(task) for task in Path(f"/proc/{pid}/task").iterdir()),
    }


def _children(thread: Path) -> int:
    """How many a thread has, none of one that has just ended."""
    try:
        return len((thread / "children").read_text().split())
    except (FileNotFoundError, ProcessLookupError):
        return 0
