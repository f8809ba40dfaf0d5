"""What HAProxy counts for each cluster, summed over its workers, those that ended included.

A reload starts another worker that counts from nothing, while the one before it finishes what it
has. So each is asked, and what one counted last is kept when it is gone: the sums never fall. They
are on disk whenever a worker has come or gone, for another worker of ours to go on with.
"""

import logging
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

import msgspec

from lighthouse.files import FileTarget
from lighthouse.haproxy.runtime import process
from lighthouse.haproxy.runtime.process import Processes
from lighthouse.haproxy.runtime.socket import Command, Runtime
from lighthouse.process.ending import known

log: Final = logging.getLogger(__name__)

EVERY: Final = 10.0
"""Seconds between two looks, if one does not take long."""

SHARE: Final = 400
"""At least so many times the last look's duration between two, to cost next to nothing."""

SOON: Final = 0.5
"""Seconds from a reload to the next look."""

_SHOW: Final[Command] = ("show", "stat", "-1", "2", "-1")
"""Of all proxies (-1) the backends (2), with all servers (-1)."""

_COLUMNS: Final = {
    "stot": "sessions",
    "req_tot": "requests",
    "bin": "bytes_in",
    "bout": "bytes_out",
    "econ": "connection_errors",
    "eresp": "response_errors",
    "wretr": "retries",
    "wredis": "redispatches",
    "hrsp_1xx": "responses_1xx",
    "hrsp_2xx": "responses_2xx",
    "hrsp_3xx": "responses_3xx",
    "hrsp_4xx": "responses_4xx",
    "hrsp_5xx": "responses_5xx",
    "hrsp_other": "responses_other",
}

_STARTED: Final = 19
"""Index in what ``known.stat`` returns."""

Counters = dict[str, dict[str, int]]
"""By cluster, then by what is counted."""


class _Kept(msgspec.Struct, frozen=True):
    """``ended`` are the sums of workers that are gone, ``seen`` what the others counted last."""

    ended: Counters = {}
    seen: dict[str, Counters] = {}


class Traffic:
    """``sums`` is another object whenever something in it has changed."""

    def __init__(self, path: str) -> None:
        self._target: Final = FileTarget(path, mode=0o600)
        kept = self._read()
        self._ended: Final[Counters] = kept.ended
        self._seen: Final[dict[str, Counters]] = kept.seen
        self.sums: Mapping[str, Mapping[str, int]] = _sum([self._ended, *self._seen.values()])
        self._due = 0.0

    def hurry(self) -> None:
        """Look soon: there was a reload."""
        self._due = min(self._due, time.monotonic() + SOON)

    def is_due(self) -> bool:
        """Return True if it is time for a look."""
        return time.monotonic() >= self._due

    def look(self, runtime: Runtime, pid: int, master: str, clusters: Collection[str]) -> None:
        """Ask the worker with this ``pid`` and those that it replaced.

        Raises ``Lost`` if the worker itself does not answer.
        """
        began = time.monotonic()
        found = _processes(master)
        counted = {_identity(pid): read(runtime.ask([_SHOW])[0], clusters)}
        for old in found.old if found is not None else ():
            if (told := _asked(master, old.pid)) is not None:
                counted[_identity(old.pid)] = read(told, clusters)
        self._take(counted, complete=found is not None)
        now = time.monotonic()
        self._due = now + max(EVERY, SHARE * (now - began))

    def close(self) -> None:
        """Keep what is known for whoever comes after us."""
        self._write()

    def _take(self, counted: dict[str, Counters], complete: bool) -> None:
        """What each worker has counted by now; one that is not asked any more has ended."""
        gone = {who for who in self._seen.keys() - counted.keys() if complete or not _lives(who)}
        news = gone or counted.keys() - self._seen.keys()
        for who in gone:
            _add(self._ended, self._seen.pop(who))
        for who, fresh in counted.items():
            before = self._seen.get(who, {})
            for cluster, counts in before.items():
                if _fell(fresh.get(cluster, {}), counts):
                    _add(self._ended, {cluster: counts})
            self._seen[who] = fresh
        self.sums = _sum([self._ended, *self._seen.values()])
        if news:
            self._write()

    def _read(self) -> _Kept:
        try:
            kept = msgspec.json.decode(Path(self._target.path).read_bytes(), type=_Kept)
        except (OSError, msgspec.MsgspecError):
            return _Kept({}, {})
        return _Kept(dict(kept.ended), dict(kept.seen))

    def _write(self) -> None:
        try:
            self._target.write(msgspec.json.encode(_Kept(self._ended, self._seen)))
        except OSError as error:
            log.warning("%s cannot be written: %s", self._target.path, error.strerror)


def read(text: str, clusters: Collection[str]) -> Counters:
    """The counters of these clusters in a reply to ``show stat``."""
    header, *rows = text.splitlines() or [""]
    columns = header.removeprefix("# ").split(",")
    place = {name: columns.index(column) for column, name in _COLUMNS.items() if column in columns}
    found = {}
    for row in rows:
        fields = row.split(",")
        if len(fields) >= len(columns) - 1 and fields[0] in clusters:
            found[fields[0]] = {name: int(fields[index] or 0) for name, index in place.items()}
    return found


def _sum(parts: Collection[Counters]) -> Counters:
    total: Counters = {}
    for part in parts:
        _add(total, part)
    return total


def _add(total: Counters, more: Counters) -> None:
    for cluster, counts in more.items():
        sums = total.setdefault(cluster, {})
        for name, count in counts.items():
            sums[name] = sums.get(name, 0) + count


def _fell(now: dict[str, int], before: dict[str, int]) -> bool:
    """Return True if a worker counts anew, since somebody cleared its counters."""
    return any(now.get(name, 0) < count for name, count in before.items())


def _processes(master: str) -> Processes | None:
    try:
        return process.processes(master, 0.2)
    except OSError:
        return None


def _asked(master: str, pid: int) -> str | None:
    """What a replaced worker counts; None if it does not answer."""
    try:
        told = process.tell(master, [f"@!{pid} {' '.join(_SHOW)}"], 0.5)
    except OSError:
        return None
    return told if told.lstrip().startswith("# ") else None


def _identity(pid: int) -> str:
    """A process by its number and the moment of its start, for numbers come again."""
    said = known.stat(pid)
    return f"{pid}:{said[_STARTED].decode()}" if said else f"{pid}:"


def _lives(identity: str) -> bool:
    return _identity(int(identity.partition(":")[0])) == identity
