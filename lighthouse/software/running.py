"""A process that is known by its pid file: whether it is the one, and sending it signals.

A pid file may be left over from a crash or a reboot, and its number may be somebody else's by
now, whom a signal would end. A process counts as the one that wrote the file only if it was
started before the file was last written, and if its program has the name that is expected.
"""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
import psutil

from lighthouse.files import Postponed

_SLACK: Final = 2.0
"""Seconds by which the start of a process may seem later than it was."""

_INIT: Final = 1
_ENOUGH: Final = 64
"""Bytes of a pid file that are read; the rest cannot be a number."""


class NoProcess(Postponed):
    """There is no process that could be told; the text says why that is known."""


class RunningProcess(msgspec.Struct, frozen=True):
    """A process that was found, held by a descriptor so that its number stays its own."""

    pid: int
    descriptor: int

    def send(self, number: signal.Signals, wait: float = 0.0) -> None:
        """Send a signal; raises ``RuntimeError`` if it may not, or if the process ends of it.

        ``wait`` is how many seconds it is watched afterwards.
        """
        try:
            signal.pidfd_send_signal(self.descriptor, number)
        except ProcessLookupError as error:
            raise NoProcess(f"process {self.pid} has just ended") from error
        except PermissionError as error:
            told = f"{number.name} to process {self.pid}: this user may not; run the worker "
            raise RuntimeError(f"{told}as root or as the user of that process") from error
        if wait and select.select([self.descriptor], [], [], wait)[0]:
            raise RuntimeError(f"process {self.pid} ended when it was sent {number.name}")


@contextmanager
def running(pid_file: Path | str, program: str | None = None) -> Iterator[RunningProcess]:
    """The process that wrote a pid file; raises ``NoProcess`` if there is none.

    ``program`` is the name of its executable, or of what it was started as.
    """
    pid = _number(Path(pid_file))
    try:
        descriptor = os.pidfd_open(pid)
    except (OSError, OverflowError) as error:
        raise NoProcess(f"{pid_file} names process {pid}, which does not run") from error
    try:
        _identify(pid, Path(pid_file), program)
        yield RunningProcess(pid, descriptor)
    finally:
        os.close(descriptor)


def _number(pid_file: Path) -> int:
    try:
        with open(pid_file, "rb") as file:
            text = file.read(_ENOUGH).split()
        pid = int(text[0])
    except FileNotFoundError as error:
        raise NoProcess(f"there is no {pid_file}") from error
    except (OSError, ValueError, IndexError) as error:
        raise NoProcess(f"{pid_file} has no pid in it") from error
    if pid <= 0:
        raise NoProcess(f"{pid_file} has no pid in it")
    return pid


def _identify(pid: int, pid_file: Path, program: str | None) -> None:
    try:
        process = psutil.Process(pid)
        started, state = process.create_time(), process.status()
        names = _names(process)
        written = os.stat(pid_file).st_mtime
    except (psutil.Error, OSError) as error:
        raise NoProcess(f"{pid_file} names process {pid}, which does not run") from error
    if state == psutil.STATUS_ZOMBIE:
        raise NoProcess(f"{pid_file} names process {pid}, which has ended")
    if program is None and (started > written + _SLACK or pid == _INIT):
        what = f"{pid_file} is older than process {pid} ({process.name()}), which it names"
        raise NoProcess(f"{what}: it is left over, and nothing is sent")
    if program is not None and program not in names:
        what = f"{pid_file} names process {pid}, which is {process.name()} and not {program}"
        raise NoProcess(f"{what}: nothing is sent")


def _names(process: psutil.Process) -> set[str]:
    """What a process may go by: its own name, its executable's, and what it calls itself."""
    found = {process.name()}
    try:
        found |= {Path(word).name for word in process.cmdline()[:1]}
        found |= {word.rstrip(":") for word in " ".join(process.cmdline()[:1]).split()[:1]}
        found.add(Path(process.exe()).name)
    except psutil.AccessDenied:
        pass
    return found
