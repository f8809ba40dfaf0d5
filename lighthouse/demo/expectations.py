"""What the demonstration sees, in HAProxy, in the stream of requests and in the status."""

import contextlib
import socket
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import msgspec
import psutil

from lighthouse.daemon.client import DaemonClient, DaemonSilent
from lighthouse.daemon.status_document import StatusDocument, parse
from lighthouse.daemon.worker_document import WorkerStatus
from lighthouse.demo.proxy import ObservedProxy
from lighthouse.demo.services import Services
from lighthouse.demo.traffic import RequestStream

T = TypeVar("T")

PATIENCE: Final = 20.0
"""Seconds until something that must be seen counts as missing; much more than it needs."""

_LOOK: Final = 0.01
_ANSWER: Final = 2.0


class ExpectationFailed(Exception):
    """Something that had to be seen was not; the text says what."""


class Expectations:
    """Waits for what must be so; each method raises ``ExpectationFailed`` if it is not."""

    def __init__(
        self, services: Services, stream: RequestStream, proxy: ObservedProxy, daemon: DaemonClient
    ) -> None:
        self._services: Final = services
        self._stream: Final = stream
        self._proxy: Final = proxy
        self._daemon: Final = daemon

    def _until(self, condition: Callable[[], T | None], what: str) -> T:
        """The condition's first true value."""
        deadline = time.monotonic() + PATIENCE
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise ExpectationFailed(f"not seen within {PATIENCE:g} s: {what}")
            if self._services.daemon_ended():
                raise ExpectationFailed("the daemon has ended by itself")
            time.sleep(_LOOK)
        return value

    def serving(self, cluster: str, ports: frozenset[int]) -> None:
        """HAProxy sends a cluster's requests to exactly these ports."""
        what = f"HAProxy serves {cluster} from {', '.join(map(str, sorted(ports)))} only"
        self._until(lambda: self._proxy.serving(cluster) == ports, what)

    def answers(self, port: int) -> None:
        """A request is answered from there."""
        address = f"127.0.0.1:{port}"
        before = self._stream.answers(address)
        what = f"requests are answered by {address}"
        self._until(lambda: self._stream.answers(address) > before, what)

    def traffic(self) -> None:
        self._until(lambda: self._stream.requests >= 20, "requests are answered")

    def listens(self, port: int) -> None:
        self._until(lambda: _listens(port), f"a service listens on port {port}")

    def healthy(self) -> None:
        """The daemon itself says that all is well, but for what was started again lately."""
        try:
            self._until(lambda: _is_well(self.document()), "the daemon says that all is well")
        except ExpectationFailed as failed:
            raise ExpectationFailed(f"{failed}: {'; '.join(self.document().problems)}") from failed

    def hangs(self, name: str) -> None:
        """A worker was sent a snapshot and does not answer."""

        def waiting() -> bool:
            return any(w.snapshot.sent and not _is_through(w) for w in self._of(name))

        self._until(waiting, f"the worker {name} hangs")

    def restarted(self, name: str) -> WorkerStatus:
        """A worker that was ended and started again."""
        what = f"the worker {name} is killed and started again"
        return self._until(lambda: next((w for w in self._of(name) if w.restarts), None), what)

    def gone(self, name: str) -> None:
        self._until(lambda: not self._of(name), f"the worker {name} is gone")

    def at_work(self, name: str, instead_of: int | None = None) -> int:
        """The pid of a worker that has applied all it was sent, and is not ``instead_of``."""

        def pid() -> int | None:
            found = (w.pid for w in self._of(name) if _is_through(w) and w.pid != instead_of)
            return next(found, None)

        return self._until(pid, f"the worker {name} has done its work")

    def all_end(self, pids: Sequence[int]) -> None:
        """None of these processes is left."""
        deadline = time.monotonic() + PATIENCE
        while any(map(_lives, pids)):
            if time.monotonic() > deadline:
                raise ExpectationFailed(f"processes are left after {PATIENCE:g} s: {pids}")
            time.sleep(_LOOK)

    def document(self) -> StatusDocument:
        """The daemon's status; an empty one while it does not answer."""
        with contextlib.suppress(DaemonSilent, OSError, msgspec.DecodeError):
            text = self._daemon.status(_ANSWER)
            if text is not None:
                return parse(text)
        return StatusDocument()

    def _of(self, name: str) -> list[WorkerStatus]:
        return [w for w in self.document().workers if w.name == name]


def _is_well(document: StatusDocument) -> bool:
    """Return True if nothing is wrong but that workers which do their work were restarted."""
    recovered = {(w.kind, w.name) for w in document.workers if w.restarts and _is_through(w)}
    wrong = [cause for cause in document.causes if (cause.kind, cause.name) not in recovered]
    return bool(document.workers) and not wrong


def _is_through(worker: WorkerStatus) -> bool:
    sent, applied = worker.snapshot.sent, worker.snapshot.applied
    return worker.state == "running" and bool(sent) and sent == applied


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
        return True
    return False
