"""What a balancer's worker holds of each cluster, so that one that changed costs only itself."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from lighthouse.cluster import Cluster
from lighthouse.ipc.snapshot import Membership, Part, PluginSettings
from lighthouse.node import Node
from lighthouse.process.ordered import Ordered
from lighthouse.schema import Problem, Rejection
from lighthouse.workers.boundary.conduct import Conduct
from lighthouse.workers.boundary.limits import one_line
from lighthouse.workers.boundary.validation import ConfigVerdict, ValidateConfig, judge, rejudge

_nodes: Final = msgspec.msgpack.Decoder(list[Node])
_membership: Final = msgspec.msgpack.Decoder(Membership)


class DecodedCluster(msgspec.Struct, frozen=True):
    """A cluster as it was last decoded; None if the plugin takes no section of it.

    ``config`` is the section in force; the cluster has a copy, which is the plugin's own.
    ``traceback`` is that of a validation that failed otherwise than by a rejection.
    """

    name: str
    revision: int
    cluster: Cluster | None
    settings: PluginSettings | None
    rejection: Rejection | None
    config: dict[str, Any] | None = None
    traceback: str = ""


def decode_cluster(
    part: Part,
    before: DecodedCluster | None,
    validate_section: ValidateConfig,
    conduct: Conduct,
) -> DecodedCluster:
    """A part decoded; its section is validated unless what is held of it holds for it too."""
    try:
        body = _membership.decode(part.body)
        nodes = _nodes.decode(body.nodes)
    except (msgspec.DecodeError, ValueError) as error:
        problem = Problem((), one_line(f"its nodes cannot be read: {error}"))
        unread = Rejection((problem,), cluster=part.name)
        kept = before.cluster if before else None
        return DecodedCluster(part.name, part.revision, kept, None, unread)
    named = part.name, part.revision
    verdict = _section(part.name, body.settings, before, validate_section, conduct)
    config, rejection, traceback = verdict.config, verdict.rejection, verdict.traceback
    if rejection is not None and config is None:
        return DecodedCluster(*named, None, body.settings, rejection, None, traceback)
    cluster = Cluster(
        part.name,
        nodes,
        _copied(config),
        body.known,
        body.stale,
        body.observed_at,
        body.meta_cluster,
    )
    if before is not None and before.cluster == cluster:
        cluster = before.cluster
    return DecodedCluster(*named, cluster, body.settings, rejection, config, traceback)


def _section(
    name: str,
    settings: PluginSettings | None,
    before: DecodedCluster | None,
    validate_section: ValidateConfig,
    conduct: Conduct,
) -> ConfigVerdict:
    """The cluster's section that is in force, validated if its content is new."""
    if settings is None:
        return ConfigVerdict(None)
    verdict = None
    if before is not None and before.settings is not None:
        verdict = ConfigVerdict(before.config, before.rejection, before.traceback)
        verdict = rejudge(before.settings, verdict, settings)
    return verdict or judge(validate_section, settings, name, conduct)


def fresh(cluster: Cluster) -> Cluster:
    """The same cluster, with nothing in it that another one shares and that can be altered."""
    return Cluster(
        cluster.name,
        [
            Node(n.host, n.ip, n.port, n.weight, _copied(n.metadata), n.peer, n.notes)
            for n in cluster.nodes
        ],
        _copied(cluster.config),
        cluster.known,
        cluster.stale,
        cluster.observed_at,
        cluster.meta_cluster,
    )


def _copied(value: Any) -> Any:
    """A copy of what YAML and JSON hold, several times as quick as ``copy.deepcopy``."""
    match value:
        case dict():
            return {key: _copied(part) for key, part in value.items()} if value else {}
        case list():
            return [_copied(part) for part in value]
    return value


class DecodedClusters:
    """The clusters of a base, with fresh ones in place of some of them."""

    def __init__(self) -> None:
        self._base: Mapping[str, DecodedCluster] = {}
        self._fresh: Mapping[str, DecodedCluster] = {}
        self._clusters: Ordered[Cluster] = Ordered()
        self._rejections: dict[str, Rejection] = {}
        self._unknown: dict[str, Cluster] = {}
        self.nodes = 0

    def get(self, name: str) -> DecodedCluster | None:
        return self._fresh.get(name) or self._base.get(name)

    @property
    def revisions(self) -> dict[str, int]:
        """Which revision of each cluster needs no second look."""
        return {name: held.revision for name, held in {**self._base, **self._fresh}.items()}

    @property
    def clusters(self) -> tuple[Cluster, ...]:
        """All that may be given to the plugin, sorted by name."""
        return self._clusters.whole()

    @property
    def unknown(self) -> Mapping[str, Cluster]:
        """Those of which nobody knows the nodes, by name."""
        return self._unknown

    @property
    def rejections(self) -> tuple[Rejection, ...]:
        """What is wrong with the plugin's sections."""
        return tuple([self._rejections[name] for name in sorted(self._rejections)])

    @property
    def traceback(self) -> str:
        """That of the first section whose validation failed; empty if none did."""
        held = (self.get(name) for name in sorted(self._rejections))
        return next((one.traceback for one in held if one is not None and one.traceback), "")

    def lay(self, base: Iterable[DecodedCluster]) -> None:
        """Hold these clusters and no others."""
        self._base = {held.name: held for held in base}
        self._fresh = {}
        self._clusters = Ordered()
        self._rejections = {}
        self._unknown = {}
        self.nodes = 0
        for held in self._base.values():
            self._replace(None, held)

    def overlay(self, fresh: Iterable[DecodedCluster]) -> None:
        """Hold these in place of the base's; what an earlier overlay replaced is back."""
        now = {held.name: held for held in fresh}
        before = {name: self.get(name) for name in self._fresh.keys() | now.keys()}
        self._fresh = now
        for name, former in before.items():
            self._replace(former, self.get(name))

    def _replace(self, former: DecodedCluster | None, held: DecodedCluster | None) -> None:
        if held is former:
            return
        if former is not None:
            self._rejections.pop(former.name, None)
            self._unknown.pop(former.name, None)
            if former.cluster is not None:
                self.nodes -= len(former.cluster.nodes)
                if held is None or held.cluster is None:
                    self._clusters.drop(former.name)
        if held is not None and held.cluster is not None:
            self.nodes += len(held.cluster.nodes)
            self._clusters.put(held.cluster)
            if not held.cluster.known and not held.cluster.nodes:
                self._unknown[held.name] = held.cluster
        if held is not None and held.rejection is not None:
            self._rejections[held.name] = held.rejection
