"""Starting HAProxy on a configuration beside the one that serves, to see whether it would.

``haproxy -c`` reads a configuration and does nothing of what a start does besides: raise the
limit of open files, make sockets, change the root directory and the user. Where that fails, a
reload has already had the serving worker let go of its listeners.
"""

import contextlib
import os
import re
import resource
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from lighthouse.haproxy.rendering.detached import Detached, Ports, Unsure, detached
from lighthouse.haproxy.runtime import process
from lighthouse.haproxy.runtime.process import FileVerdict
from lighthouse.haproxy.schema.balancer import HAProxySettings

_POLL: Final = 0.01
_NOISE: Final = ("exit-on-failure", "Some protocols failed", "All workers exited")
_LIMIT: Final = re.compile(r"^Max open files\s+\S+\s+(\d+)", re.MULTILINE)
_NEEDED: Final = re.compile(r"Cannot raise FD limit to (\d+)")
_WITHIN: Final = 'ulimit -n "$1"; shift; exec "$@"'
_REMEDY: Final = (
    "; lower 'maxconn' or raise the limit of open files"
    " (LimitNOFILE of the unit that starts HAProxy)"
)
_CULPRITS: Final = (
    ("FD limit", ("maxconn", "ulimit-n")),
    ("fdtab", ("maxconn", "ulimit-n")),
    ("chroot", ("chroot",)),
    ("uid", ("uid", "user")),
    ("gid", ("gid", "group")),
)
"""What a start refuses without saying where, and the directives that ask for it."""


def dry_start(
    binary: str, settings: HAProxySettings, text: str, offline: bool = False
) -> FileVerdict:
    """What becomes of a start on this configuration, which passed ``haproxy -c``.

    It is tried with the limits of the HAProxy that runs. ``offline``: by somebody who need not
    be the user that HAProxy is started by, so what takes root is tried by root only. What
    cannot be tried, for want of a directory or of stand-ins, counts as passed.
    """
    master = process.running(settings)
    rootless = os.geteuid() != 0 and (offline or not _is_ours(settings, master))
    with contextlib.ExitStack() as stack:
        try:
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="lighthouse-"))
            ports = stack.enter_context(_reserved(rootless))
            trial = detached(text, directory, ports, rootless)
            config = stack.enter_context(open(os.memfd_create("haproxy.cfg"), "wb"))
            config.write(trial.text.encode())
            config.flush()
        except (OSError, Unsure):
            return FileVerdict(True)
        answering = next(
            (path for path, real in trial.paths.items() if real == settings.socket_file), None
        )
        if alerts := tuple(_without_directory(trial)):
            return FileVerdict(False, alerts)
        if answering is None:
            return FileVerdict(True)
        command = (binary, "-W", "-db", "-S", f"{directory}/master", "-f", process.STDIN)
        limit = _limit_of(master)
        said = _run(_limited(command, limit), config.fileno(), answering)
    if said is None or ((needed := _NEEDED.search(said)) and int(needed[1]) <= limit):
        return FileVerdict(True)
    return _verdict(said, trial, ports)


def _run(command: Sequence[str], config: int, answering: str) -> str | None:
    """What it said in the end, None if it came up: it is ended as soon as it serves.

    It stays in our session, which ends with us.
    """
    with tempfile.TemporaryFile() as output:
        try:
            trial = subprocess.Popen(
                command,
                stdin=config,
                stdout=subprocess.DEVNULL,
                stderr=output,
                cwd="/",
                env=process.environment(),
                process_group=0,
            )
        except OSError as error:
            return f"[ALERT] {error}"
        try:
            deadline = time.monotonic() + process.STEP
            while trial.poll() is None:
                if _answers(answering):
                    return None
                if time.monotonic() > deadline:
                    return f"[ALERT] HAProxy does not come up within {process.STEP:g} s"
                time.sleep(_POLL)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(trial.pid, signal.SIGKILL)
            trial.wait()
        output.seek(0)
        return output.read().decode("utf-8", "replace")


