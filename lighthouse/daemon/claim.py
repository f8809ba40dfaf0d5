"""What makes a process the daemon, and keeps it the only one, for as long as it lives.

Two files are locked: the pid file, in the run directory where commands look for it, and one in
the state directory, which no cleaner of temporary files sweeps, so that two daemons never work
on one state whatever became of the run directory. The files can be removed; what was removed
is put back.
"""

import contextlib
from pathlib import Path
from typing import Final

from lighthouse.config.directories import create
from lighthouse.daemon.pidfile import AlreadyRunning, Pidfile

PIDFILE: Final = "lighthouse.pid"
STATE_LOCK: Final = "daemon.lock"
LOCKS: Final = "locks"


class DaemonClaim:
    """A daemon's directories, and this process's claim to them once it is taken."""

    def __init__(self, run_dir: Path, state_dir: Path) -> None:
        self.run_dir: Final = run_dir
        self.state_dir: Final = state_dir
        self.pidfile: Final = Pidfile(run_dir / PIDFILE)
        self._state: Final = Pidfile(state_dir / STATE_LOCK)
        self._told = ""

    def take(self) -> None:
        """Become the daemon. Raises ``AlreadyRunning`` or ``OSError`` if that cannot be."""
        create(self.run_dir)
        self.pidfile.acquire()
        try:
            # Without a state directory a daemon can work; the store says what is wrong with it.
            with contextlib.suppress(OSError):
                create(self.state_dir, 0o700)
                self._state.acquire()
        except AlreadyRunning as other:
            self.pidfile.release()
            place, pid = self.state_dir, other.pid or "unknown"
            raise OSError(f"{place} is in use by another daemon (pid {pid})") from None

    def filenos(self) -> list[int]:
        """The descriptors that hold the claim."""
        return [fd for fd in (self.pidfile.fileno(), self._state.fileno()) if fd >= 0]

    def forked(self) -> None:
        """This process is the one now."""
        for file in (self.pidfile, self._state):
            if file.fileno() >= 0:
                file.write()

    def hand_over(self) -> None:
        """Let a forked child be the only one."""
        self.pidfile.hand_over()
        self._state.hand_over()

    def release(self) -> None:
        """Be the daemon no more; nothing if it never was."""
        self._state.release()
        self.pidfile.release()

    def locks(self) -> Path:
        """Where the workers' locks lie: not where a cleaner sweeps, if that can be had."""
        with contextlib.suppress(OSError):
            create(self.state_dir, 0o700)
            return create(self.state_dir / LOCKS)
        return create(self.run_dir / LOCKS)

    def restore(self) -> bool:
        """Put back what others have removed or written over. Returns True if there was any.

        Raises ``AlreadyRunning`` or ``OSError`` if that cannot be.
        """
        create(self.run_dir)
        restored = self.pidfile.restore()
        if self._state.fileno() >= 0:
            with contextlib.suppress(OSError):
                create(self.state_dir, 0o700)
                restored = self._state.restore() or restored
        return restored
