"""A server of a test: a process of its own, as an unprivileged user if the suite runs as root."""

import contextlib
import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.waiting import eventually


def account(*names: str) -> str | None:
    """The first of the users that exists, to run a server as; None if this is not root."""
    if os.getuid() != 0:
        return None
    for name in (*names, "nobody"):
        with contextlib.suppress(KeyError):
            pwd.getpwnam(name)
            return name
    raise AssertionError("there is no unprivileged user")


class Directory:
    """A directory that such a user can reach and write; gone when it is closed."""

    def __init__(self, user: str | None) -> None:
        self.user = user
        self.path = Path(tempfile.mkdtemp(prefix="lh-"))
        self.own(self.path)

    def own(self, path: Path) -> Path:
        if self.user is not None:
            shutil.chown(path, self.user)
        return path

    def close(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """A directory that ``make`` fills for the first who asks, for all processes of the suite."""
    root = Path(os.environ["TESTS_MADE_ONCE"])
    made = root / name
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            new = root / f"{name}.new"
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            make(new)
            new.rename(made)
    return made


def as_user(user: str | None) -> dict[str, Any]:
    """The options of ``subprocess`` for running as a user."""
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


class Daemon:
    """One process and its group, which ends with ``close``; its output is in ``log``."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        user: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                cwd=log.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env=None if env is None else dict(env),
                **as_user(user),
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def up(self, answers: Any, within: float = 60.0) -> None:
        """Wait until ``answers()`` is true; fails at once if the process ends."""

        def look() -> bool:
            if self.process.poll() is not None:
                raise RuntimeError(f"it ended: {self.log.read_text(errors='replace')[-3000:]}")
            return bool(answers())

        eventually(look, within, f"{self.log} says that it is up")

    def send(self, number: signal.Signals) -> None:
        """To the whole group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def close(self, number: signal.Signals = signal.SIGTERM, within: float = 10.0) -> None:
        """End the process; what is left of its group is killed."""
        self.send(signal.SIGCONT)
        self.send(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(within)
        self.send(signal.SIGKILL)
        self.process.wait()
