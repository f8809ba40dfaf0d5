"""A host of a test's own: a configuration, nodes that the test puts there, the real daemon."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

from lighthouse.daemon.client import DaemonSilent
from lighthouse.daemon.locate import find
from lighthouse.node import Node
from lighthouse.testing.values import node

T = TypeVar("T")

DISCOVERY: Final = "nodes"
"""The discovery that the test drives: ``discovery: nodes`` in a cluster's file."""

_PATIENCE: Final = 5.0


class HostTree:
    """A configuration in ``config``; the daemon is started by ``start`` and ended by ``close``.

    ``environment`` is what the daemon and the commands inherit, ``log`` what it logs.
    """

    def __init__(self, root: Path) -> None:
        self.root: Final = root
        self.config: Final = root / "config"
        self.nodes: Final = root / "nodes"
        self.log: Final = root / "daemon.log"
        self.python = sys.executable
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("LIGHTHOUSE")}
        self.environment["XDG_STATE_HOME"] = str(root / "remembered")
        self._daemon: subprocess.Popen[bytes] | None = None
        self.nodes.mkdir(parents=True)
        places = {"run_dir": str(root / "run"), "state_dir": str(root / "state")}
        self.write("lighthouse.yaml", {**places, "advertise": "127.0.0.1"})
        self.write(f"discovery/{DISCOVERY}.yaml", {"plugin": "file", "path": str(self.nodes)})

    def write(self, name: str, content: object) -> Path:
        """Write a file of the configuration, as a whole; what is no text is written as YAML."""
        path = self.config / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return _whole(path, content if isinstance(content, str) else yaml.safe_dump(content))

    def put_node(self, cluster: str, member: Node | str) -> None:
        """Have the discovery say that this is a node of the cluster."""
        each = node(member) if isinstance(member, str) else member
        record = {"host": each.host, "ip": each.ip, "port": each.port, "weight": each.weight}
        path = self._file(cluster, each.place)
        path.parent.mkdir(exist_ok=True)
        _whole(path, json.dumps({**record, "metadata": each.metadata}))

    def remove_node(self, cluster: str, place: str) -> None:
        """Have it say that the node is gone; the cluster is known all the same."""
        self._file(cluster, place).unlink()

    def start(self) -> None:
        """Start the daemon, and wait until it answers."""
        with self.log.open("ab") as log:
            self._daemon = subprocess.Popen(
                [self.python, "-m", "lighthouse.commands", "run", "-c", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                cwd="/",
                start_new_session=True,
            )
        self.wait(self.status)

    def reload(self) -> None:
        """Send the daemon SIGHUP: configuration and installed plugins are read again."""
        assert self._daemon is not None, "the daemon is not started"
        self._daemon.send_signal(signal.SIGHUP)

    def stop(self) -> int:
        """Stop the daemon; its exit status."""
        assert self._daemon is not None, "the daemon is not started"
        self._daemon.terminate()
        return self._daemon.wait(30)

    def status(self) -> dict[str, Any]:
        """The document of ``lighthouse status --json``; raises ``OSError`` if nobody answers."""
        try:
            text = find(self.config).status(_PATIENCE)
        except DaemonSilent as error:
            raise OSError(str(error)) from error
        if text is None:
            raise OSError("no daemon runs")
        document: dict[str, Any] = json.loads(text)
        return document

    def worker(self, name: str, kind: str = "balancer") -> dict[str, Any]:
        """One worker's part of the status; fails if there is none."""
        found = {(worker["kind"], worker["name"]): worker for worker in self.status()["workers"]}
        assert (kind, name) in found, f"no {kind} {name}; there are {sorted(found)}"
        worker: dict[str, Any] = found[kind, name]
        return worker

    def kill_worker(self, name: str, kind: str = "balancer") -> int:
        """Kill a worker with SIGKILL; the number of the process that it was."""
        pid: int = self.wait(lambda: self.worker(name, kind)["pid"])
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait(self, condition: Callable[[], T], within: float = 30.0) -> T:
        """The condition's first true value; fails with the daemon's log if there is none.

        ``AssertionError`` and ``OSError`` in the condition count as not yet.
        """
        deadline = time.monotonic() + within
        last: object = None
        while time.monotonic() < deadline:
            try:
                if value := condition():
                    return value
                last = value
            except (AssertionError, OSError) as error:
                last = error
            time.sleep(0.02)
        log = self.log.read_text(errors="replace")[-4000:] if self.log.exists() else ""
        raise AssertionError(f"not within {within:g} s, last: {last!r}\n{log}")

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """``lighthouse`` with these words, about this tree; what it printed."""
        line = [self.python, "-P", "-m", "lighthouse.commands", *words, "-c", str(self.config)]
        return subprocess.run(
            line, capture_output=True, text=True, timeout=60, env=self.environment, check=False
        )

    def close(self) -> None:
        """End the daemon."""
        if self._daemon is not None and self._daemon.poll() is None:
            self._daemon.terminate()
            try:
                self._daemon.wait(15)
            except subprocess.TimeoutExpired:
                self._daemon.kill()
                self._daemon.wait()

    def _file(self, cluster: str, place: str) -> Path:
        return self.nodes / cluster / f"{place.replace(':', '_')}.json"


def _whole(path: Path, text: str) -> Path:
    """Write a file so that nobody reads half of it."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
    return path
