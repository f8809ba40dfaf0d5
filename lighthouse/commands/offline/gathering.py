"""Where a command that has no daemon of its own takes the nodes of clusters from."""

import os
from pathlib import Path
from typing import Final

from lighthouse.cluster import Cluster
from lighthouse.commands.directories import existing
from lighthouse.commands.failure import CommandFailure
from lighthouse.commands.offline.last_members import LastMembers
from lighthouse.commands.options import DEFAULT
from lighthouse.config.directories import state_dir
from lighthouse.daemon.client import DaemonSilent
from lighthouse.daemon.locate import find, settings
from lighthouse.daemon.recording import UnreadableRecording, read
from lighthouse.supervisor.store import Store
from lighthouse.text import plain

PATIENCE: Final = 5.0
"""Seconds that a running daemon gets to answer."""


def gather(root: Path, live: Path | None, recording: Path | None) -> tuple[LastMembers, Store]:
    """The nodes, and the store of whoever knew them last.

    They are those of a ``recording``, if there is one; else those of the daemon of the tree
    ``live``; else those of the tree's own daemon. If that does not run, it may be that the tree
    is an edited copy: then they are those of the host's daemon, if one runs.
    """
    own = Store(state_dir(existing(root), settings(root)))
    if recording is not None:
        return _recorded(recording), own
    if live is not None:
        found = _asked(live)
        if found is None:
            raise CommandFailure(f"no daemon runs for {plain(live)}")
        return LastMembers(found, of=str(live)), _store(live)
    found = _asked(root)
    if found is not None:
        return LastMembers(found), own
    remembered = LastMembers(None, own.clusters(), own.seen())
    host = Path(os.environ.get("LIGHTHOUSE_CONFIG") or DEFAULT).absolute()
    if remembered.origin == "nobody" and host != root and host.is_dir():
        found = _asked(host)
        if found is not None:
            return LastMembers(found, of=str(host)), _store(host)
    return remembered, own


def _asked(root: Path) -> tuple[Cluster, ...] | None:
    """What the daemon of a tree gives its balancers, None if it does not run."""
    try:
        live = find(root).members(PATIENCE)
    except (DaemonSilent, OSError) as error:
        raise CommandFailure(str(error)) from error
    return None if live is None else tuple(live)


def _store(root: Path) -> Store:
    return Store(state_dir(root, settings(root)))


def _recorded(path: Path) -> LastMembers:
    """The clusters at the end of a recording, of all balancers in it, without their sections."""
    found: dict[str, dict[str, Cluster]] = {}
    try:
        for scene in read(path):
            found[scene.balancer] = {one.name: one for one in scene.given()}
    except UnreadableRecording as error:
        raise CommandFailure(plain(error)) from error
    merged = {name: one for each in found.values() for name, one in each.items()}
    return LastMembers(tuple(merged[name] for name in sorted(merged)), recording=str(path))
