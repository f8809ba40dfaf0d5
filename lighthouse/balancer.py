"""The contract of a balancer: keeps one piece of software pointed at the live nodes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import msgspec

from lighthouse.cluster import Cluster
from lighthouse.plugin import Plugin
from lighthouse.schema import convert

Kind = Literal["unchanged", "applied", "held", "degraded", "failed"]


class Finding(msgspec.Struct, frozen=True):
    """What the software says of a config: where, what, and whether it is only a warning.

    ``path`` are the keys and indexes that lead to the place, in the section of ``cluster``,
    or in the plugin's own file if that is None.
    """

    path: tuple[str | int, ...]
    message: str
    cluster: str | None = None
    warning: bool = False


class Withheld(msgspec.Struct, frozen=True):
    """Members of a cluster, as ip and port, that a balancer keeps new traffic from.

    ``reason`` is what they are, such as "in maintenance". ``asked``: the cluster's section asks
    for it. ``drained``: they keep the sessions that they have.
    """

    cluster: str
    reason: str
    nodes: tuple[tuple[str, int], ...]
    asked: bool = False
    drained: bool = False


class Unreachable(msgspec.Struct, frozen=True):
    """A member of a cluster, as ip and port, that the software's own checks find down.

    ``reason`` is what they say, ``since`` when that began (wall-clock seconds), if it is known.
    """

    cluster: str
    node: tuple[str, int]
    reason: str
    since: float | None = None


class Claim(msgspec.Struct, frozen=True):
    """What only one balancer of a host may have, and the keys that lead to where it is said.

    ``kind`` and ``name``: a ``directory`` with all that is in it, or a ``file``, by its absolute
    path, in which ``*`` stands for any text without a slash; or an ``address`` to listen at, as
    ``IP:PORT``, with ``*`` for every address of the host.
    """

    path: tuple[str | int, ...]
    kind: Literal["directory", "file", "address"]
    name: str


class Outcome(msgspec.Struct, frozen=True):
    """How a sync ended, with a reason that status shows.

    ``held``: deliberately not done yet, ``degraded``: the traffic is served but something is
    not as configured, ``failed``: not done. Failed and degraded syncs are tried again with
    backoff, without a new snapshot.
    """

    kind: Kind
    reason: str = ""
    findings: tuple[Finding, ...] = ()

    def repeats(self, last: "Outcome") -> bool:
        """Return True if a ``wake`` need not say it after that: what was applied is unchanged."""
        since = msgspec.structs.replace(last, kind="unchanged") if last.kind == "applied" else last
        return self in (last, since)


UNCHANGED = Outcome("unchanged")
APPLIED = Outcome("applied")


class Preview(msgspec.Struct, frozen=True):
    """What a sync would do: a unified diff, runtime commands, and why a reload, if one."""

    diff: str = ""
    commands: tuple[str, ...] = ()
    reload: str = ""
    findings: tuple[Finding, ...] = ()


def lasting(
    before: tuple[Unreachable, ...], found: Iterable[Unreachable]
) -> tuple[Unreachable, ...]:
    """What is found now; who was so before, for the same reason, keeps the moment of then.

    ``before`` itself if nothing has changed.
    """
    known = {(one.cluster, one.node, one.reason): one for one in before}
    now = tuple(known.get((one.cluster, one.node, one.reason), one) for one in found)
    return before if now == before else now


class Balancer(Plugin):
    """Subclass this, implement ``sync_file``, and name the class in ``lighthouse_balancer``."""

    handles_unknown: ClassVar[bool] = False
    """True: ``sync_file`` and ``preview`` are also given clusters of which nobody knows the
    nodes (``known`` is false and ``nodes`` is empty), and leave what runs of them as it is.
    False: they are never given one. Nothing is synced before every cluster is known that the
    software may already serve, and a new cluster is left out of the list until it is known.
    """

    compares_clusters: ClassVar[bool] = False
    """True: the plugin alters nothing of the clusters that it is given. Then it is handed the
    very same object again as long as nothing about a cluster has changed, so that ``is`` tells
    cheaply what to skip, and a large fleet costs what changed in it. False: each call is given
    clusters of its own.
    """

    section_type: ClassVar[type[msgspec.Struct] | None] = None
    """The same as ``settings_type``, of a section in a cluster's file."""

    @classmethod
    def validate_cluster_config(cls, config: Mapping[str, Any]) -> None:
        """Raise ``ValueError`` for an invalid section of this balancer in a cluster's file.

        A rejected section leaves that cluster's last good one in force, and no other
        cluster is affected. One that is not overridden has the section converted to the
        ``section_type``, if there is one.
        """
        if cls.section_type is not None:
            convert(config, cls.section_type)

    @classmethod
    def claims(cls, config: Mapping[str, Any]) -> Sequence[Claim]:
        """What no other balancer of the host may have, by a config that passed.

        What it writes, and where it or its software listens. Where two balancers claim the
        same, ``lighthouse check`` and the status say so; nothing is held back for it.
        """
        return ()

    def sync_file(self, clusters: list[Cluster]) -> Outcome | None:
        """Write or update the software's configuration for exactly these clusters.

        Idempotent; must not drop traffic, nor limit the number of nodes. ``clusters`` is
        sorted by name; the list, the clusters and their ``nodes`` are this call's own. None
        means applied. What is no ``Outcome`` means the same, and is warned of. A raised
        exception means failed.
        """
        raise NotImplementedError

    def wake(self) -> Outcome | None:
        """The timer of ``wake_after`` ran out, or ``fileno`` became readable.

        None: the outcome of the last sync still holds.
        """
        return None

    def withheld(self) -> Sequence[Withheld]:
        """The members of the clusters last synced that get no new traffic, and why.

        ``lighthouse explain`` and ``lighthouse wait`` go by it. Called after each sync and each
        ``wake`` that says something, so it only returns what is known.
        """
        return ()

    def counters(self) -> Mapping[str, Mapping[str, int]]:
        """What the software has counted for each cluster, by what is counted.

        The counts never fall while the software lives, whatever is reloaded. Called every few
        seconds, so it only returns what is known: the same object while nothing has changed.
        """
        return {}

    def unreachable(self) -> Sequence[Unreachable]:
        """The members that the software's own health checks find down, from this host.

        Shown beside what discovery says; nothing is done for it. Called every few seconds, so it
        only returns what is known: the same object while nothing has changed.
        """
        return ()

    def preview(self, clusters: list[Cluster]) -> Preview:
        """What ``sync_file`` would do now; changes nothing.

        Of a class that does not override this, ``lighthouse plan`` says that it cannot tell.
        """
        return Preview()

    def examine(self, clusters: list[Cluster]) -> Sequence[Finding]:
        """What the software itself finds wrong with the config and these clusters' sections.

        Touches nothing. Called after ``apply_config`` on an instance that never syncs.
        """
        return ()

    def close(self) -> None:
        """The worker stops cleanly, within seconds. The software itself goes on."""
