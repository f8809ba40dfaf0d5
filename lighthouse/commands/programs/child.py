"""The program that a command starts: its process, its end, and all that it leaves behind."""

import contextlib
import errno
import os
import signal
from collections.abc import Mapping, Sequence
from typing import Final

from lighthouse.process.ending.parenthood import die_with_parent, inherit_orphans

NOT_FOUND: Final = 127
NOT_EXECUTABLE: Final = 126
"""The exit codes that a shell has for a program that cannot be started."""

_KILLED: Final = 128


class Child:
    """A program in a process group of its own, which gets SIGTERM if this process dies.

    It inherits all that this process was given: standard input and outputs, environment, sockets
    of a service manager. Raises ``OSError`` if it cannot be started. ``code`` is its exit code
    once it has ended, as a shell would say it.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.code: int | None = None
        inherit_orphans()
        reading, writing = os.pipe()
        parent = os.getpid()
        self._pid: Final = os.fork()
        if self._pid == 0:
            _become(command, environment, parent, writing)
        os.close(writing)
        with open(reading, "rb") as pipe:
            said = pipe.read()
        if said:
            os.waitpid(self._pid, 0)
            number = int(said)
            raise OSError(number, os.strerror(number), command[0])

    def reap(self) -> None:
        """Let go of whoever has ended below this process, and note if the program has."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == self._pid:
                    code = os.waitstatus_to_exitcode(status)
                    self.code = code if code >= 0 else _KILLED - code

    def signal(self, number: int) -> None:
        """Hand a signal to the program, unless it has ended."""
        if self.code is None:
            os.kill(self._pid, number)

    def kill(self) -> None:
        """End it with its group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)


def _become(
    command: Sequence[str], environment: Mapping[str, str], parent: int, pipe: int
) -> None:
    """In the new process; does not return."""
    number: int = errno.EINVAL
    try:
        os.setpgid(0, 0)
        die_with_parent(signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(_KILLED + signal.SIGTERM)
        for each in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(each, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.execvpe(command[0], list(command), _own(environment))
    except OSError as error:
        number = error.errno or number
    finally:
        os.write(pipe, str(number).encode())
        os._exit(NOT_FOUND)


def _own(environment: Mapping[str, str]) -> dict[str, str]:
    """What names this process as the one that a service manager means names the program."""
    found = dict(environment)
    found.pop("WATCHDOG_PID", None)
    if found.get("LISTEN_PID") == str(os.getppid()):
        found["LISTEN_PID"] = str(os.getpid())
    return found
