"""Which nodes a database leads to: a decision, made of one cluster and what there is by now."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from lighthouse.cluster import Cluster
from lighthouse.node import Node
from lighthouse.pgbouncer.include import DatabaseLine
from lighthouse.pgbouncer.settings import DatabaseSettings
from lighthouse.pgbouncer.timelines import own
from lighthouse.primary import Contest, Timelines, contest, system, timeline
from lighthouse.text import counted, several

_REPLICA: Final = "replica"


class Routing(msgspec.Struct, frozen=True):
    """``line`` is None if the database is to be none; ``reason`` is what is not as configured.

    ``certain``: the line leads to what the newest nodes say, and not to what was there before.
    """

    line: DatabaseLine | None
    reason: str = ""
    certain: bool = True


class ClusterRoles(msgspec.Struct, frozen=True):
    """Who of a cluster's nodes is what; ``primary`` is the one to follow, if there is one.

    ``nodes`` are without those of another database, of which ``reason`` tells.
    """

    nodes: Sequence[Node]
    found: Contest
    primary: Node | None
    reason: str = ""


def roles(cluster: Cluster, known: Timelines, present: Iterable[DatabaseLine]) -> ClusterRoles:
    """Who is to be followed, where ``present`` lead to the last primary.

    A node that tells no timeline is no successor of one that did.
    """
    nodes = own(cluster.nodes, known)
    apart = _of_another([node for node in cluster.nodes if node not in nodes])
    found = contest(nodes, known)
    led_to = {(host, line.port) for line in present for host in line.hosts}
    if len(found.primaries) == 1:
        only = found.primaries[0]
        if not known or timeline(only) is not None or only.key in led_to:
            return ClusterRoles(nodes, found, only, _joined(found.reason, apart))
        told = f"{only.name} says that it is the primary, but not on which timeline"
        return ClusterRoles(nodes, found, None, _joined(told, apart))
    if found.primaries:
        names = several([node.name for node in found.primaries])
        told = f"{names} say that they are the primary, and none of them tells its timeline"
        return ClusterRoles(nodes, found, None, _joined(told, apart))
    return ClusterRoles(nodes, found, None, _joined(found.reason or _nobody(cluster), apart))


def route(
    name: str,
    database: DatabaseSettings,
    found: ClusterRoles,
    present: DatabaseLine | None,
    known: Timelines,
) -> Routing:
    """Where a database leads; if nobody can tell, where it leads at present."""
    wanted = _Wanted(name, database, present)
    if database.role == "primary":
        if found.primary is None:
            return wanted.kept(found.reason)
        return wanted.to([found.primary], found.reason)
    if database.role == "any":
        serving = [node for node in found.nodes if node.weight] or [*found.nodes]
        return wanted.to(serving) if serving else wanted.kept("the cluster has no nodes")
    return _replicas(wanted, found, known)


def _replicas(wanted: "_Wanted", found: ClusterRoles, known: Timelines) -> Routing:
    database = wanted.database
    replicas = [node for node in found.nodes if node.metadata.get("role") == _REPLICA]
    faults = {node.key: _unfit(node, database, known) for node in replicas}
    fit = [node for node in replicas if not faults[node.key]]
    serving = [node for node in fit if node.weight]
    if serving:
        return wanted.to(serving)
    unfit = [f"{node.name} {faults[node.key]}" for node in replicas if faults[node.key]]
    told = several(unfit) if unfit else "there is no replica"
    if not found.nodes:
        return wanted.kept("the cluster has no nodes")
    if database.fallback == "primary" and found.primary is not None:
        return wanted.to([found.primary], f"{told}: the primary serves instead")
    if fit:
        return wanted.to(fit)
    if database.fallback == "none":
        return Routing(None, f"{told}: the database is taken away (fallback: none)")
    return wanted.kept(told)


def _unfit(node: Node, database: DatabaseSettings, known: Timelines) -> str:
    """Why a replica may not serve, empty if it may."""
    number, newest = timeline(node), known.get(system(node), 0)
    if number is not None and number < newest:
        return f"is still on timeline {number}, and {newest} has begun"
    limits = (("lag_bytes", database.lag_bytes, "bytes"), ("lag_seconds", database.max_lag, "s"))
    for key, most, unit in limits:
        lag = node.metadata.get(key)
        if most is None:
            continue
        if not isinstance(lag, int | float) or isinstance(lag, bool):
            return "has an unknown lag"
        if lag > most:
            return f"has a lag of {lag:g} {unit}, at most {most:g} {unit} are allowed"
        if node.metadata.get("streaming") is False:
            return "does not stream from its primary"
    return ""


def _nobody(cluster: Cluster) -> str:
    if not cluster.known:
        return "nobody has said yet who the nodes are"
    if not cluster.nodes:
        return "the cluster has no nodes"
    return f"none of {counted(len(cluster.nodes), 'node')} says that it is the primary"


def _of_another(foreign: Sequence[Node]) -> str:
    if not foreign:
        return ""
    return (
        f"{several([node.name for node in foreign])} belong to another database (system): never "
        "led to; after a pg_upgrade or a restore run `lighthouse restart`"
    )


def _joined(*reasons: str) -> str:
    return "; ".join(filter(None, reasons))


class _Wanted:
    """One database as its section has it."""

    def __init__(
        self, name: str, database: DatabaseSettings, present: DatabaseLine | None
    ) -> None:
        self.database: Final = database
        self._name: Final = name
        self._present: Final = present

    def to(self, nodes: Sequence[Node], reason: str = "") -> Routing:
        """To these, as many of them as have one port."""
        ports = Counter(node.port for node in nodes)
        there = None if self._present is None else self._present.port
        port = max(ports, key=lambda one: (ports[one], one == there, -one))
        hosts = dict.fromkeys(
            node.ip for node in sorted(nodes, key=lambda node: node.key) if node.port == port
        )
        others = [node.name for node in nodes if node.port != port]
        if others:
            told = f"{several(others)} left out: a database of PgBouncer has one port, here {port}"
            reason = f"{reason}; {told}" if reason else told
        return Routing(self._line(tuple(hosts), port), reason)

    def kept(self, reason: str) -> Routing:
        """To where it leads at present."""
        if self._present is None:
            return Routing(None, f"{reason}; there is no database {self._name} yet", False)
        led = self._present
        return Routing(
            self._line(led.hosts, led.port),
            f"{reason}: {self._name} stays at {several(led.hosts)}",
            False,
        )

    def _line(self, hosts: tuple[str, ...], port: int) -> DatabaseLine:
        dbname = self.database.dbname or self._name
        return DatabaseLine(self._name, hosts, port, dbname, self.database.words)
