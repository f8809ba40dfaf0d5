"""Has each plugin validate its own part of a configuration, each in a worker of its own.

All workers run at once, and one that hangs is killed at the deadline: a plugin that cannot
say whether its config is good costs no other's answer.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Final

import msgspec

from lighthouse.channel import Channel, Closed
from lighthouse.messages import Failed, Ready, Rejection, Validate, Validated, pack
from lighthouse.snapshot import Snapshot

Name = tuple[str, str]
"""A worker's kind and its name."""


class Task(msgspec.Struct, frozen=True):
    """What one worker is asked: ``within`` seconds, started and loaded included."""

    plugin: str
    snapshot: Snapshot
    within: float


class Answer(msgspec.Struct, frozen=True):
    """What a plugin rejects; ``failure`` says why not all of it could be asked."""

    rejections: tuple[Rejection, ...] = ()
    failure: str = ""
    warnings: tuple[Rejection, ...] = ()


def validate(tasks: Mapping[Name, Task]) -> dict[Name, Answer]:
    """The answer to each task, once the last is in or its time is up."""
    answers: dict[Name, Answer] = {}
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as stack:
        for name, task in tasks.items():
            worker = _Worker(name, task)
            stack.callback(worker.end)
            selector.register(worker.channel, selectors.EVENT_READ, worker)
        while selector.get_map():
            now = time.monotonic()
            workers: list[_Worker] = [key.data for key in selector.get_map().values()]
            due = min(worker.deadline for worker in workers)
            ready = {key.data for key, _ in selector.select(max(0.0, due - now))}
            for worker in workers:
                answer = worker.step() if worker in ready else worker.late()
                if answer is not None:
                    answers[worker.name] = answer
                    selector.unregister(worker.channel)
                    worker.end()
    return answers


class _Worker:
    """One worker process and the only question that it is asked."""

    def __init__(self, name: Name, task: Task) -> None:
        self.name: Final = name
        self._task: Final = task
        self.channel, theirs = Channel.pair()
        self.deadline: Final = time.monotonic() + task.within
        self._process: Final = _spawn(name, task.plugin, theirs)
        theirs.close()

    def step(self) -> Answer | None:
        """Take what it says; the answer once it is there."""
        try:
            while (received := self.channel.receive()) is not None:
                match received[0]:
                    case Ready():
                        self.channel.send(Validate(), pack(self._task.snapshot))
                    case Validated(rejections, reason, warnings):
                        return Answer(rejections, reason, warnings)
                    case Failed(reason, _):
                        return Answer(failure=reason)
        except Closed:
            return Answer(failure=f"its worker ended: {self._exit()}")
        return self.late()

    def late(self) -> Answer | None:
        if time.monotonic() < self.deadline:
            return None
        return Answer(failure=f"no answer within {self._task.within:g} s: killed")

    def end(self) -> None:
        """Kill it with all that it started; nothing if that is done."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self.channel.close()

    def _exit(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._process.wait(1.0)
            return f"exit status {code}" if code >= 0 else signal.Signals(-code).name
        return "it closed its channel"


def _spawn(name: Name, plugin: str, channel: Channel) -> subprocess.Popen[bytes]:
    kind, own = name
    fd = channel.fileno()
    command = [sys.executable, "-P", "-m", f"lighthouse.workers.{kind}", own, plugin]
    return subprocess.Popen(
        [*command, str(fd), os.devnull, str(os.getpid())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[fd],
        start_new_session=True,
    )
