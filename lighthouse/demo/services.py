"""Every process that the demonstration starts; each of them is ended."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

from lighthouse.demo.tree import DemoTree

_STOP: Final = 20.0
"""Seconds for the daemon's orderly stop."""


class Services:
    """The services by port, and the daemon."""

    def __init__(self, tree: DemoTree, log: Path) -> None:
        self._services: Final[dict[int, subprocess.Popen[bytes]]] = {}
        self._daemon: Final = DaemonProcess(tree.root, log, tree.plugins)

    def start_service(self, port: int) -> None:
        self._services[port] = subprocess.Popen(
            [sys.executable, "-P", "-m", "lighthouse.demo.backend", str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def kill_service(self, port: int) -> None:
        """Without a warning."""
        _kill(self._services.pop(port))

    def start_daemon(self) -> int:
        """Its pid; what it logs goes to a file."""
        return self._daemon.start()

    def daemon_ended(self) -> bool:
        return self._daemon.ended

    def kill_daemon(self) -> None:
        """Without a warning."""
        self._daemon.kill()

    def stop_daemon(self) -> int | None:
        """In good order; its exit status, None if it had to be killed or did not run."""
        return self._daemon.stop()

    def end(self) -> None:
        """Everything that still runs."""
        self.stop_daemon()
        for process in self._services.values():
            _kill(process)
        self._services.clear()


class DaemonProcess:
    """The daemon of a configuration; what it logs goes to a file."""

    def __init__(self, root: Path, log: Path, plugins: Path | None = None) -> None:
        self._root: Final = root
        self._log: Final = log
        self._plugins: Final = plugins
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def ended(self) -> bool:
        """Return True if it does not run."""
        return self._process is None or self._process.poll() is not None

    def start(self) -> int:
        """Its pid."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("LIGHTHOUSE")}
        if self._plugins is not None:
            environment["PYTHONPATH"] = str(self._plugins)
        environment["XDG_STATE_HOME"] = str(self._root / "durable")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "lighthouse.commands", "run", "-c", self._root],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        return self._process.pid

    def kill(self) -> None:
        """Without a warning."""
        if self._process is not None:
            _kill(self._process)
            self._process = None

    def stop(self) -> int | None:
        """In good order; its exit status, None if it had to be killed or did not run."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(_STOP)
        except subprocess.TimeoutExpired:
            _kill(process)
            return None


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    if process.stdin is not None:
        process.stdin.close()
