"""``lighthouse start``: the daemon in the background."""

import logging
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import IO, Final, NoReturn

import click
from daemon import DaemonContext

from lighthouse.commands.directories import existing, occupy
from lighthouse.commands.failure import CommandFailure
from lighthouse.commands.root_option import root_option
from lighthouse.daemon.client import DaemonClient, DaemonSilent
from lighthouse.daemon.locate import find
from lighthouse.daemon.pidfile import AlreadyRunning
from lighthouse.supervisor.supervisor import Supervisor

_SHOWN: Final = 8 * 1024
"""Bytes of the log's end that are shown if the daemon does not come up."""


@click.command()
@root_option
def command(root: Path) -> None:
    """Start the daemon in the background.

    Returns as soon as it answers. Starting one that already runs is no error.
    """
    start(find(existing(root)))


def start(daemon: DaemonClient) -> None:
    """Start it, wait until it answers, and say so; a ``CommandFailure`` shows why it did not."""
    try:
        occupy(daemon)
    except AlreadyRunning as held:
        click.echo(f"lighthouse: {held}")
        return
    try:
        log = _open_log(daemon.log_file)
    except OSError as error:
        daemon.pidfile.release()
        raise CommandFailure(f"{daemon.log_file}: {error.strerror}") from error
    with log:
        before = log.tell()
        worker = os.fork()
        if worker == 0:
            _become(daemon, log)
    daemon.pidfile.hand_over()
    os.waitpid(worker, 0)
    _wait(daemon, before)


def _open_log(path: Path) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("ab", buffering=0)


def _become(daemon: DaemonClient, log: IO[bytes]) -> NoReturn:
    """Be the daemon until it ends; what it prints goes to the log."""
    code = 1
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the supervisor listens
        with DaemonContext(
            detach_process=True,
            umask=0o022,
            files_preserve=[daemon.pidfile.fileno()],
            signal_map={},
            stdout=log,
            stderr=log,
        ):
            daemon.pidfile.write()
            code = Supervisor(daemon.root, log_file=daemon.log_file).run()
    except Exception:  # noqa: BLE001  the process ends here: the log gets whatever it was
        traceback.print_exc()
    finally:
        daemon.pidfile.release()
        logging.shutdown()
        sys.stderr.flush()
        os._exit(code)


def _wait(daemon: DaemonClient, before: int) -> None:
    try:
        answer = daemon.status(daemon.start_timeout)
    except DaemonSilent as error:
        raise CommandFailure(f"{error}; its log is {daemon.log_file}") from error
    pid = daemon.pid()
    if answer is None or pid is None:
        raise CommandFailure(
            f"the daemon did not start\n{_said(daemon.log_file, before)}".rstrip()
        )
    click.echo(f"lighthouse: started (pid {pid})")


def _said(path: Path, before: int) -> str:
    """What the log has gained, its end only."""
    with path.open("rb") as log:
        size = log.seek(0, os.SEEK_END)
        log.seek(max(before if before <= size else 0, size - _SHOWN))
        return log.read().decode(errors="replace")
