"""Where a tree's daemon keeps its sockets, locks and state.

Every command finds the daemon through these, so they depend on the tree and the user only:
not on a session's environment where that can be helped, and not on where a tree that is a
symbolic link points today.
"""

import contextlib
import hashlib
import os
import stat
from pathlib import Path
from typing import Final

from lighthouse.config.schema.types import DaemonSettings

DEFAULT_TREE: Final = Path("/etc/lighthouse")
DEFAULT_RUN_DIR: Final = Path("/run/lighthouse")
DEFAULT_STATE_DIR: Final = Path("/var/lib/lighthouse")


def run_dir(root: Path, daemon: DaemonSettings) -> Path:
    """Where pid file, control socket and locks are; nothing is created."""
    if daemon.run_dir is not None:
        return _absolute(root, daemon.run_dir)
    if named(root) == DEFAULT_TREE:
        return DEFAULT_RUN_DIR
    digest = hashlib.sha256(os.fsencode(named(root))).hexdigest()[:8]
    return _runtime() / f"lighthouse-{digest}"


def state_dir(root: Path, daemon: DaemonSettings) -> Path:
    """Where what must outlive a restart of the host is; nothing is created."""
    if daemon.state_dir is not None:
        return _absolute(root, daemon.state_dir)
    if daemon.run_dir is None and named(root) == DEFAULT_TREE:
        return DEFAULT_STATE_DIR
    return run_dir(root, daemon) / "state"


def create(path: Path, mode: int = 0o755) -> Path:
    """The directory, made with its parents if it is not there.

    Raises ``OSError`` if it cannot be made or is none, and ``PermissionError`` if someone
    else owns it or may write to it, or made its parent in a place open to everyone: its files
    could be replaced under our feet.
    """
    there = os.path.isdir(path)
    if not there:
        if (other := obstacle(path)) is not None:
            raise NotADirectoryError(f"{other} is no directory: move it away, or name another")
        path.parent.mkdir(parents=True, exist_ok=True)
    above = path.parent
    owner = above.stat().st_uid
    if above.parent.stat().st_mode & stat.S_IWOTH and owner not in (0, os.geteuid()):
        raise PermissionError(f"{above} belongs to user {owner}")
    if not there:
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode)
            path.chmod(mode)
    refuse_shared(path)
    return path


def obstacle(path: Path) -> Path | None:
    """What stands where a directory or one of its parents should, and is none."""
    for place in (path, *path.parents):
        if os.path.exists(place):
            return None if os.path.isdir(place) else place
    return None


def refuse_shared(path: Path) -> None:
    """Raise ``PermissionError`` if someone else owns a directory or may write to it.

    ``OSError`` if it is none.
    """
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        status = os.fstat(directory)
    finally:
        os.close(directory)
    if status.st_uid != os.geteuid():
        raise PermissionError(f"{path} belongs to user {status.st_uid}, not to {os.geteuid()}")
    if status.st_mode & stat.S_IWOTH:
        raise PermissionError(f"{path} can be written by everyone")
    if status.st_mode & stat.S_IWGRP and status.st_gid != os.getegid():
        raise PermissionError(f"{path} can be written by group {status.st_gid}")


def _absolute(root: Path, path: Path) -> Path:
    return Path(os.path.abspath(root / path))


def named(root: Path) -> Path:
    """The tree by the name it was given, with links resolved in all but the last part."""
    path = Path(os.path.abspath(root))
    return path.parent.resolve() / path.name


def _runtime() -> Path:
    """The user's directory for what lives until the next boot."""
    if os.geteuid() == 0:
        return Path("/run")
    named = os.environ.get("XDG_RUNTIME_DIR", "")
    usual = Path("/run/user") / str(os.geteuid())
    if os.path.isabs(named):
        return Path(named)
    return usual if usual.is_dir() else Path("/tmp") / f"lighthouse-{os.geteuid()}"


def durable() -> Path:
    """The user's directory for what outlives a boot, whatever any tree says."""
    chosen = os.environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(chosen):
        return Path(chosen)
    if os.geteuid() == 0:
        return Path("/var/lib")
    home = os.path.expanduser("~")
    return Path(home if os.path.isabs(home) else _runtime()) / ".local/state"
