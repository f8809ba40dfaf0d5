"""Finds the daemon of a configuration, also while its ``lighthouse.yaml`` is broken.

That file says where the daemon keeps its pid file and its socket. A daemon survives a mistake
in it, so those who look for the daemon have to survive it too.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from lighthouse.config.file import ConfigFile
from lighthouse.config.scan import FoundFile
from lighthouse.config.schema import reader
from lighthouse.config.schema.document import Broken, parse
from lighthouse.config.schema.keys.daemon import DAEMON
from lighthouse.config.schema.section import SectionReader
from lighthouse.config.schema.types import DaemonSettings as Settings
from lighthouse.daemon import last_settings
from lighthouse.daemon.claim import PIDFILE
from lighthouse.daemon.client import DaemonClient, DaemonSilent
from lighthouse.daemon.last_settings import NAMES
from lighthouse.daemon.lock_holders import holders

_PATIENCE: Final = 2.0
_AT_ONCE: Final = 32
_PLACE: Final = re.compile(rb"^(?:run_dir|state_dir|log_file):[^\n]*$", re.MULTILINE)


def settings(root: Path) -> Settings:
    """What ``lighthouse.yaml`` says; while it is broken, what its last good version said.

    Without one, as much of it as can be read, and defaults for all else.
    """
    for name in NAMES:
        if os.path.lexists(root / name):
            found = FoundFile(name, "lighthouse", "lighthouse", _status(root / name))
            entry = ConfigFile(root, found, last_settings.recall(root).get(name))
            entry.refresh(found)
            for version in (entry.newest, entry.good):
                if version is not None and isinstance(version.content, Settings):
                    return version.content
            return Settings() if entry.newest is None else _read(root, name, entry.newest.text)
    return Settings()


def _status(path: Path) -> os.stat_result | OSError:
    try:
        return path.stat()
    except OSError as error:
        return error


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
            section = SectionReader(parse(name, readable).data, [], DAEMON)
            return reader.daemon(section, root)
    return Settings()


def _elsewhere(root: Path, content: Settings) -> Iterator[DaemonClient]:
    """Ask all daemons that can be seen at once, so that silent ones cost no more than one."""
    directories = sorted({holder.path.parent for holder in holders(PIDFILE)})
    daemons = [DaemonClient(root, content, directory) for directory in directories]
    if daemons:
        with ThreadPoolExecutor(min(len(daemons), _AT_ONCE)) as asking:
            served = list(asking.map(_served, daemons))
        yield from (d for d, where in zip(daemons, served, strict=True) if where == str(root))


def _served(daemon: DaemonClient) -> str | None:
    try:
        return daemon.serves(_PATIENCE)
    except (DaemonSilent, OSError):
        return None
