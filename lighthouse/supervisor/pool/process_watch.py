"""What the workers' processes do is noticed here: what they say and print, and their end."""

import functools
import logging
import time
from collections.abc import Callable
from typing import Final

import msgspec

from lighthouse.ipc.channel import Closed
from lighthouse.ipc.messages import Failed, Message
from lighthouse.process.ending.reaper import Reaper
from lighthouse.process.reserve import DescriptorReserve
from lighthouse.supervisor.loop.event_loop import EventLoop
from lighthouse.supervisor.pool.cost.memory_kills import MemoryKills
from lighthouse.supervisor.pool.life.fault import broken
from lighthouse.supervisor.pool.process import Process
from lighthouse.supervisor.pool.sessions import Sessions
from lighthouse.supervisor.pool.worker import Worker

TURN: Final = 0.01
"""Seconds for which one worker is listened to before the others get their turn."""

Take = Callable[[Worker, Message, memoryview, float], None]

_log: Final = logging.getLogger("lighthouse.supervisor")


class ProcessWatch:
    """``take`` is given what workers say, and may raise ``msgspec.MsgspecError`` for what is no
    message of theirs; ``settle`` is called after everything that may have changed a life.
    """

    def __init__(
        self,
        loop: EventLoop,
        reserve: DescriptorReserve,
        sessions: Sessions,
        take: Take,
        settle: Callable[[Worker], None],
    ) -> None:
        self._loop: Final = loop
        self._reserve: Final = reserve
        self._sessions: Final = sessions
        self._take: Final = take
        self._settle: Final = settle
        self.pids: Final[set[int]] = set()
        self.memory_kills: Final = MemoryKills()
        self._reaper: Final = Reaper(self.pids.__contains__)
        left = self._sessions.clear()
        if left:
            _log.warning("ended %d processes that plugins of an earlier run had left", left)

    def attend(self, worker: Worker, process: Process) -> None:
        """Watch a process that has just been started; raises ``OSError`` if that cannot be."""
        self.pids.add(process.pid)
        self._reaper.began(process.pid)
        self._sessions.began(process.pid, process.mark)
        name = " ".join(worker.name)
        failed = functools.partial(self._failed, worker, process)
        for source, what, act in (
            (process.pidfd, f"the end of {name}", self.exited),
            (process.channel, f"what {name} said", self._spoke),
            (process.journal, f"what {name} printed", self._wrote),
        ):
            self._loop.watch(source, what, functools.partial(act, worker, process), failed)

    def exited(self, worker: Worker, process: Process) -> None:
        """A process has ended: hear it out, and end what it left behind."""
        if worker.process is not process:
            return
        now = time.monotonic()
        what = f"the last words of {' '.join(worker.name)}"
        self._loop.attempt(what, self._hear_out, worker, process)
        for source in (process.pidfd, process.channel, process.journal):
            self._loop.forget(source)
        with self._reserve.lent():
            self._reaper.end(process.pid, now)
        self._sessions.ended(process.pid)
        try:
            worker.exited(now, self.memory_kills.recent())
        finally:
            self.pids.discard(process.pid)
            self._settle(worker)
        self.reap()

    def reap(self) -> None:
        """Let go of processes that have become this one's and ended."""
        now = time.monotonic()
        if self._reaper.reap(now):
            self._loop.timers.set("reap", now, self.reap)

    def _failed(self, worker: Worker, process: Process, reason: str) -> None:
        """The supervisor could not handle what a worker did: both begin afresh."""
        if worker.process is process:
            worker.oversteps(
                f"the daemon could not handle what it did: {reason}", time.monotonic()
            )
            self._settle(worker)

    def _hear_out(self, worker: Worker, process: Process) -> None:
        """Take what a dead worker has said: for a moment all of it, then only why it ended."""
        until = time.monotonic() + TURN
        try:
            while (received := process.channel.receive()) is not None:
                now = time.monotonic()
                if now < until or isinstance(received[0], Failed):
                    self._take(worker, *received, now)
        except (Closed, msgspec.MsgspecError):
            return

    def _spoke(self, worker: Worker, process: Process) -> None:
        now = time.monotonic()
        count = 0
        self._reserve.lend(1)
        try:
            while time.monotonic() - now < TURN:
                received = process.channel.receive()
                if received is None:
                    break
                count += 1
                self._take(worker, *received, now)
        except Closed as closed:
            self._loop.forget(process.channel)
            if not closed.is_end:
                worker.oversteps(broken(f"broke its channel: {closed}", worker.code.source), now)
        except msgspec.MsgspecError as error:
            worker.oversteps(broken(f"sent what is no message: {error}", worker.code.source), now)
        else:
            self._share(worker, process, count, now)
        finally:
            self._reserve.refill()
        self._settle(worker)

    def _share(self, worker: Worker, process: Process, count: int, began: float) -> None:
        """Let a worker that says too much wait, in its own write; nobody else does."""
        now = time.monotonic()
        resume = worker.share.spend(count, now - began, now)
        if resume is not None:
            if worker.slowed_at is None:
                _log.warning("%s: says more than the daemon has time for", " ".join(worker.name))
            worker.slowed_at = now
            self._loop.pause(process.channel, resume)

    def _wrote(self, worker: Worker, process: Process) -> None:
        try:
            resume = process.journal.read(time.monotonic())
        except EOFError:
            self._loop.forget(process.journal)
            return
        if resume is not None:
            self._loop.pause(process.journal, resume)
