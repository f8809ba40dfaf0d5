"""The complete statement of what one worker has to make true.

A snapshot is never a patch. Values are compared with ``==``: an equal snapshot is not sent
again. ``PluginSettings`` pairs the newest content of a file with the last one that the plugin
accepted, so that a worker which starts afresh can still fall back to the latter.

A snapshot goes as a payload: ``pack`` and ``unpack`` are its encoding.
"""

import struct
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from lighthouse.service import Probe, Service

_encoder: Final = msgspec.msgpack.Encoder()
_length: Final = struct.Struct("!I")


class PluginSettings(msgspec.Struct, frozen=True):
    """The content of one config file (or of one section of it) for a plugin.

    ``accepted`` is the last content that the plugin's validation let pass, None if it has
    not passed any yet.
    """

    config: dict[str, Any] = {}
    accepted: dict[str, Any] | None = None


class Part(msgspec.Struct, frozen=True, gc=False):
    """One cluster's place in a balancer's snapshot; ``body`` is an encoded ``Membership``.

    ``revision`` changes whenever the body does, so that a worker decodes only what is new.
    """

    name: str
    revision: int
    body: bytes


class Membership(msgspec.Struct, frozen=True):
    """The body of a ``Part``: all that makes a ``Cluster``, with its section as settings.

    ``settings`` is None if the cluster's file has no section for the balancer. ``nodes`` is
    the encoded ``tuple[Node, ...]`` that is to be served.
    """

    settings: PluginSettings | None
    nodes: msgspec.Raw
    known: bool
    stale: bool
    observed_at: float
    meta_cluster: str | None


class BalancerSnapshot(msgspec.Struct, frozen=True, tag="balancer"):
    """Serve exactly these clusters.

    ``unserved`` names those of which nobody knows the nodes and that the balancer was never
    given, so that its software can serve nothing of them yet.
    """

    settings: PluginSettings
    clusters: tuple[Part, ...] = ()
    unserved: tuple[str, ...] = ()


class WatchedCluster(msgspec.Struct, frozen=True, gc=False):
    """A cluster to watch; a higher ``reread`` than before asks for a fresh read of it."""

    cluster: str
    reread: int = 0


class DiscoverySnapshot(msgspec.Struct, frozen=True, tag="discovery"):
    """Watch exactly these clusters, keep these services registered, those deregistered.

    A service in neither list is undecided: a registration that exists is left alone.
    ``reporters`` are the stems of the service files that report here, so that a plugin which
    takes no registrations can tell whose error that is.
    """

    settings: PluginSettings
    watch: tuple[WatchedCluster, ...] = ()
    up: tuple[Service, ...] = ()
    down: tuple[Service, ...] = ()
    reporters: tuple[str, ...] = ()


class WantedServices(msgspec.Struct, frozen=True):
    """The part of a ``DiscoverySnapshot`` that is about this host's own services."""

    up: tuple[Service, ...] = ()
    down: tuple[Service, ...] = ()
    reporters: tuple[str, ...] = ()


class CheckSnapshot(msgspec.Struct, frozen=True, tag="check"):
    """Run exactly these checks."""

    probes: tuple[Probe, ...] = ()


class WebSnapshot(msgspec.Struct, frozen=True, tag="web"):
    """Serve the status page at this address, to browsers that call it by one of these names.

    ``token_file`` is empty where nothing may be done by the page.
    """

    ip: str
    port: int
    token_file: str = ""
    allowed_hosts: tuple[str, ...] = ()


Snapshot = BalancerSnapshot | DiscoverySnapshot | CheckSnapshot | WebSnapshot


class _PartPlace(msgspec.Struct, frozen=True, array_like=True, gc=False):
    name: str
    revision: int
    length: int


class _SnapshotHead(msgspec.Struct, frozen=True):
    snapshot: Snapshot
    places: tuple[_PartPlace, ...] = ()


def pack(snapshot: Snapshot) -> Iterable[bytes]:
    """A snapshot as the pieces of a payload; clusters' bodies are passed on untouched."""
    if not isinstance(snapshot, BalancerSnapshot):
        head = _encoder.encode(_SnapshotHead(snapshot))
        return [_length.pack(len(head)), head]
    places = tuple([_PartPlace(p.name, p.revision, len(p.body)) for p in snapshot.clusters])
    bare = msgspec.structs.replace(snapshot, clusters=())
    head = _encoder.encode(_SnapshotHead(bare, places))
    return [_length.pack(len(head)), head, *[part.body for part in snapshot.clusters]]


def unpack(payload: memoryview, known: dict[str, int] | None = None) -> Snapshot:
    """The snapshot in a payload; the inverse of ``pack``.

    Bodies of clusters whose revision is ``known`` are left empty, for the reader has them.
    """
    (length,) = _length.unpack_from(payload)
    head = msgspec.msgpack.decode(payload[4 : 4 + length], type=_SnapshotHead)
    if not isinstance(head.snapshot, BalancerSnapshot):
        return head.snapshot
    parts = []
    offset = 4 + length
    for place in head.places:
        held = known is not None and known.get(place.name) == place.revision
        body = b"" if held else bytes(payload[offset : offset + place.length])
        parts.append(Part(place.name, place.revision, body))
        offset += place.length
    return msgspec.structs.replace(head.snapshot, clusters=tuple(parts))
