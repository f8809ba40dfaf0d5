"""The complete statement of what one worker has to make true.

A snapshot is never a patch. Values are compared with ``==``: an equal snapshot is not sent
again. ``PluginSettings`` pairs the newest content of a file with the last one that the plugin
accepted, so that a worker which starts afresh can still fall back to the latter.
"""

from typing import Any

import msgspec

from lighthouse.service import Probe, Service


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


Snapshot = BalancerSnapshot | DiscoverySnapshot | CheckSnapshot
