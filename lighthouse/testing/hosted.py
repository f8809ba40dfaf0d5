"""A plugin under test, in workers of its own: started, spoken with, killed, looked at."""

import contextlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from lighthouse.ipc.channel import Channel
from lighthouse.ipc.messages import Failed, Message, Ready, Reported, Stop
from lighthouse.process.ending.orphans import end_session
from lighthouse.standalone.orders import CloseReport, Loaded, Order, end_of
from lighthouse.testing.conversation import Conversation

_LINES: Final = 30
"""Lines of the end of a log that are told of a failure."""


class ForkServer:
    """The process from which the workers of one plugin are forked.

    ``seed`` is its ``PYTHONHASHSEED``, by which the order of sets differs between processes.
    """

    def __init__(self, kind: str, plugin: str, seed: str = "1") -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        descriptor, name = tempfile.mkstemp(prefix="lh-", suffix=".log")
        self._log: Final = Path(name)
        words = [sys.executable, "-P", "-m", "lighthouse.standalone.fork_server"]
        with theirs, open(descriptor, "wb") as log:
            self._process: Final = subprocess.Popen(
                [*words, kind, plugin, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={**os.environ, "PYTHONHASHSEED": seed},
            )
        self._ours.settimeout(60)
        said = self._ours.recv(65536)
        self.loaded: Final = (
            msgspec.json.decode(said, type=Loaded) if said else Loaded(self.printed)
        )

    @property
    def printed(self) -> str:
        """What the plugin and its worker have printed and logged."""
        return self._log.read_text(errors="replace")

    def fork(self, order: Order) -> tuple[Channel, int]:
        """A new worker: the supervisor's end of its channel, and its process."""
        ours, theirs = Channel.pair()
        with contextlib.closing(theirs):
            socket.send_fds(self._ours, [msgspec.json.encode(order)], [theirs.fileno()])
        return ours, int(self._ours.recv(64))

    def close(self) -> None:
        """End it, with all its workers."""
        self._ours.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.unlink(missing_ok=True)


class PluginWorker(Conversation):
    """One worker of the plugin; as the supervisor would, it is ended with all it started."""

    def __init__(self, channel: Channel, pid: int, report: Path, log: Callable[[], str]) -> None:
        super().__init__(channel)
        self.pid: Final = pid
        self._report: Final = report
        self._log: Final = log

    @property
    def log(self) -> str:
        return "\n".join(self._log().splitlines()[-_LINES:])

    @property
    def end(self) -> str:
        file, deadline = end_of(str(self._report)), time.monotonic() + 2.0
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        how = file.read_text() if file.exists() else "it closed its channel"
        return f"the worker has ended: {how}"

    def ready(self) -> "PluginWorker":
        """Wait until it can be sent something."""
        self.answer(Ready, 15.0)
        return self

    def answer(self, kind: type[Message], within: float) -> Any:
        """The next such message; None once the worker has ended or the time is up.

        Fails with the worker's own words if it gave up.
        """
        deadline = time.monotonic() + within
        while True:
            self._raise_if_failed()
            for index, (message, _) in enumerate(self._received):
                if isinstance(message, kind):
                    del self._received[index]
                    return message
            if not self._receive(deadline - time.monotonic()) and (
                self._closed or time.monotonic() > deadline
            ):
                self._raise_if_failed()
                return None

    def faults(self) -> list[str]:
        """What the worker has told so far of what its plugin does against its contract."""
        return [str(fault) for said in self.received(Reported) for fault in said.report.faults]

    @property
    def ended(self) -> bool:
        """Return True once the worker is gone."""
        self.received(Failed)
        return self._closed

    def stop(self, grace: float = 5.0) -> CloseReport | None:
        """Stop it as the supervisor does: what it held and what it has left; None if it hung."""
        self.send(Stop(grace))
        deadline = time.monotonic() + grace + 5.0
        while not self.ended and time.monotonic() < deadline:
            self._receive(0.2)
        try:
            return msgspec.json.decode(self._report.read_bytes(), type=CloseReport)
        except FileNotFoundError:
            return None
        finally:
            self.close()

    def limit_files(self, size: int = resource.RLIM_INFINITY) -> None:
        """Have the kernel refuse it files larger than so many bytes."""
        _, most = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (size, most))

    def close(self) -> None:
        """Kill it and whatever it left in its session."""
        if not self._over:
            self._over = True
            end_session(self.pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.channel.close()

    _over = False

    def _raise_if_failed(self) -> None:
        for failed in self.received(Failed):
            raise AssertionError(f"the worker gave up: {failed.reason}\n{failed.traceback}")


class PluginHost:
    """A directory for the plugin's files, and workers of the plugin, until it is closed.

    The directory's path is short, so that sockets have room in it.
    """

    def __init__(self, server: ForkServer) -> None:
        self._server: Final = server
        self._root: Final = Path(tempfile.mkdtemp(prefix="lh-"))
        self._workers: Final[list[PluginWorker]] = []
        self.directory: Final = self._root / "kept"
        self.directory.mkdir()
        self._count = 0

    @property
    def loaded(self) -> Loaded:
        """What came of loading the plugin."""
        return self._server.loaded

    @property
    def printed(self) -> str:
        """What the plugin's workers printed and logged."""
        return self._server.printed

    def worker(self, powerless: bool = False, server: ForkServer | None = None) -> PluginWorker:
        """A new worker; the former ones are ended, for never two do the same work.

        ``powerless``: file modes hold for it though it be root. ``server``: another one that
        it is forked from. Fails if the plugin cannot be loaded.
        """
        self.end_workers()
        return self.beside(powerless, server)

    def beside(self, powerless: bool = False, server: ForkServer | None = None) -> PluginWorker:
        """A worker beside those that serve, to be asked and never to sync."""
        if self.loaded.reason:
            raise AssertionError(
                f"the plugin cannot be loaded: {self.loaded.reason}\n{self.loaded.traceback}"
            )
        self._count += 1
        report = self._root / f"report-{self._count}"
        lock = self._root / f"lock-{self._count}"
        channel, pid = (server or self._server).fork(Order(str(lock), powerless, str(report)))
        worker = PluginWorker(channel, pid, report, lambda: self._server.printed)
        self._workers.append(worker)
        return worker.ready()

    def end_workers(self) -> None:
        """Kill every worker, with what it started and did not detach."""
        while self._workers:
            self._workers.pop().close()

    def empty(self) -> None:
        """Kill every worker and remove all files."""
        self.end_workers()
        shutil.rmtree(self.directory)
        self.directory.mkdir()

    def close(self) -> None:
        """End everything; nothing is left."""
        self.end_workers()
        shutil.rmtree(self._root, ignore_errors=True)
