"""nginx's master process: who its workers are, and a reload that is proven by new ones."""

import re
import signal
import time
from pathlib import Path
from typing import Final

import msgspec
import psutil

from lighthouse.software.running import NoProcess, RunningProcess, running

_WORKER: Final = "nginx: worker process"
_LEAVING: Final = "is shutting down"
_POLL: Final = 0.01
_TAIL: Final = 65536
_EMERGENCY: Final = re.compile(rb"\[emerg\] (\d+)#\d+: ([^\n]*)")


class NoNewWorkers(RuntimeError):
    """The master did not bring up new workers; the text is nginx's own where it tells."""


class Workers(msgspec.Struct, frozen=True):
    """The pids of the workers that serve, and of those that only finish what they have."""

    serving: frozenset[int] = frozenset()
    leaving: frozenset[int] = frozenset()


class Master:
    """The nginx whose pid is in a file. It is not started or ended here."""

    def __init__(self, pid_file: str, error_log: str | None) -> None:
        self._pid_file: Final = pid_file
        self._log: Final = Path(error_log) if error_log and error_log.startswith("/") else None
        self._before: Workers | None = None
        self.took = 0.0
        """Seconds from the last signal to the proof."""

    def workers(self) -> Workers:
        """Who serves and who leaves; raises ``NoProcess``."""
        with running(self._pid_file, "nginx") as process:
            return _workers(process.pid)

    def reload(self, timeout: float) -> None:
        """Have the files loaded; proven once none of the former workers takes connections.

        Raises ``NoProcess``, or ``NoNewWorkers`` with what the error log says.
        """
        with running(self._pid_file, "nginx") as process:
            self._before = _workers(process.pid)
            self._prove(process, self._before, timeout)

    def go_on(self, timeout: float) -> None:
        """After a failed reload: load the former files, unless they never stopped serving."""
        with running(self._pid_file, "nginx") as process:
            now = _workers(process.pid)
            if self._before is None or now.serving != self._before.serving:
                self._prove(process, now, timeout)

    def _prove(self, process: RunningProcess, before: Workers, timeout: float) -> None:
        place = self._size()
        begun = time.monotonic()
        process.send(signal.SIGHUP)
        while time.monotonic() < begun + timeout:
            now = _workers(process.pid)
            if now.serving and now.serving.isdisjoint(before.serving):
                self.took = time.monotonic() - begun
                return
            if told := self._emergency(place, process.pid):
                raise NoNewWorkers(f"nginx refuses to reload: {told}")
            time.sleep(_POLL)
        if not now.serving:
            told = "has no worker processes, by which a reload could be proven"
            raise NoNewWorkers(f"nginx's master {process.pid} {told}")
        left = len(now.serving & before.serving)
        raise NoNewWorkers(f"{left} former workers still serve {timeout:g} s after the reload")

    def _size(self) -> int:
        try:
            return 0 if self._log is None else self._log.stat().st_size
        except OSError:
            return 0

    def _emergency(self, place: int, pid: int) -> str:
        """What the master has written into its log since, if it gave up."""
        if self._log is None:
            return ""
        try:
            with open(self._log, "rb") as file:
                file.seek(place)
                written = file.read(_TAIL)
        except OSError:
            return ""
        told = [text for number, text in _EMERGENCY.findall(written) if int(number) == pid]
        return told[-1].decode("utf-8", "replace") if told else ""


def _workers(master: int) -> Workers:
    serving: set[int] = set()
    leaving: set[int] = set()
    try:
        children = psutil.Process(master).children()
    except psutil.Error as error:
        raise NoProcess(f"nginx's master {master} has ended") from error
    for child in children:
        try:
            title = " ".join(child.cmdline())
        except psutil.Error:
            continue
        if title.startswith(_WORKER):
            (leaving if _LEAVING in title else serving).add(child.pid)
    return Workers(frozenset(serving), frozenset(leaving))
