"""What a daemon needs before it can run: its configuration's directory and its own."""

from pathlib import Path

from lighthouse.commands.failure import CommandFailure
from lighthouse.config.directories import create
from lighthouse.daemon.client import DaemonClient


def existing(root: Path) -> Path:
    """The configuration's directory; a ``CommandFailure`` if there is none to start from."""
    if not root.is_dir():
        raise CommandFailure(f"{root}: no such directory; -c names another configuration")
    return root


def occupy(daemon: DaemonClient) -> None:
    """Take the daemon's place for this process.

    Raises ``Held`` if it is taken, a ``CommandFailure`` if it cannot be had.
    """
    try:
        create(daemon.pidfile.path.parent)
        daemon.pidfile.acquire()
    except OSError as error:
        raise CommandFailure(f"{daemon.pidfile.path}: {error.strerror or error}") from error
