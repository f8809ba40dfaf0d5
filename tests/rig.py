"""A worker process under test, started as the supervisor starts one.

``Rig`` takes the place of the supervisor: it writes a plugin into a directory as an installed
distribution, starts the worker over a channel, sends it snapshots and awaits its messages. It
never leaves a process behind when used as a context manager::

    with Rig(tmp_path, "balancer", SOURCE) as rig:
        rig.deliver(BalancerSnapshot(Settings()))
        assert rig.expect(Applied).kind == "applied"
"""

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from lighthouse.cluster import Cluster
from lighthouse.discovery import Reading
from lighthouse.ipc.channel import Channel, Closed
from lighthouse.ipc.messages import (
    Deliver,
    Message,
    Observed,
    Ready,
    Registered,
    Registration,
    Stop,
    Validate,
    Validated,
    VerdictsSaid,
    decode_as,
    encode,
    pack,
)
from lighthouse.ipc.snapshot import Membership, Part, PluginSettings, Snapshot
from lighthouse.process import record_lock
from lighthouse.service import Verdict
from tests.waiting import eventually

M = TypeVar("M")

GROUPS: Final = {
    "balancer": "lighthouse.balancers",
    "discovery": "lighthouse.discovery",
    "check": "lighthouse.checks",
}


def install(directory: Path, group: str, name: str, source: str) -> None:
    """Put a plugin of that name where ``PYTHONPATH=directory`` finds it and its entry point."""
    module = f"plugin_{name}"
    (directory / f"{module}.py").write_text(textwrap.dedent(source), encoding="utf-8")
    info = directory / f"{name}-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}\n")


def part(cluster: Cluster, revision: int, settings: PluginSettings | None = None) -> Part:
    """A cluster as the supervisor puts it into a balancer's snapshot."""
    membership = Membership(
        settings,
        msgspec.Raw(encode(cluster.nodes)),
        cluster.known,
        cluster.stale,
        cluster.observed_at,
        cluster.meta_cluster,
    )
    return Part(cluster.name, revision, encode(membership))


