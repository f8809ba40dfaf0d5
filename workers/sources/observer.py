"""What of a discovery plugin's reports is passed on: valid readings that are new, its link."""

import os
from collections.abc import Collection, Mapping
from typing import Final, get_args

import msgspec

from lighthouse.discovery import Connection, Reading, Refusal
from lighthouse.ipc.messages import Connected, Observed, encode
from lighthouse.node import MAX_NOTES, Node, Refused, parse
from lighthouse.peer import Peer
from lighthouse.workers.boundary.conduct import Conduct
from lighthouse.workers.boundary.limits import one_line
from lighthouse.workers.outbox import Outbox
from lighthouse.workers.sources.reports import Arrival, Reports

Known = Mapping[tuple[str, int], Node]
"""The nodes of the last reading, by address: they need no second look."""


def admit_reading(reading: Reading, known: Known) -> Reading:
    """The reading with its nodes sorted by address, each valid and each address once.

    A plugin may build nodes by hand, so each new one passes the same grammar again that
    ``lighthouse.node.parse`` holds records to; what fails is refused, and its siblings stay.
    Raises ``TypeError`` for what is no reading at all.
    """
    if not isinstance(reading, Reading):
        raise TypeError(f"expected a Reading, got {type(reading).__name__}")
    nodes: dict[tuple[str, int], Node] = {}
    refused = [Refusal(one_line(r.record), one_line(r.reason)) for r in reading.refused]
    for node in reading.nodes:
        try:
            valid = _checked(node, known)
        except Refused as error:
            refused.append(Refusal(_record(node), one_line(str(error))))
            continue
        first = nodes.setdefault(valid.key, valid)
        if first is not valid:
            refused.append(Refusal(_record(node), f"same address as {first.name}"))
    return Reading(tuple(nodes[key] for key in sorted(nodes)), tuple(refused))


def _checked(node: object, known: Known) -> Node:
    if not isinstance(node, Node):  # no record of somebody's, but the plugin's mistake
        raise TypeError(f"its nodes hold a {type(node).__name__}, expected Nodes only")
    try:
        if known.get(node.key) == node:
            return known[node.key]
        fields = msgspec.structs.asdict(node)
        if isinstance(node.peer, Peer):
            fields["peer"] = msgspec.structs.asdict(node.peer)
        valid = parse(fields)
        if node.notes:
            notes = (*map(one_line, node.notes), *valid.notes)
            valid = msgspec.structs.replace(valid, notes=notes[:MAX_NOTES])
        encode(valid)
    except Refused:
        raise
    except (TypeError, ValueError, OverflowError, AttributeError, RecursionError) as error:
        raise Refused(f"cannot be passed on: {error}") from error
    return valid


def _record(node: object) -> str:
    named = isinstance(node, Node)
    return one_line(f"{node.host}:{node.port}" if named else repr(node), 100)  # type: ignore[attr-defined]


_STATES: Final = get_args(Connection)
_READINGS: Final = "pass a lighthouse.discovery.Reading of all its nodes; raise if there is none"


class _Sent(msgspec.Struct, frozen=True):
    reading: Reading
    known: Mapping[tuple[str, int], Node]
    reread: int


class Observer:
    """Sends a reading when it differs from the last one of its cluster or was asked for."""

    def __init__(self, inbox: Reports, outbox: Outbox, conduct: Conduct) -> None:
        self._inbox: Final = inbox
        self._outbox: Final = outbox
        self._conduct: Final = conduct
        self._sent: Final[dict[str, _Sent]] = {}
        self._wanted: Collection[str] = ()
        self._state: tuple[str, str] | None = None

    @property
    def away(self) -> bool:
        """Return True if the source was said not to answer; the log has the reason."""
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
        arrivals, states, odd = self._inbox.drain()
        for told in odd:
            self._conduct.breaks("on_reading", told, "pass the name it was told to watch")
        for cluster, arrival in arrivals.items():
            if cluster in self._wanted:
                self._observe(cluster, arrival)
        return [state for state, reason in states if self._connected(state, reason)]

    def _observe(self, cluster: str, arrival: Arrival) -> None:
        before = self._sent.get(cluster)
        try:
            reading = admit_reading(arrival.reading, before.known if before else {})
        except (TypeError, AttributeError, ValueError) as error:
            told = f"on_reading was given what is no reading of {cluster}: {error}"
            self._conduct.breaks(f"reading of {cluster}", told, _READINGS)
            return
        self._conduct.keeps(f"reading of {cluster}")
        if before is not None and before.reading == reading and arrival.reread <= before.reread:
            return
        known = {node.key: node for node in reading.nodes}
        self._sent[cluster] = _Sent(reading, known, arrival.reread)
        trace = os.urandom(4).hex()
        message = Observed(cluster, trace, arrival.observed_at, arrival.reread)
        self._outbox.post(message, encode(reading), key=(Observed, cluster))

    def _connected(self, state: Connection, reason: str) -> bool:
        """Return True if this is a state of a connection; the supervisor hears of a new one."""
        if not isinstance(state, str) or state not in _STATES:
            told = f"on_connection was given {state!r:.60}, which is no state"
            self._conduct.breaks("on_connection", told, f"say one of {', '.join(_STATES)}")
            return False
        self._conduct.keeps("on_connection")
        said = (state, one_line(str(reason)))
        if said != self._state:
            self._state = said
            self._outbox.post(Connected(*said))
        return True
