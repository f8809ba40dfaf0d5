"""A running worker's process, and what leads to it."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec

from lighthouse.config.schema.types import WorkerSettings
from lighthouse.distribution.origin import PluginOrigin
from lighthouse.ipc.channel import Channel
from lighthouse.process.spawn import WorkerProcess, in_words
from lighthouse.supervisor.pool.worker_log import WorkerLog
from lighthouse.supervisor.standing_order import Name


class Process:
    """A running worker's process and the three descriptors that lead to it."""

    def __init__(
        self,
        name: Name,
        plugin: str,
        settings: WorkerSettings,
        lock: Path,
        offered: PluginOrigin | None = None,
    ) -> None:
        words = (*name[1:], plugin)
        # A plugin from outside is looked for by its worker: its source may have been edited.
        known = offered is not None and offered.bundled
        more = (msgspec.json.encode(offered).decode(),) if known else ()
        with ExitStack() as undo, ExitStack() as theirs:
            self.channel, far = Channel.pair()
            undo.callback(self.channel.close)
            theirs.callback(far.close)
            reading, writing = os.pipe2(os.O_CLOEXEC)
            undo.callback(os.close, reading)
            theirs.callback(os.close, writing)
            theirs_of_it = (far.fileno(), str(lock), settings.user or "", writing)
            self._child: Final = WorkerProcess(
                name[0], words, *theirs_of_it, settings.new_privileges, more
            )
            undo.pop_all()
        self.pid: Final = self._child.pid
        self.mark: Final = self._child.mark
        self.pidfd: Final = self._child.pidfd
        self.journal: Final = WorkerLog(" ".join(name), reading, settings.log_lines)

    def signal(self, number: int) -> None:
        self._child.signal(number)

    @property
    def doing(self) -> str:
        """What of its plugin it is calling, in words; empty if nothing."""
        return self._child.doing

    @property
    def stacks(self) -> str:
        """Those of its threads, if it was asked for them."""
        return self._child.stacks

    @property
    def ended(self) -> bool:
        """Return True if it has ended, reaped or not."""
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def reap(self) -> tuple[int, str]:
        """How it ended, and in words; to be called when its pidfd is readable."""
        status = self._child.wait()
        self.journal.close()
        self.channel.close()
        return status, in_words(status)
