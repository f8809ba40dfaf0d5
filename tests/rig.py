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
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lighthouse.ipc.channel import Channel
from lighthouse.ipc.messages import Ready, Stop
from lighthouse.process import record_lock
from lighthouse.testing.conversation import Conversation, part
from tests.waiting import eventually

__all__ = ["GROUPS", "Rig", "dist_info", "install", "part"]

GROUPS: Final = {
    "balancer": "lighthouse.balancers",
    "discovery": "lighthouse.discovery",
    "check": "lighthouse.checks",
}


def install(directory: Path, group: str, name: str, source: str) -> None:
    """Put a plugin of that name where ``PYTHONPATH=directory`` finds it and its entry point."""
    module = f"plugin_{name}"
    (directory / f"{module}.py").write_text(textwrap.dedent(source), encoding="utf-8")
    dist_info(directory, group, name, module)


def dist_info(directory: Path, group: str, name: str, target: str) -> None:
    """Have a distribution ``NAME 1.0`` there, with one entry point that names the target."""
    info = directory / f"{name}-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {target}\n")


class Rig(Conversation):
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
        channel, self._far = Channel.pair()
        super().__init__(channel)
        self._printed: list[bytes] = []
        self._reading: Final = threading.Lock()
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

    def stop(self, grace: float = 5.0) -> int:
        """Stop the worker as the supervisor does; its exit status."""
        self.send(Stop(grace))
        return self.exit_status()

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
