"""The contract of a discovery method: lists the nodes of clusters, registers services."""

from collections.abc import Callable
from typing import ClassVar, Literal

import msgspec

from lighthouse.node import NO_RECORD, Node
from lighthouse.plugin import Plugin
from lighthouse.service import Service


class Refusal(msgspec.Struct, frozen=True):
    """A record that was not taken as a node: its name in the source, and the reason."""

    record: str
    reason: str

    @property
    def is_fault(self) -> bool:
        """Return True if somebody meant it to be a record, so that it wants mending."""
        return self.reason != NO_RECORD


class Reading(msgspec.Struct, frozen=True):
    """All of a cluster's records at one moment.

    ``nodes`` in any order; a second node of the same ip and port is refused by the host.
    """

    nodes: tuple[Node, ...] = ()
    refused: tuple[Refusal, ...] = ()


Connection = Literal["connected", "suspended", "lost"]
"""``suspended``: the source does not answer, what it last said is still believed.
``lost``: the source has also forgotten what was registered through it."""

OnReading = Callable[[str, Reading], None]
OnConnection = Callable[[Connection, str], None]


class Discovery(Plugin):
    """Subclass this and name the class in ``lighthouse_discovery``.

    The host keeps asking for what its snapshot says: every method is called again after a
    failure, so each is idempotent. An error is an exception, never an empty reading: what was
    known stays in force until the source answers again.
    """

    read_only: ClassVar[bool] = False
    """True if nothing can be registered here: a service that reports to it is a config error,
    shown at its line, and ``report_up`` and ``report_down`` are never called."""

    def connect(self, on_reading: OnReading, on_connection: OnConnection) -> None:
        """Prepare to talk to the source; called after each ``apply_config``.

        ``on_reading(cluster, reading)`` takes the complete state of one cluster each time it
        was read and ``on_connection(state, reason)`` what became of the source. Both may be
        called from any thread, at once or later, and never block.
        """

    def disconnect(self) -> None:
        """Let go of the source; what is registered stays until it expires.

        Not called where the next process takes over at once: that one finds what this one has
        registered as it would after a kill.
        """

    def start_watching(self, cluster: str) -> None:
        """Read the cluster and go on reading it whenever it changes."""
        raise NotImplementedError

    def stop_watching(self, cluster: str) -> None:
        """No further readings of this cluster."""
        raise NotImplementedError

    def refresh(self, cluster: str) -> None:
        """Read a watched cluster afresh, past every cache, and report the reading.

        The reading is reported within this call, in its thread, or after it. Once this has
        returned, nothing is reported any more that was read before.
        """
        self.stop_watching(cluster)
        self.start_watching(cluster)

    def report_up(self, service: Service) -> None:
        """Register the service's node, or renew it with new weight and metadata."""
        raise NotImplementedError

    def report_down(self, service: Service) -> None:
        """Remove the service's node, if this host's lighthouse registered it, in any process.

        Returning means that it is gone. An older node of a service (another address) is
        removed before ``report_up`` of the present one.
        """
        raise NotImplementedError

    def wake(self) -> None:
        """The timer of ``wake_after`` ran out, or ``fileno`` became readable."""
