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
        self._tree: Final = tree
        self._log: Final = log
        self._services: Final[dict[int, subprocess.Popen[bytes]]] = {}
        self._daemon: subprocess.Popen[bytes] | None = None

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
        environment = {k: v for k, v in os.environ.items() if not k.startswith("LIGHTHOUSE")}
        environment["PYTHONPATH"] = str(self._tree.plugins)
        environment["XDG_STATE_HOME"] = str(self._tree.root / "durable")
        with self._log.open("ab") as log:
            self._daemon = subprocess.Popen(
                [sys.executable, "-P", "-m", "lighthouse.commands", "run", "-c", self._tree.root],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        return self._daemon.pid

    def daemon_ended(self) -> bool:
        return self._daemon is None or self._daemon.poll() is not None

    def kill_daemon(self) -> None:
        """Without a warning."""
        if self._daemon is not None:
            _kill(self._daemon)
            self._daemon = None

    def stop_daemon(self) -> int | None:
        """In good order; its exit status, None if it had to be killed or did not run."""
        daemon, self._daemon = self._daemon, None
        if daemon is None:
            return None
        daemon.send_signal(signal.SIGTERM)
        try:
            return daemon.wait(_STOP)
        except subprocess.TimeoutExpired:
            _kill(daemon)
            return None

    def end(self) -> None:
        """Everything that still runs."""
        self.stop_daemon()
        for process in self._services.values():
            _kill(process)
        self._services.clear()


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    if process.stdin is not None:
        process.stdin.close()
