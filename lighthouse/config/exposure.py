"""What of a configuration others than its owner may write, or read though it is secret."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from lighthouse.config.fault import Fault
from lighthouse.config.scan import DIRECTORIES, FoundFile
from lighthouse.config.schema.types import Config

Keys = tuple[str | int, ...]
Locate = Callable[[str, Iterable[str | int]], tuple[int, int]]

_SECRET: Final = {"file"}
"""The keys of a reference to a secret that lies in a file."""

_KEY: Final = "key_file"
"""What names the file of a private key."""


def warnings(
    root: Path, files: Iterable[FoundFile], config: Config, locate: Locate
) -> Iterator[Fault]:
    """A warning for each file and directory of the tree, and each secret that it names."""
    for name in ("", *DIRECTORIES):
        yield from _of_place(root / name, name or ".")
    for found in files:
        if isinstance(found.stat, os.stat_result) and stat.S_ISREG(found.stat.st_mode):
            yield from _of_status(found.stat, found.file)
    for file, prefix, content in _contents(config):
        for keys, path in _secrets(content):
            reason = _readable(path)
            if reason:
                place = locate(file, (*prefix, *keys))
                yield Fault(file, *place, f"{path} is secret, but {reason}", warning=True)


def writable(status: os.stat_result) -> str:
    """Who else may write something, in words; empty if nobody may."""
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid not in (0, os.geteuid()):
        return f"belongs to user {status.st_uid}"
    if mode & stat.S_IWOTH:
        return f"everyone may write it (mode {mode:04o})"
    if mode & stat.S_IWGRP and status.st_gid not in (0, os.getegid()):
        return f"group {status.st_gid} may write it (mode {mode:04o})"
    return ""


def _of_place(path: Path, name: str) -> Iterator[Fault]:
    try:
        status = path.stat()
    except OSError:
        return
    yield from _of_status(status, name)


def _of_status(status: os.stat_result, name: str) -> Iterator[Fault]:
    reason = writable(status)
    if reason:
        message = f"{reason}, and so decide what this host runs and serves"
        yield Fault(name, 1, 1, message, warning=True)


def _contents(config: Config) -> Iterator[tuple[str, Keys, object]]:
    """Each plugin's part of the configuration: its file, and the keys that lead to it."""
    for plugin in (*config.balancers.values(), *config.discovery.values()):
        yield plugin.file, (), plugin.config
    for service in config.services.values():
        for check in service.checks:
            yield service.file, ("checks", check.plugin), check.config


def _secrets(content: object, keys: Keys = ()) -> Iterator[tuple[Keys, Path]]:
    """The files that references to secrets and to private keys name."""
    if isinstance(content, dict):
        if content.keys() == _SECRET and isinstance(content["file"], str):
            yield (*keys, "file"), Path(content["file"])
            return
        for key, value in content.items():
            if key == _KEY and isinstance(value, str):
                yield (*keys, key), Path(value)
            yield from _secrets(value, (*keys, key))
    elif isinstance(content, list):
        for index, value in enumerate(content):
            yield from _secrets(value, (*keys, index))


def _readable(path: Path) -> str:
    if not path.is_absolute():
        return ""
    try:
        status = path.stat()
    except OSError:
        return ""
    mode = stat.S_IMODE(status.st_mode)
    if mode & stat.S_IROTH:
        return f"everyone may read it (mode {mode:04o})"
    return writable(status)
