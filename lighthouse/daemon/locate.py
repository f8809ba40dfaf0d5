"""Finds the daemon of a configuration, also while its ``lighthouse.yaml`` is broken.

That file says where the daemon keeps its pid file and its socket. A daemon survives a mistake
in it, so those who look for the daemon have to survive it too.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lighthouse.config import reader
from lighthouse.config.document import Broken, parse
from lighthouse.config.file import ConfigFile
from lighthouse.config.scan import FoundFile
from lighthouse.config.section import SectionReader
from lighthouse.config.types import DaemonSettings as Settings
from lighthouse.daemon.client import PIDFILE, DaemonClient, DaemonSilent

_NAMES: Final = ("lighthouse.yaml", "lighthouse.yml")
_PATIENCE: Final = 2.0
_PLACE: Final = re.compile(rb"^(?:run_dir|state_dir|log_file):[^\n]*$", re.MULTILINE)


def settings(root: Path) -> Settings:
    """What ``lighthouse.yaml`` says, as far as it can be read; defaults for all else."""
    for name in _NAMES:
        with contextlib.suppress(OSError):
            found = FoundFile(name, "lighthouse", "lighthouse", (root / name).stat())
            entry = ConfigFile(root, found, None)
            entry.refresh(found)
            if entry.newest is not None:
                return _read(root, name, entry.newest.text)
    return Settings()


def find(root: Path) -> DaemonClient:
    """The daemon where its configuration puts it, else one that serves this tree elsewhere.

    The latter was started before ``lighthouse.yaml`` was changed or broken. Only daemons of
    the same user are found so, or all of them by root.
    """
    content = settings(root)
    daemon = DaemonClient(root, content)
    with contextlib.suppress(OSError):
        if daemon.pid() is None:
            return next(_elsewhere(root, content), daemon)
    return daemon


def _read(root: Path, name: str, text: bytes) -> Settings:
    """A file's content; of one that is no YAML the lines that say where things are."""
    for readable in (text, b"\n".join(_PLACE.findall(text))):
        with contextlib.suppress(Broken):
            return reader.daemon(SectionReader(parse(name, readable).data, []), root)
    return Settings()


def _elsewhere(root: Path, content: Settings) -> Iterator[DaemonClient]:
    for directory in sorted(_run_dirs()):
        daemon = DaemonClient(root, content, directory)
        with contextlib.suppress(DaemonSilent, OSError):
            if daemon.serves(_PATIENCE) == str(root):
                yield daemon


def _run_dirs() -> set[Path]:
    """Where the processes that may be inspected hold pid files open."""
    found = set()
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            for fd in (process / "fd").iterdir() if process.name.isdigit() else ():
                path = Path(os.readlink(fd))
                if path.name == PIDFILE:
                    found.add(path.parent)
    return found
