"""What a daemon needs before it can run: its configuration's directory and its own."""

import contextlib
import os
from pathlib import Path
from typing import Final

from lighthouse.commands.failure import CommandFailure, MissingRight
from lighthouse.daemon.client import DaemonClient, DaemonSilent
from lighthouse.daemon.locate import find
from lighthouse.daemon.pidfile import AlreadyRunning

_PATIENCE: Final = 2.0
"""Seconds that a daemon gets to say whose it is, until it is taken for ours."""


_OTHER: Final = "lighthouse.yaml can name another directory with run_dir and state_dir"


def existing(root: Path) -> Path:
    """The configuration's directory; a ``CommandFailure`` if there is none to start from."""
    if not root.is_dir():
        raise CommandFailure(f"{root}: no such directory; -c names another configuration")
    return root


def own(root: Path) -> DaemonClient:
    """The daemon of this configuration, which runs or not.

    Raises a ``CommandFailure`` if another configuration's daemon has its directory.
    """
    daemon = find(root)
    with contextlib.suppress(DaemonSilent, OSError):
        other = daemon.serves(_PATIENCE)
        if other and os.path.isdir(other) and not os.path.samefile(other, root):
            where = daemon.claim.run_dir
            raise CommandFailure(
                f"the daemon (pid {daemon.pid()}) in {where} is that of {other}: "
                f"give {root} a run_dir of its own"
            )
    return daemon


def occupy(daemon: DaemonClient) -> None:
    """Take the daemon's place for this process.

    Raises ``AlreadyRunning`` if it is taken, a ``CommandFailure`` if it cannot be had.
    """
    claim = daemon.claim
    try:
        pid = daemon.pid()
        if pid is not None:
            raise AlreadyRunning(pid)
        claim.take()
    except PermissionError as error:
        raise MissingRight(f"{_told(error, claim.run_dir)}; {_OTHER}") from error
    except OSError as error:
        raise CommandFailure(f"{_told(error, claim.run_dir)}; {_OTHER}") from error


def _told(error: OSError, directory: Path) -> str:
    """What could not be done, where; an error of our own says so by itself."""
    if error.strerror is None:
        return str(error)
    return f"{error.filename or directory}: {error.strerror}"
