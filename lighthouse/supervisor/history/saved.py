"""A balancer's history as it lies on disk: each version by what differs from the one before.

Secrets are left out. What is read back has revisions of its own, which no part of this run has.
"""

import itertools
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from lighthouse.ipc.snapshot import BalancerSnapshot, Part, PluginSettings
from lighthouse.supervisor.history.blank import without_secrets
from lighthouse.supervisor.history.version import AppliedVersion, replaced, weight

_revisions: Final = itertools.count(-1, -1)


class SavedVersion(msgspec.Struct, frozen=True):
    """``about`` has an empty snapshot; ``settings`` None: as before."""

    about: AppliedVersion
    settings: PluginSettings | None
    parts: tuple[Part, ...]
    gone: tuple[str, ...]
    unserved: tuple[str, ...]


_NOTHING: Final = BalancerSnapshot(PluginSettings())


def condensed(versions: Iterable[AppliedVersion]) -> tuple[SavedVersion, ...]:
    """Versions, the oldest first, for a file."""
    return tuple(_condense(versions))


def restored(saved: Iterable[SavedVersion]) -> Iterator[AppliedVersion]:
    """The versions of a file, the oldest first."""
    settings = PluginSettings()
    parts: dict[str, Part] = {}
    before: tuple[Part, ...] = ()
    for one in saved:
        settings = one.settings or settings
        for name in one.gone:
            parts.pop(name, None)
        parts.update({part.name: anew(part) for part in one.parts})
        clusters = tuple(parts[name] for name in sorted(parts))
        snapshot = BalancerSnapshot(settings, clusters, one.unserved)
        held = weight(before, clusters)
        yield msgspec.structs.replace(one.about, snapshot=snapshot, weight=held)
        before = clusters


def anew(part: Part) -> Part:
    """The same part, for a run in which its revision may mean another one."""
    return Part(part.name, next(_revisions), part.body)


def _condense(versions: Iterable[AppliedVersion]) -> Iterator[SavedVersion]:
    before = _NOTHING
    settings: PluginSettings | None = None
    for version in versions:
        now = version.snapshot
        pairs = replaced(before.clusters, now.clusters)
        fresh = tuple(part for _, part in pairs if part is not None)
        blank = without_secrets(BalancerSnapshot(now.settings, fresh, now.unserved))
        yield SavedVersion(
            about=msgspec.structs.replace(version, snapshot=_NOTHING),
            settings=None if blank.settings == settings else blank.settings,
            parts=blank.clusters,
            gone=tuple(was.name for was, part in pairs if was is not None and part is None),
            unserved=now.unserved,
        )
        before, settings = now, blank.settings
