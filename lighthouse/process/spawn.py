"""How a worker process is started, by the daemon and by commands that only ask its plugin."""

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from lighthouse.process.orphans import MARK


class WorkerProcess:
    """A process of ``lighthouse.workers.<kind>``, in a session of its own; owns its ``pidfd``.

    ``mark`` is in its environment, and so in that of all that it starts or forks.
    ``channel`` is the descriptor it inherits, ``output`` takes what it prints, ``user`` is the
    account that it becomes by itself. Raises ``OSError`` if it cannot be started; what there is
    of it then is dead, and reaped by whoever reaps.
    """

    def __init__(
        self,
        kind: str,
        words: Sequence[str],
        channel: int,
        lock: str,
        user: str = "",
        output: int = subprocess.DEVNULL,
    ) -> None:
        self.mark: Final = secrets.token_hex(16)
        command = [sys.executable, "-P", "-m", f"lighthouse.workers.{kind}", *words]
        self._popen: Final = subprocess.Popen(
            [*command, str(channel), lock, str(os.getpid()), user],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[channel],
            start_new_session=True,
            cwd="/",
            env={**os.environ, MARK: self.mark},
        )
        self.pid: Final = self._popen.pid
        try:
            self.pidfd: Final = os.pidfd_open(self.pid)
        except OSError:
            self._popen.kill()
            self._popen.returncode = -signal.SIGKILL
            raise

    def signal(self, number: signal.Signals) -> None:
        """To this very process, never to one that got its number."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, number)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, negative for the signal that ended it; lets go of it.

        Raises ``subprocess.TimeoutExpired`` if it runs on.
        """
        if self._popen.returncode is None:
            self._popen.wait(timeout)
            os.close(self.pidfd)
        return int(self._popen.returncode)

    @property
    def ended(self) -> bool:
        """Return True if it was waited for."""
        return self._popen.returncode is not None


def in_words(status: int) -> str:
    """How a process ended, by its exit status."""
    if status >= 0:
        return f"exited with status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"
