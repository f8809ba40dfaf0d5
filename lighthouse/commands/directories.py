"""What a daemon needs before it can run: its configuration's directory and its own."""

from pathlib import Path

from lighthouse.commands.failure import CommandFailure, MissingRight
from lighthouse.daemon.client import DaemonClient
from lighthouse.daemon.pidfile import AlreadyRunning


def existing(root: Path) -> Path:
    """The configuration's directory; a ``CommandFailure`` if there is none to start from."""
    if not root.is_dir():
        raise CommandFailure(f"{root}: no such directory; -c names another configuration")
    return root


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
        raise MissingRight(f"{claim.run_dir}: {error.strerror or error}") from error
    except OSError as error:
        raise CommandFailure(f"{claim.run_dir}: {error.strerror or error}") from error
