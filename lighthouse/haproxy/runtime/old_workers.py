"""Workers that were replaced and finish their connections: reached by the master's socket only."""

import logging
import re
import signal
from collections.abc import Iterable
from typing import Final

from lighthouse.haproxy.runtime import process
from lighthouse.haproxy.runtime.process import Processes
from lighthouse.process.ending import known

log: Final = logging.getLogger(__name__)

_SESSION: Final = re.compile(r"^(0x[0-9a-f]+): .* be=(\S+) srv=(\S+) ", re.MULTILINE)
_BATCH: Final = 100
"""Commands of one line to the master."""


def bound(found: Processes, most: int) -> None:
    """End the worker that has been replaced longest, if there are more than ``most``."""
    if len(found.old) > most:
        oldest = max(found.old, key=lambda old: old.age)
        log.warning(
            "%d replaced workers still serve connections (max_old_workers is %d): the oldest,"
            " pid %d, is ended after %d s",
            len(found.old),
            most,
            oldest.pid,
            oldest.age,
        )
        known.end(oldest.pid, signal.SIGTERM)


def end_sessions(master: str, found: Processes, servers: Iterable[str]) -> None:
    """End the sessions that replaced workers have with these servers, as ``backend/name``.

    One by one: a replaced worker takes its proxies for disabled, and so does nothing to all
    that a server has. Raises ``OSError`` if the master does not answer.
    """
    paths = frozenset(servers)
    for old in found.old:
        sessions = _SESSION.findall(process.tell(master, [f"@!{old.pid} show sess"]))
        meant = [number for number, backend, name in sessions if f"{backend}/{name}" in paths]
        for start in range(0, len(meant), _BATCH):
            batch = meant[start : start + _BATCH]
            process.tell(master, [f"@!{old.pid} shutdown session {number}" for number in batch])
