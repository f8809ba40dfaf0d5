"""What a daemon needs before it can run: its configuration's directory and its own."""

from pathlib import Path

from lighthouse.commands.failure import Failure
from lighthouse.config.directories import create
from lighthouse.supervisor.daemon import Daemon


def existing(root: Path) -> Path:
    """The configuration's directory; a ``Failure`` if there is none to start from."""
    if not root.is_dir():
        raise Failure(f"{root}: no such directory; -c names another configuration")
    return root


def occupy(daemon: Daemon) -> None:
    """Take the daemon's place for this process.

    Raises ``Held`` if it is taken, a ``Failure`` if it cannot be had.
    """
    try:
        create(daemon.pidfile.path.parent)
        daemon.pidfile.acquire()
    except OSError as error:
        raise Failure(f"{daemon.pidfile.path}: {error.strerror or error}") from error
