"""Asks plugins about their own part of a configuration, each in a worker of its own.

All workers run at once, and one that hangs is killed at the deadline: a plugin that cannot
answer costs no other's answer.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping
from typing import Final

import msgspec

from lighthouse.ipc.channel import Channel, Closed
from lighthouse.ipc.messages import (
    Describe,
    Described,
    Failed,
    Ready,
    Rehearse,
    Rehearsed,
    Validate,
    Validated,
)
from lighthouse.ipc.snapshot import Snapshot, pack
from lighthouse.process import trace
from lighthouse.process.spawn import WorkerProcess, in_words
from lighthouse.registration.identity import HostIdentity
from lighthouse.supervisor.plan import plan
from lighthouse.supervisor.standing_order import Name
from lighthouse.supervisor.state import State

TRACED_WITHIN: Final = 1.0
"""Seconds that one which hangs has to write down where."""

NOBODY: Final = HostIdentity("localhost", "127.0.0.1")
"""Stands in for this host where nothing is registered."""

_BOUND: Final = "have that call return sooner, or raise `sync_timeout` under `worker:` in its file"


class Task(msgspec.Struct, frozen=True):
    """What one worker is asked: ``within`` seconds, started and loaded included.

    It runs as the account that the daemon's would, ``user``, empty for the caller's, and with
    its rights.
    """

    plugin: str
    snapshot: Snapshot
    within: float
    user: str = ""
    new_privileges: bool = False


Answer = Validated | Rehearsed | Described | Failed
"""``Failed`` says why a plugin could not be asked; with its report if it was loaded at all."""


def tasks(state: State) -> dict[Name, Task]:
    """One task for each worker that the daemon would run, about what it would be sent."""
    return {
        name: Task(
            wanted.plugin,
            wanted.snapshot,
            wanted.settings.start_timeout + wanted.settings.sync_timeout,
            wanted.settings.user or "",
            wanted.settings.new_privileges,
        )
        for name, wanted in plan(state).items()
    }


def ask(
    tasks: Mapping[Name, Task], question: Validate | Rehearse | Describe
) -> dict[Name, tuple[Answer, bytes]]:
    """The answer to each task and its payload, once the last is in or its time is up."""
    answers: dict[Name, tuple[Answer, bytes]] = {}
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as stack:
        for name, task in tasks.items():
            worker = _Worker(name, task, question)
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

    def __init__(self, name: Name, task: Task, question: Validate | Rehearse | Describe) -> None:
        self.name: Final = name
        self._task: Final = task
        self._question: Final = question
        self.deadline: Final = time.monotonic() + task.within
        self.channel, theirs = Channel.pair()
        with contextlib.closing(theirs):
            own = ((name[1], task.plugin), theirs.fileno(), os.devnull, task.user)
            rights = task.new_privileges
            self._process: Final = WorkerProcess(name[0], *own, new_privileges=rights)

    def step(self) -> tuple[Answer, bytes] | None:
        """Take what it says; the answer once it is there."""
        try:
            while (received := self.channel.receive()) is not None:
                match received:
                    case Ready(), _:
                        self.channel.send(self._question, pack(self._task.snapshot))
                    case (Validated() | Rehearsed() | Described() | Failed()) as answer, payload:
                        return answer, bytes(payload)
        except Closed:
            return Failed(f"its worker ended: {self._exit()}"), b""
        return self.late()

    def late(self) -> tuple[Answer, bytes] | None:
        """The answer of one whose time is up: what it hangs in, and the stacks of its threads."""
        if time.monotonic() < self.deadline:
            return None
        self._process.signal(trace.SIGNAL)
        until = time.monotonic() + TRACED_WITHIN
        while not self._process.stacks and time.monotonic() < until:
            time.sleep(0.01)
        doing, stacks = self._process.doing, self._process.stacks
        told = f"; it hung in {doing}; {_BOUND}" if doing else ""
        reason = f"no answer within {self._task.within:g} s: killed{told}"
        return Failed(reason, stacks), b""

    def end(self) -> None:
        """Kill it with all that it started; nothing if that is done."""
        if not self._process.ended:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self.channel.close()

    def _exit(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return in_words(self._process.wait(1.0))
        return "it closed its channel"
