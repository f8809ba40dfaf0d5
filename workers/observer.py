"""Passing on what a discovery plugin reports: readings that are new, and its connection."""

import logging
import secrets
from collections.abc import Collection, Mapping
from typing import Final, get_args

import msgspec

from lighthouse.discovery import Connection, Reading
from lighthouse.ipc.log_lines import Once
from lighthouse.ipc.messages import Connected, Observed, encode
from lighthouse.node import Node
from lighthouse.workers.limits import one_line, valid
from lighthouse.workers.outbox import Outbox
from lighthouse.workers.reading import admit
from lighthouse.workers.reports import Arrival, Reports

_STATES: Final = frozenset(get_args(Connection))


class _Sent(msgspec.Struct, frozen=True):
    reading: Reading
    known: Mapping[tuple[str, int], Node]
    reread: int


class Observer:
    """Sends a reading when it differs from the last one of its cluster or was asked for."""

    def __init__(self, inbox: Reports, outbox: Outbox, once: Once) -> None:
        self._inbox: Final = inbox
        self._outbox: Final = outbox
        self._once: Final = once
        self._sent: Final[dict[str, _Sent]] = {}
        self._wanted: Collection[str] = ()
        self._state: tuple[str, str] | None = None

    @property
    def away(self) -> bool:
        """Whether the source was said not to answer; the supervisor's log has the reason."""
        return self._state is not None and self._state[0] != "connected"

    def forget(self) -> None:
        """What was sent came from another source; send everything again."""
        self._sent.clear()
        self._state = None

    def want(self, clusters: Collection[str]) -> None:
        """These are the clusters to speak of; another one that returns is sent anew."""
        self._wanted = clusters
        for cluster in self._sent.keys() - clusters:
            del self._sent[cluster]

    def drain(self) -> list[Connection]:
        """Pass on what has arrived about the clusters; the new states of the connection."""
        arrivals, states = self._inbox.drain()
        for cluster, arrival in arrivals.items():
            if cluster in self._wanted:
                self._observe(cluster, arrival)
        return [state for state, reason in states if self._connected(state, reason)]

    def _observe(self, cluster: str, arrival: Arrival) -> None:
        before = self._sent.get(cluster)
        try:
            reading = admit(arrival.reading, before.known if before else {})
        except (TypeError, AttributeError, ValueError) as error:
            self._once.say(logging.ERROR, f"reading of {cluster}", one_line(str(error)))
            return
        if before is not None and before.reading == reading and arrival.reread <= before.reread:
            return
        known = {node.key: node for node in reading.nodes}
        self._sent[cluster] = _Sent(reading, known, arrival.reread)
        trace = secrets.token_hex(4)
        message = Observed(cluster, trace, arrival.observed_at, arrival.reread)
        self._outbox.post(message, encode(reading), key=(Observed, cluster))

    def _connected(self, state: Connection, reason: str) -> bool:
        """Whether this is a state to speak of; one line for the supervisor if it is new."""
        if state not in _STATES:
            self._once.say(logging.ERROR, "on_connection", f"{valid(state)} is no state")
            return False
        said = (state, one_line(str(reason)))
        if said != self._state:
            self._state = said
            self._outbox.post(Connected(*said))
        return True