class Rig:
    """One worker and the supervisor's end of its channel."""

    def __init__(
        self,
        directory: Path,
        kind: str,
        source: str | None = None,
        plugin: str = "own",
        name: str = "",
        parent_pid: int | None = None,
        inherit: Sequence[int] = (),
    ) -> None:
        self.directory: Final = directory
        self.kind: Final = kind
        self.plugin, self.name = plugin, name or plugin
        self.lock: Final = directory / f"{kind}.{self.name}.lock"
        self.parent_pid: Final = os.getpid() if parent_pid is None else parent_pid
        self.inherit: Final = tuple(inherit)
        self.channel, self._far = Channel.pair()
        self.version = 0
        self._printed: list[bytes] = []
        self._reading: Final = threading.Lock()
        self._verdicts: dict[str, Verdict] = {}
        self._received: list[tuple[Message, bytes]] = []
        self._closed = False
        self._over = False
        if source is not None:
            install(directory, GROUPS[kind], plugin, source)

    def __enter__(self) -> "Rig":
        self.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.close()
        if error is not None:
            sys.stderr.write(f"--- the worker printed:\n{self.log}\n")

    @property
    def command(self) -> list[str]:
        """The worker's command line."""
        words = [sys.executable, "-P", "-m", f"lighthouse.workers.{self.kind}", self.name]
        return [*words, self.plugin, str(self.descriptor), str(self.lock), str(self.parent_pid)]

    @property
    def descriptor(self) -> int:
        """The worker's end of the channel, until it is started."""
        return self._far.fileno()

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self.directory)}

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def working(self) -> bool:
        """Return True once the worker has taken its lock, which it needs to change anything."""
        lock = os.open(self.lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            return bool(record_lock.holder(lock, fcntl.F_GETLK, fcntl.F_WRLCK))
        finally:
            os.close(lock)

    @property
    def log(self) -> str:
        """Everything that the worker printed so far."""
        self._drain()
        return b"".join(self._printed).decode("utf-8", "replace")

    def start(self) -> None:
        """Start the worker; it has not said ``Ready`` yet."""
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[self.descriptor, *self.inherit],
            start_new_session=True,
            env=self.environment,
        )
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        self._far.close()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def ready(self) -> "Rig":
        """Wait until the plugin is loaded."""
        self.expect(Ready)
        return self

    def send(self, message: Message, payload: Sequence[bytes] | None = None) -> None:
        assert self.channel.send(message, payload), "the worker does not read"

    def deliver(self, snapshot: Snapshot) -> int:
        """Send the snapshot under the next version, which is returned."""
        self.version += 1
        self.send(Deliver(self.version), list(pack(snapshot)))
        return self.version

    def validate(self, snapshot: Snapshot) -> Validated:
        """The worker's answer to ``Validate``."""
        self.send(Validate(), list(pack(snapshot)))
        return self.expect(Validated)

    def stop(self, grace: float = 5.0) -> int:
        """Stop the worker as the supervisor does; its exit status."""
        self.send(Stop(grace))
        return self.exit_status()

    def expect(
        self, kind: type[M], where: Callable[[M], Any] = lambda _: True, within: float = 15.0
    ) -> M:
        """The first such message that was not returned before; fails after ``within``."""
        return self.expect_payload(kind, where, within)[0]

    def expect_payload(
        self, kind: type[M], where: Callable[[M], Any] = lambda _: True, within: float = 15.0
    ) -> tuple[M, bytes]:
        """Like ``expect``, with the message's payload."""
        deadline = time.monotonic() + within
        while True:
            for index, (message, payload) in enumerate(self._received):
                if isinstance(message, kind) and where(message):
                    del self._received[index]
                    return message, payload
            rest = deadline - time.monotonic()
            if rest <= 0 or not self._receive(rest):
                seen = ", ".join(repr(message) for message, _ in self._received)
                raise AssertionError(f"no {kind.__name__}; got: {seen}\n{self.log}")

    def reading(
        self, cluster: str, where: Callable[[Reading], Any] = lambda _: True
    ) -> tuple[Observed, Reading]:
        """The next reading of the cluster that is as wanted."""
        while True:
            message, payload = self.expect_payload(Observed, lambda m: m.cluster == cluster)
            reading = decode_as(Reading, payload)
            if where(reading):
                return message, reading

    def registrations(self) -> dict[tuple[str, int], Registration]:
        """The next statement of what is registered."""
        _, payload = self.expect_payload(Registered)
        found = decode_as(tuple[Registration, ...], payload)
        return {(one.place[0], one.place[3]): one for one in found}

    def verdicts(
        self, where: Callable[[dict[str, Verdict]], Any] = lambda _: True, within: float = 15.0
    ) -> dict[str, Verdict]:
        """The verdicts by service, after the next statement that makes them as wanted."""
        deadline = time.monotonic() + within
        while True:
            said, payload = self.expect_payload(VerdictsSaid, within=deadline - time.monotonic())
            known = {} if said.whole else self._verdicts
            found = {v.service: v for v in decode_as(tuple[Verdict, ...], payload)}
            self._verdicts = known | found
            if where(self._verdicts):
                return self._verdicts

    def received(self, kind: type[M]) -> list[M]:
        """The messages of a kind that have come and that nobody expected yet."""
        while self._receive(0):
            pass
        return [message for message, _ in self._received if isinstance(message, kind)]

    def forget(self) -> None:
        """Let go of the messages that nobody expected."""
        self.received(object)
        self._received.clear()

    def exit_status(self, within: float = 15.0) -> int:
        """The status with which the worker ends by itself."""
        status = self.process.wait(within)
        self._reader.join(within)
        return status

    def printed(self, text: str, within: float = 15.0) -> str:
        """Wait until the worker has printed the text; everything that it printed."""
        eventually(lambda: text in self.log, within, f"{text!r} in {self.log!r}")
        return self.log

    def close(self) -> None:
        """Kill the worker and whatever it left in its process group."""
        self.channel.close()
        self._far.close()
        if hasattr(self, "process"):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self._over = True
            self._reader.join(5)
            assert self.process.stdout is not None
            self.process.stdout.close()

    def _receive(self, seconds: float) -> bool:
        """Take the next message, waiting so long; False if there is none."""
        if self._closed:
            return False
        select.select([self.channel], [], [], max(0.0, seconds))
        try:
            received = self.channel.receive()
        except Closed:
            self._closed = True
            return False
        if received is None:
            return False
        message, payload = received
        self._received.append((message, bytes(payload)))
        return True

    def _read(self) -> None:
        """Keep the pipe empty until everybody has closed it, or the rig is."""
        pipe = self.process.stdout
        assert pipe is not None
        while not self._over and not self._drain():
            select.select([pipe], [], [], 0.5)

    def _drain(self) -> bool:
        """Take what is in the pipe; whether its end was reached."""
        pipe = self.process.stdout
        assert pipe is not None
        with self._reading:
            while not pipe.closed:
                try:
                    printed = os.read(pipe.fileno(), 65536)
                except BlockingIOError:
                    return False
                if not printed:
                    return True
                self._printed.append(printed)
        return True
