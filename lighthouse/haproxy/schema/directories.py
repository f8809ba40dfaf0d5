"""The directories in which a sync has to write, and which of them are missing."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lighthouse.balancer import Finding
from lighthouse.haproxy.schema.balancer import HAProxySettings

_KEYS: Final = ("config_file", "pid_file", "state_file")
"""The sockets are HAProxy's to make: those are judged by a trial of its start."""


def lacking(settings: HAProxySettings) -> Iterator[Finding]:
    """A finding for each directory that is missing or closed to this process, at its first key."""
    seen: set[Path] = set()
    for key in _KEYS:
        named: str | None = getattr(settings, key)
        if named is None:
            continue
        directory = Path(named).resolve().parent
        reason = _reason(directory)
        if reason and directory not in seen:
            yield Finding((key,), reason)
        seen.add(directory)


def _reason(directory: Path) -> str:
    if not directory.exists():
        return f"there is no directory {directory} to write to: create it"
    if not directory.is_dir():
        return f"{directory} is no directory"
    if not os.access(directory, os.W_OK | os.X_OK):
        return f"directory {directory} cannot be written by the user of this worker"
    return ""
