"""Rules about snapshots: the same ends in the same, whatever was before, whoever the nodes are."""

from typing import Any

from msgspec.structs import replace

from lighthouse.cluster import Cluster
from lighthouse.testing.conformance.balancer_effects import stamps_of, touched
from lighthouse.testing.conformance.balancer_subject import (
    BalancerSubject,
    BalancerWorker,
    difference,
    told,
)
from lighthouse.testing.conformance.plugin import Config
from lighthouse.testing.hosted import ForkServer, PluginHost
from lighthouse.testing.values import node

MANY = 10_000


class BalancerSnapshotRules(BalancerSubject):
    """What a balancer promises of ``sync_file``."""

    def test_the_same_snapshot_twice_changes_nothing(self, host: PluginHost) -> None:
        """The second sync writes nothing and says unchanged, also after a restart."""
        worker, good = self.serving(host), self.good(host)
        worker.succeed(good, self.two())
        before = self.settled(host)
        stamps = stamps_of(host.directory, before)
        for how in ("", " by a new worker"):
            said = worker.said(good, self.two())
            changed = difference(before, self.settled(host))
            assert not changed, f"the same snapshot again{how} changed what is kept: {changed}"
            written = touched(stamps, stamps_of(host.directory, before))
            assert not written, f"the same snapshot again{how} wrote the same anew: {written}"
            assert said.kind == "unchanged", (
                f"the same snapshot again{how} ended {said.kind}, expected unchanged: return "
                f"lighthouse.balancer.UNCHANGED where there is nothing to do; {told(said)}"
            )
            worker = self.serving(host)

    def test_any_order_of_snapshots_ends_in_the_same_bytes(self, host: PluginHost) -> None:
        """Nothing is kept of an older snapshot, neither in the process nor in the files."""
        first, *others = self.configs(host.directory)
        wanted = self.result(host, first, self.two())
        empty, more = self.web(), (self.three(), self.web("10.0.0.9:8009", name="other"))
        for restarted in (False, True):
            self.clear(host)
            worker = self.serving(host)
            for config, clusters in (
                (first, more),
                (first, (empty,)),
                (others[0] if others else first, (self.three(),)),
                (first, ()),
                (first, (self.two(),)),
            ):
                worker = self.serving(host) if restarted else worker
                self._followed(worker, config, *clusters)
            now = self.settled(host)
            changed = difference(wanted, {name: now.get(name, b"") for name in wanted})
            assert not changed, f"after other snapshots the same ends otherwise: {changed}"

    def test_another_process_writes_the_same_bytes(self, host: PluginHost) -> None:
        """Nothing depends on the order of a set, which is another one in each process."""
        good, many = self.good(host), self.web(*(f"10.0.1.{n}:80" for n in range(1, 30)))
        wanted = self.result(host, good, many)
        other = ForkServer(self.kind, self.plugin, seed="2")
        try:
            worker = BalancerWorker(host.worker(server=other), self.patience)
            said = worker.said(good, many)
            changed = difference(wanted, self.settled(host))
            assert not changed, f"another process writes other bytes: {changed}"
            assert said.kind == "unchanged", f"another process ended {said.kind}: {told(said)}"
        finally:
            host.end_workers()
            other.close()

    def test_members_that_come_and_go_are_followed(self, host: PluginHost) -> None:
        """Every node of the newest snapshot is named in what is kept."""
        worker, good = self.serving(host), self.good(host)
        two, three = (self._with_hosts(wanted) for wanted in (self.two(), self.three()))
        worker.succeed(good, two)
        self._all_named(host, two)
        said = worker.succeed(good, three)
        self._all_named(host, three)
        assert said.kind == "applied", f"other nodes ended {said.kind}, expected applied"

    def test_a_cluster_that_nobody_knows_keeps_what_serves(self, host: PluginHost) -> None:
        """While nobody knows who the nodes are, what was written for them stays."""
        worker, good = self.serving(host), self.good(host)
        worker.succeed(good, self.two())
        before = self.settled(host)
        unknown = self.web(known=False)
        for restarted in (False, True):
            worker = self.serving(host) if restarted else worker
            worker.said(good, unknown)
            changed = difference(before, self.settled(host))
            assert not changed, f"a cluster that nobody knows was taken for empty: {changed}"
        worker.succeed(good, self.two())

    def test_stale_nodes_are_served(self, host: PluginHost) -> None:
        """The last known nodes of a source that is away are served like any others."""
        stale = self.web("10.0.0.1:8001", "10.0.0.2:8002", stale=True)
        self.serving(host).succeed(self.good(host), stale)
        self._all_named(host, stale)

    def test_weight_zero_costs_no_other_node(self, host: PluginHost) -> None:
        """A node of weight 0 gets no new traffic; its siblings and its neighbours stay."""
        drained = node("10.0.0.1:8001", weight=0)
        worker, good = self.serving(host), self.good(host)
        worker.succeed(good, self.web(drained, "10.0.0.2:8002"))
        self._all_named(host, self.web("10.0.0.2:8002"))
        worker.succeed(good, self.web(drained))
        worker.succeed(good, self.two())
        self._all_named(host, self.two())

    def test_ipv6_nodes_are_served(self, host: PluginHost) -> None:
        """Nodes with IPv6 addresses, alone and beside others."""
        both = self.web("10.0.0.1:8001", "[fd00::1]:8002")
        self.serving(host).succeed(self.good(host), both)
        self._all_named(host, both)

    def test_none_one_and_ten_thousand_nodes(self, host: PluginHost) -> None:
        """A cluster may be of any size, and be of another one with each snapshot."""
        worker, good = self.serving(host), self.good(host)
        places = [f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}:80" for n in range(1, MANY + 1)]
        for size in (0, 1, MANY, 1, 0):
            self._follows(host, worker, self.web(*places[:size]))
        self._followed(worker, good)

    def test_hostile_metadata_harms_nothing(self, host: PluginHost) -> None:
        """Whatever printable text a node brings along is data: it is not run or read as syntax."""
        trap = host.directory / "trapped"
        texts = [
            *(f"{quote}; touch {trap}; {quote}" for quote in ("", '"', "'", "`", "\\")),
            f"$(touch {trap})",
            "{{ 7654321 * 3 }} {% raw %} ${x} %s %(x)s {0}",
            "}} ] ) > */ --> # // \\ \\n %0a &#10;",
            "server evil 192.0.2.66:66",
            "a" * 1500,
        ]
        metadata: dict[str, Any] = {
            f"key{number} {text[:40]}": text for number, text in enumerate(texts)
        }
        hostile = node("10.0.0.2:8002", host="web2", **metadata)
        wanted = self.web("10.0.0.1:8001", hostile, "10.0.0.3:8003")
        worker, good = self.serving(host), self.good(host)
        worker.succeed(good, self.three())
        worker.succeed(good, wanted)
        self._all_named(host, self.web("10.0.0.1:8001", "10.0.0.3:8003"))
        assert not trap.exists(), "a command in a node's metadata was run"
        text = b"\n".join(self.settled(host).values())
        assert b"22962963" not in text, "an expression in a node's metadata was computed"

    def _with_hosts(self, wanted: Cluster) -> Cluster:
        """The cluster with nodes whose hosts have names, so that these stand for no address."""
        nodes = [replace(one, host=f"host-{index}") for index, one in enumerate(wanted.nodes)]
        return replace(wanted, nodes=nodes)

    def _followed(self, worker: BalancerWorker, config: Config, *clusters: Cluster) -> None:
        """A sync went well; that of no clusters at all may be held, by software that needs one."""
        if clusters:
            worker.succeed(config, *clusters)
        else:
            said = worker.said(config)
            assert said.kind != "failed", f"a sync of no clusters ended failed: {told(said)}"

    def _follows(self, host: PluginHost, worker: BalancerWorker, wanted: Cluster) -> None:
        worker.succeed(self.good(host), wanted)
        self._all_named(host, wanted)

    def _all_named(self, host: PluginHost, wanted: Cluster) -> None:
        missing = ", ".join(self.missing(host, wanted))
        count = len(wanted.nodes)
        assert not missing, f"of {count} nodes, these stand in no file: {missing} ..."