def _answers(path: str) -> bool:
    """Return True if a worker has begun its work: its socket listens long before."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_POLL)
        connection.connect(path)
        connection.sendall(b"show info\n")
        return bool(connection.recv(64))
    return False


def _verdict(said: str, trial: Detached, ports: Ports) -> FileVerdict:
    """HAProxy's words about the stand-ins, made to be about what they stand in for."""
    lines = said.splitlines()
    alerts = [line for line in lines if line.startswith("[ALERT]")]
    alerts = [line for line in alerts if not any(noise in line for noise in _NOISE)]
    found = tuple(_placed(_real(alert, trial, ports), trial.text) for alert in alerts)
    last = next((line for line in reversed(lines) if line.strip()), "it ended without a word")
    return FileVerdict(False, found or (f"HAProxy does not start: {last}",))


def _real(alert: str, trial: Detached, ports: Ports) -> str:
    for path in sorted(trial.paths, key=len, reverse=True):
        alert = alert.replace(path, trial.paths[path])
    return re.sub(rf"(?: for)? \[[^\]\s]*:(?:{ports.high}|{ports.low})\]", "", alert)


def _placed(alert: str, text: str) -> str:
    """The alert, with the line of the directive that is to blame, where that can be told."""
    for words, names in _CULPRITS:
        if words not in alert:
            continue
        remedy = _REMEDY if names[0] == "maxconn" else ""
        what = re.sub(r"^\[ALERT\]\s*\(\d+\) : (?:\[[^\]]*\] )?", "", alert).rstrip(".")
        lines = text.partition("\ndefaults\n")[0].split("\n")
        firsts = (line.strip().partition(" ")[0] for line in lines)
        if number := next((n for n, first in enumerate(firsts, 1) if first in names), 0):
            place = f"parsing [{process.STDIN}:{number}]"
            return f"[ALERT] (0) : config : {place} : {what}{remedy}"
        return f"[ALERT] (0) : {what}{remedy}"
    return alert


def _without_directory(trial: Detached) -> Iterator[str]:
    """The sockets of the configuration that cannot be made where they are to be."""
    for number, line in enumerate(trial.text.split("\n"), 1):
        for word in line.split():
            real = trial.paths.get(word, "")
            if not real.startswith("/"):
                continue
            parent = Path(real).parent
            if not os.path.isdir(parent):
                fault = f"there is no directory {parent}"
            elif not os.access(parent, os.W_OK | os.X_OK):
                fault = f"no socket can be made in {parent}"
            else:
                continue
            yield f"[ALERT] (0) : config : parsing [{process.STDIN}:{number}] : {real}: {fault}"


def _is_ours(settings: HAProxySettings, master: int | None) -> bool:
    """Return True if it is us who HAProxy is, or will be, started by."""
    if master is None:
        return not settings.command
    try:
        return Path(f"/proc/{master}").stat().st_uid == os.geteuid()
    except OSError:
        return not settings.command


def _limit_of(master: int | None) -> int:
    """How many files a master may let its workers open; 0 if that cannot be told."""
    try:
        found = _LIMIT.search(Path(f"/proc/{master}/limits").read_text("utf-8"))
    except OSError:
        return 0
    return int(found[1]) if found else 0


def _limited(command: Sequence[str], limit: int) -> Sequence[str]:
    """The command with that limit of open files, where ours is higher."""
    _, ours = resource.getrlimit(resource.RLIMIT_NOFILE)
    if not limit or (ours != resource.RLIM_INFINITY and ours <= limit):
        return command
    return ("/bin/sh", "-c", _WITHIN, "sh", str(limit), *command)


@contextlib.contextmanager
def _reserved(rootless: bool) -> Iterator[Ports]:
    """Ports that nobody is given meanwhile, and that HAProxy may share with us."""
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(_shared(socket.AF_INET, 0))
        high = int(first.getsockname()[1])
        with contextlib.suppress(OSError):
            stack.enter_context(_shared(socket.AF_INET6, high))
        # One that needs root is not to be had for others, as the real one is not.
        yield Ports(high, high if rootless or os.geteuid() == 0 else _free_low())


def _shared(family: socket.AddressFamily, port: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(("", port))
    except OSError:
        made.close()
        raise
    return made


def _free_low() -> int:
    """A low port at which nobody listens."""
    used = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            rows = Path(f"/proc/net/{table}").read_text("utf-8").splitlines()[1:]
            used |= {int(row.split()[1].rpartition(":")[2], 16) for row in rows}
    return next(port for port in range(1023, 0, -1) if port not in used)
