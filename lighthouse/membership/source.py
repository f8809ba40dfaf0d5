"""A cluster's source: what it said last, and whether it can still be asked."""

from typing import Final

import msgspec

from lighthouse.discovery import Connection, Reading

STALE_AFTER: Final = 5.0
"""Seconds that a source may be away before its nodes count as stale."""


class SourceReading(msgspec.Struct, frozen=True):
    """One discovery's newest reading of one cluster.

    ``read_at`` is wall-clock seconds, ``answer`` the number of the fresh read that it is;
    ``live`` is false for a reading remembered from an earlier run. ``withdrawn`` are the
    addresses that this host has taken out of the source itself.
    """

    reading: Reading
    read_at: float
    answer: int = 0
    live: bool = True
    withdrawn: frozenset[tuple[str, int]] = frozenset()


class SourceConnection(msgspec.Struct, frozen=True):
    """What became of a discovery's connection, and since when (monotonic)."""

    state: Connection
    reason: str
    since: float
