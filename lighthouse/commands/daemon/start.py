"""``lighthouse start``: the daemon in the background."""

import contextlib
import logging
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import IO, Final, NoReturn

import click
import msgspec
from daemon import DaemonContext

from lighthouse.commands.directories import existing, occupy, own
from lighthouse.commands.failure import CommandFailure
from lighthouse.commands.options import root_option
from lighthouse.daemon.client import DaemonClient, DaemonSilent
from lighthouse.daemon.pidfile import AlreadyRunning
from lighthouse.daemon.status_document import SupervisorStatus
from lighthouse.supervisor.logs.log_file import MODE
from lighthouse.supervisor.supervisor import Supervisor

_SHOWN: Final = 8 * 1024
"""Bytes of the log's end that are shown if the daemon does not come up."""

_PAUSE: Final = 0.05
"""Seconds between questions whether it is ready."""

_PROBLEMS: Final = 5
"""So many problems are printed."""


class _Start(msgspec.Struct):
    """What matters of a status document at a start."""

    supervisor: SupervisorStatus
    problems: tuple[str, ...] = ()


@click.command()
@root_option
def command(root: Path) -> None:
    """Start the daemon in the background.

    Returns as soon as it is ready: each of its workers has answered, or has said why it cannot,
    which is printed. Starting one that already runs is no error.
    """
    start(own(existing(root)))


def start(daemon: DaemonClient) -> None:
    """Start it, wait until it is ready, and say so; a ``CommandFailure`` shows why it did not."""
    try:
        occupy(daemon)
    except AlreadyRunning as held:
        click.echo(f"lighthouse: {held}")
        return
    with _open_log(daemon.log_file) as log:
        before = log.tell()
        worker = os.fork()
        if worker == 0:
            _become(daemon, log)
    daemon.claim.hand_over()
    os.waitpid(worker, 0)
    _wait(daemon, before)


def _open_log(path: Path) -> IO[bytes]:
    """Where the daemon prints until it has its log; nowhere if there can be none yet."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return open(os.open(path, flags, MODE), "ab", buffering=0)
    except OSError as error:
        click.echo(f"lighthouse: the log cannot be written: {path}: {error.strerror}", err=True)
        return open(os.devnull, "ab", buffering=0)


def _become(daemon: DaemonClient, log: IO[bytes]) -> NoReturn:
    """Be the daemon until it ends; what it prints goes to the log."""
    code = 1
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the supervisor listens
        with DaemonContext(
            detach_process=True,
            umask=0o027,
            files_preserve=daemon.claim.filenos(),
            signal_map={},
            stdout=log,
            stderr=log,
        ):
            log.close()
            daemon.claim.forked()
            code = Supervisor(daemon.root, daemon.claim, daemon.log_file).run()
    except Exception:  # noqa: BLE001  the process ends here: the log gets whatever it was
        with contextlib.suppress(OSError):
            traceback.print_exc()
    finally:
        daemon.claim.release()
        with contextlib.suppress(OSError):
            logging.shutdown()
            sys.stderr.flush()
        os._exit(code)


def _wait(daemon: DaemonClient, before: int) -> None:
    """Until it is ready, for a bounded time; one that runs but is not well has started too."""
    deadline = time.monotonic() + daemon.start_timeout
    try:
        answer = daemon.status(daemon.start_timeout)
        while answer is not None and not _is_ready(answer) and time.monotonic() < deadline:
            time.sleep(_PAUSE)
            answer = daemon.status(daemon.start_timeout)
    except DaemonSilent as error:
        raise CommandFailure(f"{error}; its log is {daemon.log_file}") from error
    pid = daemon.pid()
    if answer is None or pid is None:
        raise CommandFailure(
            f"the daemon did not start\n{_said(daemon.log_file, before)}".rstrip()
        )
    click.echo(f"lighthouse: started (pid {pid})")
    problems = msgspec.json.decode(answer, type=_Start).problems
    if problems:
        click.echo("lighthouse: not all is well; `lighthouse status` tells more:", err=True)
    for problem in problems[:_PROBLEMS]:
        click.echo(f"  {problem}", err=True)
    if len(problems) > _PROBLEMS:
        click.echo(f"  and {len(problems) - _PROBLEMS} more", err=True)


def _is_ready(answer: bytes) -> bool:
    return msgspec.json.decode(answer, type=_Start).supervisor.ready


def _said(path: Path, before: int) -> str:
    """What the log has gained, its end only."""
    try:
        with path.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(before if before <= size else 0, size - _SHOWN))
            return log.read().decode(errors="replace")
    except OSError as error:
        return f"its log cannot be read: {path}: {error.strerror}"
