"""One run of a command, with an end: nothing of it is left when ``run`` returns.

The command leads a process group of its own, which is killed as a whole: at the deadline, when
it is cancelled, or when the command has exited and left children behind. It stays in the
session of its worker, so that it ends with that like all that a plugin has started. If nobody
is left to see to that, the guard does, for commands that have one. The command itself dies
with its parent, too: a parent-death signal is set between fork and exec. That is done in a
``preexec_fn`` although the worker has threads, since nothing else sets it without one more
program per run. It is safe there because CPython takes its own locks across a fork that has a
``preexec_fn``, the C library does the same for its allocator, and the function imports, logs
and waits for nothing: it makes a few system calls, of which the one that is foreign was looked
up beforehand.
"""

import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar, Final

import msgspec

from lighthouse.process.ending.parenthood import die_with_parent
from lighthouse.software.guard import BEGUN
from lighthouse.software.survivors import Guard, say
from lighthouse.text import LIMIT, one_line

TAIL: Final = 4096
"""Bytes of output that are kept unless it is said otherwise."""

_COMMON: Final = {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"}
_SHOWN: Final = 150
_CHUNK: Final = 65536
_LAST_READS: Final = 16
_REAPING: Final = 1.0


class CommandResult(msgspec.Struct, frozen=True):
    """``status`` is the exit status, negative for the signal that ended the command.

    None if its time was up and it was killed. ``output`` is the end of what it printed.
    """

    status: int | None
    output: bytes

    def told(self, timeout: float, lines: int = 1) -> str:
        """How it ended, and the last lines that it printed, on one line."""
        printed = [one for one in self.output.decode(errors="replace").split("\n") if one.strip()]
        last = "; ".join(one_line(one, _SHOWN) for one in printed[-lines:])
        return one_line(f"{self._ended(timeout)}{f': {last}' if last else ''}", lines * LIMIT)

    def _ended(self, timeout: float) -> str:
        if self.status is None:
            return f"killed after {timeout:g} s"
        if self.status < 0:
            return f"ended by signal {-self.status}"
        return f"exit status {self.status}"


def common_environment() -> dict[str, str]:
    """What a command may rely on: where programs are, who runs it, and the language.

    Whatever else the shell had from which the daemon was started is no business of a command's.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name in _COMMON or name.startswith("LC_")
    }


def faults_of(arguments: Sequence[str]) -> Iterator[str]:
    """What keeps words from being a program and its arguments."""
    if not arguments or not arguments[0]:
        yield "expected a program and its arguments"
    if any("\0" in argument for argument in arguments):
        yield "has a NUL character"


class Command:
    """Runs once; ``cancel`` ends it from any other thread, or keeps it from beginning.

    Without a guard, what it has started may outlive it only where worker and supervisor are
    killed at once. ``keep`` is how many bytes of what it prints are kept, the last ones.
    """

    _guards: ClassVar = Guard()

    def __init__(
        self,
        arguments: Sequence[str],
        env: Mapping[str, str],
        guarded: bool = False,
        keep: int = TAIL,
    ) -> None:
        self._arguments: Final = arguments
        self._env: Final = env
        self._keep: Final = keep
        self._guard: Final = self._guards if guarded else None
        self._lock: Final = threading.Lock()
        self._group = 0  # while it runs and is not reaped
        self._cancelled = False

    def run(self, timeout: float) -> CommandResult:
        """Run the command to its end, or kill it when ``timeout`` seconds are over.

        Raises ``OSError`` or ``ValueError`` if it cannot be started.
        """
        deadline = time.monotonic() + timeout
        process = subprocess.Popen(
            self._arguments,
            env=dict(self._env),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
            preexec_fn=_bind_to(os.getpid(), self._guard.stand() if self._guard else None),
        )
        with self._lock:
            self._group = process.pid
        if self._cancelled:
            self.cancel()
        assert process.stdout is not None
        with process.stdout as stdout:
            os.set_blocking(stdout.fileno(), False)
            try:
                output = _Output(stdout.fileno(), self._keep)
                exited = _attend(process.pid, output, deadline)
            finally:
                self._end(process)
            output.read(_LAST_READS)
        return CommandResult(process.returncode if exited else None, bytes(output.tail))

    def cancel(self) -> None:
        """End it with all that it has started."""
        with self._lock:
            self._cancelled = True
            if self._group:
                _kill(self._group)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Kill the group before its leader is reaped, while its number cannot be another's."""
        with self._lock:
            self._group = 0
            _kill(process.pid)
        if self._guard is not None:
            self._guard.ended(process.pid)
        with contextlib.suppress(subprocess.TimeoutExpired):  # stuck in the kernel: reaped later
            process.wait(_REAPING)


class _Output:
    def __init__(self, descriptor: int, keep: int) -> None:
        self.descriptor: Final = descriptor
        self.tail = bytearray()
        self._keep: Final = keep

    def read(self, times: int) -> bool:
        """Take what is there; False at the end of it all."""
        for _ in range(times):
            try:
                piece = os.read(self.descriptor, _CHUNK)
            except BlockingIOError:
                return True
            if not piece:
                return False
            self.tail = (self.tail + piece)[-self._keep :]
        return True


def _attend(pid: int, output: _Output, deadline: float) -> bool:
    """Read until the command itself has exited, whoever else still holds its output.

    False if the deadline came first.
    """
    exit_descriptor = os.pidfd_open(pid)
    try:
        poller = select.poll()
        poller.register(exit_descriptor, select.POLLIN)
        poller.register(output.descriptor, select.POLLIN)
        while (left := deadline - time.monotonic()) > 0:
            ready = {descriptor for descriptor, _ in poller.poll(left * 1000 + 1)}
            if exit_descriptor in ready:
                return True
            if output.descriptor in ready and not output.read(1):
                poller.unregister(output.descriptor)
        return False
    finally:
        os.close(exit_descriptor)


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _bind_to(parent: int, guard: int | None) -> Callable[[], None]:
    """What the child does before exec: die with the parent, and take signals as usual.

    Its guard hears of it before it can start anything.
    """

    def prepare() -> None:
        die_with_parent()
        if os.getppid() != parent:
            os._exit(1)
        if guard is not None:
            say(guard, BEGUN, os.getpid())
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    return prepare
