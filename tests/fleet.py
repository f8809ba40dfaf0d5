"""A whole host for tests and benchmarks: a config tree, node files, the real daemon.

Everything lies in one temporary directory and is ended with the ``Fleet``, by number.
"""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from lighthouse.ipc.channel import Channel, Closed
from lighthouse.ipc.control import GetStatus
from tests.ports import free_port
from tests.waiting import eventually


class Traffic:
    """A steady stream of requests to one port, each on a connection of its own.

    ``failures`` lists what went wrong, in words, with the time.
    """

    def __init__(self, port: int, pause: float = 0.005) -> None:
        self.port = port
        self.requests = 0
        self.failures: list[tuple[float, str]] = []
        self._pause = pause
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._pause):
            self.requests += 1
            try:
                status = get(self.port)[0]
            except (OSError, http.client.HTTPException) as error:
                self.failures.append((time.monotonic(), repr(error)))
            else:
                if status != 200:
                    self.failures.append((time.monotonic(), f"status {status}"))


def get(port: int, path: str = "/") -> tuple[int, str]:
    """Status and body of one request to 127.0.0.1."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


class Fleet:
    """A config tree in ``root`` with a ``file`` discovery and a HAProxy, and its daemon.

    ``source`` names the discovery that clusters are looked up with.
    """

    def __init__(self, root: Path, haproxy_bin: str | None = None) -> None:
        self.root = root
        self.config = root / "config"
        self.nodes = root / "nodes"
        self.run_dir = root / "run"
        self.socket = root / "h.sock"
        self.pid_file = root / "h.pid"
        self.source = "files"
        self.cfg = root / "haproxy.cfg"
        self.log = root / "daemon.log"
        self.record = root / "record"
        self.checks: dict[str, Any] = {}
        self.ports: dict[str, int] = {}
        self.daemon: subprocess.Popen[bytes] | None = None
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("LIGHTHOUSE")}
        for directory in ("balancers", "discovery", "clusters", "services"):
            (self.config / directory).mkdir(parents=True)
        self.nodes.mkdir()
        self.write(
            "lighthouse.yaml",
            {
                "run_dir": str(self.run_dir),
                "state_dir": str(root / "state"),
                "advertise": "127.0.0.1",
            },
        )
        self.write("discovery/files.yaml", {"plugin": "file", "path": str(self.nodes)})
        self.haproxy: dict[str, Any] = {
            "config_file": str(self.cfg),
            "socket_file": str(self.socket),
            "pid_file": str(self.pid_file),
            "bind_address": "127.0.0.1",
            "global": ["nbthread 2"],
            "defaults": [
                "mode http",
                "retries 3",
                "timeout connect 2s",
                "timeout client 10s",
                "timeout server 10s",
            ],
        }
        if haproxy_bin:
            self.haproxy["haproxy_bin"] = haproxy_bin
        self.write("balancers/haproxy.yaml", self.haproxy)

    def write(self, name: str, content: object) -> Path:
        """A config file, replaced as an editor does."""
        path = self.config / name
        text = content if isinstance(content, str) else yaml.safe_dump(content)
        beside = path.with_name(f".{path.name}.new")
        beside.write_text(text)
        beside.replace(path)
        return path

    def cluster(self, name: str, **changes: Any) -> int:
        """A cluster's file; returns the port that HAProxy binds for it."""
        port = self.ports.setdefault(name, free_port())
        section = {"port": port, **changes.pop("haproxy", {})}
        content = {"discovery": self.source, "haproxy": section, **changes}
        self.write(f"clusters/{name}.yaml", content)
        return port

    def discover(self, name: str, config: dict[str, Any]) -> None:
        """A discovery's file; the clusters that are written from now on are looked up there."""
        self.write(f"discovery/{name}.yaml", config)
        self.source = name

    def node(
        self, cluster: str, name: str, port: int, ip: str = "127.0.0.1", **fields: Any
    ) -> Path:
        """A node's file, put there as configuration management would."""
        directory = self.nodes / cluster
        directory.mkdir(exist_ok=True)
        path = directory / f"{name}.json"
        beside = directory / f".{name}.new"
        beside.write_text(json.dumps({"host": name, "ip": ip, "port": port, **fields}))
        beside.replace(path)
        return path

    def plugin(self, name: str, source: str, kind: str = "balancer") -> None:
        """An installed plugin of one module."""
        group = {"balancer": "balancers", "discovery": "discovery", "check": "checks"}[kind]
        directory = self.root / "plugins"
        info = directory / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (directory / f"lh_{name}.py").write_text(source)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[lighthouse.{group}]\n{name} = lh_{name}\n")
        self.env["PYTHONPATH"] = str(directory)

    def start(self) -> None:
        """Start the daemon in the foreground of its own session."""
        with self.log.open("ab") as log:
            self.daemon = subprocess.Popen(
                [sys.executable, "-m", "lighthouse.commands", "run", "-c", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.env,
                start_new_session=True,
            )

    def reload(self) -> None:
        """Send the supervisor SIGHUP."""
        assert self.daemon is not None
        self.daemon.send_signal(signal.SIGHUP)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> int:
        """Send the supervisor a signal and wait for its end; returns its exit status."""
        assert self.daemon is not None
        self.daemon.send_signal(number)
        return self.daemon.wait(30)

    def lighthouse(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command about this fleet, and what it printed."""
        return self.bare(*words, "-c", str(self.config))

    def bare(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command that is about no configuration."""
        line = [sys.executable, "-P", "-m", "lighthouse.commands", *words]
        return subprocess.run(
            line, capture_output=True, text=True, timeout=60, env=self.env, check=False
        )

    def status(self) -> dict[str, Any]:
        """The status document, from the control socket."""
        channel = Channel.connect(self.run_dir / "control.sock")
        try:
            channel.send(GetStatus())
            deadline = time.monotonic() + 10
            while (received := channel.receive()) is None:
                if time.monotonic() > deadline:
                    raise TimeoutError("no status")
                time.sleep(0.002)
            document: dict[str, Any] = json.loads(bytes(received[1]))
            return document
        except Closed as closed:
            raise ConnectionResetError(str(closed)) from closed
        finally:
            channel.close()

    def worker(self, name: str, kind: str = "balancer") -> dict[str, Any]:
        """One worker's part of the status."""
        for worker in self.status()["workers"]:
            if (worker["kind"], worker["name"]) == (kind, name):
                found: dict[str, Any] = worker
                return found
        raise AssertionError(f"no {kind} {name}")

    def command(self, line: str) -> str:
        """HAProxy's answer to one runtime command."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(str(self.socket))
            sock.sendall(line.encode() + b"\n")
            answer = b""
            while data := sock.recv(65536):
                answer += data
            return answer.decode()

    def serving(self, cluster: str) -> set[tuple[str, int]]:
        """The addresses that HAProxy sends a cluster's traffic to (not in maintenance)."""
        found = set()
        for line in self.command(f"show servers state {cluster}").splitlines()[2:]:
            fields = line.split()
            if len(fields) > 18 and int(fields[6]) & 0x23 == 0:
                found.add((fields[4], int(fields[18])))
        return found

    def haproxy_pids(self) -> tuple[int, int]:
        """The master's and the worker's process ids."""
        found = re.search(r"^Pid: (\d+)", self.command("show info"), re.MULTILINE)
        assert found
        return int(self.pid_file.read_text()), int(found[1])

    def close(self) -> None:
        """End the daemon and HAProxy."""
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.daemon.wait(15)
            if self.daemon.poll() is None:
                self.daemon.kill()
                self.daemon.wait()
        with suppress(OSError, ValueError):
            pid = int(self.pid_file.read_text())
            if str(self.cfg) in Path(f"/proc/{pid}/cmdline").read_text():
                os.kill(pid, signal.SIGTERM)
                eventually(lambda: not Path(f"/proc/{pid}").exists() or _zombie(pid), 10)

    def leftovers(self) -> list[str]:
        """Living processes that name this fleet's directory or hold a file in it open."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with suppress(OSError):
                    named = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
                    held = [os.readlink(link) for link in (entry / "fd").iterdir()]
                    ours = str(self.root).encode() in named
                    ours = ours or any(path.startswith(str(self.root)) for path in held)
                    if ours and not _zombie(int(entry.name)):
                        found.append(f"{entry.name} {(entry / 'cmdline').read_bytes()[:80]!r}")
        return found


def _zombie(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return stat[stat.rindex(")") + 2] == "Z"


@contextmanager
def running(root: Path, **options: Any) -> Iterator[Fleet]:
    """A fleet whose tree the caller fills; whatever was started is ended."""
    fleet = Fleet(root, **options)
    try:
        yield fleet
    finally:
        fleet.close()
