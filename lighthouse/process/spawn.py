"""How a worker process is started, by the daemon and by commands that only ask its plugin."""

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import Final

from lighthouse.process.ending.orphans import MARK
from lighthouse.process.environment import scrubbed
from lighthouse.process.rights import NEW_PRIVILEGES
from lighthouse.process.trace import Trace

UMASK: Final = 0o027
"""That of a worker, whoever starts it: what it writes is not for everybody, unless it says so."""

_MODULES: Final = {"web": "lighthouse.web"}
"""What runs as a worker of a kind, if not the module of that name among the workers."""


class WorkerProcess:
    """A process of ``lighthouse.workers.<kind>``, in a session of its own; owns its ``pidfd``.

    ``mark`` is in its environment, and so in that of all that it starts or forks.
    ``channel`` is the descriptor it inherits, ``output`` takes what it prints, ``user`` is the
    account that it becomes by itself; what it starts then gets no other rights, unless
    ``new_privileges``. ``more`` are words behind all others. Raises ``OSError`` if it cannot be
    started; what there is of it then is dead, and reaped by whoever reaps.
    """

    def __init__(
        self,
        kind: str,
        words: Sequence[str],
        channel: int,
        lock: str,
        user: str = "",
        output: int = subprocess.DEVNULL,
        new_privileges: bool = False,
        more: Sequence[str] = (),
    ) -> None:
        self.mark: Final = secrets.token_hex(16)
        module = _MODULES.get(kind, f"lighthouse.workers.{kind}")
        command = [sys.executable, "-P", "-m", module, *words]
        command += [str(channel), lock, str(os.getpid()), user]
        rights = NEW_PRIVILEGES if new_privileges else ""
        with ExitStack() as undo:
            self._trace: Final = Trace()
            undo.callback(self._trace.close)
            self._popen: Final = subprocess.Popen(
                [*command, str(self._trace.fileno()), rights, *more],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[channel, self._trace.fileno()],
                start_new_session=True,
                cwd="/",
                umask=UMASK,
                env={**scrubbed(os.environ), MARK: self.mark},
            )
            self.pid: Final = self._popen.pid
            try:
                self.pidfd: Final = os.pidfd_open(self.pid)
            except OSError:
                self._popen.kill()
                self._popen.returncode = -signal.SIGKILL
                raise
            undo.pop_all()

    @property
    def doing(self) -> str:
        """What of its plugin it is calling, in words; empty if nothing. Until it is waited for."""
        return "" if self.ended else self._trace.words()

    @property
    def stacks(self) -> str:
        """Those of its threads, once it was asked for them by ``trace.SIGNAL``."""
        return "" if self.ended else self._trace.stacks()

    def signal(self, number: int) -> None:
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
            self._trace.close()
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
