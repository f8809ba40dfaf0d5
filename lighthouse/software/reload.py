"""How software is told to load its files anew, as operators write it: a command or a signal."""

import signal
from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Final

import msgspec

from lighthouse.files import Refused
from lighthouse.schema import Path, Problem
from lighthouse.software.command import Command, common_environment, faults_of
from lighthouse.software.running import running

FILE: Final = "{file}"
"""What stands for the candidate's path in a command that validates one."""

Seconds = Annotated[float, msgspec.Meta(gt=0, le=600)]

_SIGNALS: Final = ("HUP", "USR1", "USR2", "WINCH", "INT", "TERM", "CONT")
_LINES: Final = 3
"""So many of the last lines of a command are shown: what is wrong is seldom in the last one."""

_WATCHED: Final = 0.2
"""Seconds in which a process that does not handle the signal has ended of it."""


class SignalReload(msgspec.Struct, frozen=True):
    """A signal to the process in a pid file; ``program`` is what that has to be.

    ``pid_file`` is where the number of the process is, an absolute path. ``signal`` is which
    one, such as HUP.
    """

    pid_file: str
    signal: str = "HUP"
    program: str | None = None
    expected: ClassVar = "a command as a list of arguments, or a map with pid_file and signal"

    def perform(self) -> None:
        """Raises ``NoProcess``, or ``RuntimeError`` if the process ended of it."""
        number = signal.Signals[f"SIG{self.signal.removeprefix('SIG')}"]
        with running(self.pid_file, self.program) as process:
            process.send(number, _WATCHED)

    def __str__(self) -> str:
        return f"SIG{self.signal.removeprefix('SIG')} to the process in {self.pid_file}"


ReloadWay = tuple[str, ...] | SignalReload


def perform(reload: ReloadWay, timeout: float) -> None:
    """Have the software load its files.

    Raises ``NoProcess`` if a pid file names nobody who could, and ``RuntimeError`` or
    ``OSError`` if it did not.
    """
    if isinstance(reload, SignalReload):
        reload.perform()
        return
    _run(reload, timeout)


def validate(command: Sequence[str], candidate: str, timeout: float) -> None:
    """Have a command judge a candidate; raises ``Refused`` with what it says."""
    words = [word.replace(FILE, candidate) for word in command]
    try:
        _run(words, timeout)
    except (RuntimeError, OSError) as error:
        raise Refused(str(error)) from error


def shown(reload: ReloadWay) -> str:
    """What a reload does, for a person."""
    return str(reload) if isinstance(reload, SignalReload) else " ".join(reload)


def faults_of_reload(reload: ReloadWay, place: Path) -> Iterator[Problem]:
    """What is wrong with a reload beyond its types."""
    if not isinstance(reload, SignalReload):
        yield from (Problem(place, fault) for fault in faults_of(reload))
        return
    if reload.signal.removeprefix("SIG") not in _SIGNALS:
        allowed = ", ".join(_SIGNALS)
        yield Problem((*place, "signal"), f"expected one of: {allowed}; got {reload.signal!r}")
    if not reload.pid_file.startswith("/"):
        yield Problem((*place, "pid_file"), "expected an absolute path")


def faults_of_validate(command: Sequence[str], place: Path) -> Iterator[Problem]:
    """What is wrong with a command that judges a candidate."""
    yield from (Problem(place, fault) for fault in faults_of(command))
    if not any(FILE in word for word in command[1:]):
        yield Problem(place, f"has no argument with {FILE}, where the candidate's path stands")


def _run(words: Sequence[str], timeout: float) -> None:
    try:
        result = Command(words, common_environment()).run(timeout)
    except ValueError as error:
        raise RuntimeError(f"{words[0]}: cannot be run: {error}") from error
    if result.status != 0:
        raise RuntimeError(f"{words[0]}: {result.told(timeout, _LINES)}")
