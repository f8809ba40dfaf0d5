"""The rabbitmq balancer passes the suite of balancers, with a program in rabbitmqctl's place."""

import os
import pwd
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from lighthouse.cluster import Cluster
from lighthouse.testing import BalancerConformance
from lighthouse.testing.conformance.balancer_subject import BalancerWorker, difference
from lighthouse.testing.conformance.plugin import Config
from lighthouse.testing.hosted import PluginHost
from lighthouse.testing.strace import places, require_strace, traced
from lighthouse.testing.values import node
from tests.software.fake_rabbitmqctl import FakeControl, transcript
from tests.waiting import eventually

R4 = "r4@localhost"
STOPPED = "cp {root}/booting {root}/" + R4 + "/cluster_status"
JOINED = "touch {root}/joined"
STARTED = "[ -e {root}/joined ] && now=joined-status || now=alone; cp {root}/$now {root}/" + (
    f"{R4}/cluster_status"
)


class TestRabbitmq(BalancerConformance):
    plugin = "rabbitmq"
    section: ClassVar[Config] = {}
    bad_sections: ClassVar[Mapping[str, Config]] = {"cluster": {"cluster": "web"}}
    names_nodes = False

    @pytest.fixture(autouse=True)
    def control(self, tmp_path: Path) -> None:
        self.fake = FakeControl(tmp_path / "fake")
        self.fake.answers("cluster_status", "3.10/three")
        type(self).real_tool = str(self.fake.program)

    def configs(self, directory: Path) -> Sequence[Config]:
        (directory / "conf.d").mkdir(exist_ok=True)
        settings = {
            "peers_file": f"{directory}/conf.d/peers.conf",
            "rabbitmqctl": str(self.fake.program),
            "state_file": f"{directory}/.state.json",
            "cookie_file": str(self.fake.cookie),
            "user": pwd.getpwuid(os.geteuid()).pw_name,
            "min_peers": 1,
            "interval": 0,
            "timeout": 0.5,
        }
        return [settings, {**settings, "timeout": 0.6}]

    def bad_configs(self, directory: Path) -> Mapping[str, Config]:
        good = self.configs(directory)[0]
        return {
            "peers_file": {**good, "peers_file": "peers.conf"},
            "node_name": {**good, "node_name": "rabbit"},
            "min_pears": {**good, "min_pears": 3},
            "after": {**good, "forget": {"after": "soon"}},
            "jitter": {**good, "join": {"jitter": -1}},
        }

    def clear(self, host: PluginHost) -> None:
        """The directory of RabbitMQ's package is always there."""
        super().clear(host)
        (host.directory / "conf.d").mkdir()

    def with_tool(self, directory: Path, tool: Path) -> Config:
        return {**self.configs(directory)[0], "rabbitmqctl": str(tool)}

    def three(self) -> Cluster:
        """With the two besides, since no name leaves the file."""
        return self.web(*(f"10.0.0.{n}:800{n}" for n in (1, 2, 3, 4)))

    def test_any_order_of_snapshots_ends_in_the_same_bytes(self, host: PluginHost) -> None:
        """A name never leaves the file by a snapshot, so that the order of all does not count."""
        good = self.good(host)
        wanted = self.result(host, good, self.three())
        others = self.web("10.0.0.3:8003", "10.0.0.4:8004")
        for snapshots in ((self.two(), others), (others, self.web(), self.two())):
            self.clear(host)
            worker = self.serving(host)
            for snapshot in snapshots:
                worker.succeed(good, snapshot)
                assert worker.said(good).kind == "unchanged"
            assert not difference(wanted, self.settled(host))

    def test_killed_at_any_system_call_the_same_snapshot_heals(self, host: PluginHost) -> None:
        """As the suite's, from a file with two names again each time: it never shrinks by itself.

        What the file is written with is killed at, not the reading of what a command printed.
        """
        require_strace()
        good = self.good(host)
        old = self.result(host, good, self.two())
        worker = self.serving(host)
        with traced(worker.worker.pid) as report:
            worker.succeed(good, self.three())
            calls = report.read_text()
        new = self.settled(host)
        names = {path.name for path in host.directory.rglob("*")}
        killed = 0
        for place in places(calls, self.kills):
            self.result(host, good, self.two())
            worker = self.serving(host)
            with traced(worker.worker.pid, "-e", place):
                worker.begin(good, self.three())
                worker.outcome()
            killed += worker.worker.ended
            assert self.settled(host) in (old, new), place
            assert [path.name for path in host.directory.glob("conf.d/*")] == ["peers.conf"], place
            self.serving(host).succeed(good, self.three())
            assert self.settled(host) == new, place
            left = {path.name for path in host.directory.rglob("*")} - names
            assert not left, f"after {place} there is left: {left}"
        assert killed, "strace killed nothing"

    @pytest.mark.slow
    def test_a_join_that_is_killed_at_any_system_call_ends_with_a_started_node(
        self, host: PluginHost
    ) -> None:
        """The next worker starts it, and joins it if it did not; the file is whole throughout."""
        require_strace()
        good = {**self.good(host), "local_node": R4, "join": {"enabled": True, "jitter": 0}}
        places_of = [node(f"10.0.0.{n}:5672", erlang_node=f"r{n}@localhost") for n in (1, 2, 3, 4)]
        wanted = self.web(*places_of)
        self._blank()
        self.good(host)
        worker = self.serving(host)
        with traced(worker.worker.pid) as report:
            assert worker.succeed(good, wanted).reason == "joined the cluster of r1@localhost"
            calls = report.read_text()
        new = self.settled(host)
        killed = midway = 0
        commands = [place for place in places(calls, 1000) if "clone" in place]
        for place in dict.fromkeys((*commands, *places(calls, self.kills))):
            self.clear(host)
            self.good(host)
            self._blank()
            worker = self.serving(host)
            with traced(worker.worker.pid, "-e", place):
                worker.begin(good, wanted)
                worker.outcome()
            killed += worker.worker.ended
            midway += "booting" in self._state()
            assert self.settled(host) in ({}, new), place
            self._healed_join(self.serving(host), good, wanted)
        assert killed, "strace killed nothing"
        assert midway, "no kill left the application stopped"

    def _healed_join(self, worker: BalancerWorker, good: Config, wanted: Cluster) -> None:
        def joined() -> bool:
            said = worker.said(good, wanted)
            return said.kind in ("applied", "unchanged") and "joined" in self._state()

        eventually(joined, 10, "the node has joined and runs")

    def _state(self) -> str:
        """How the node is: booting (its application is stopped), alone or joined."""
        now = (self.fake.root / R4 / "cluster_status").read_text()
        names = ("booting", "alone", "joined-status")
        return next(name for name in names if (self.fake.root / name).read_text() == now)

    def _blank(self) -> None:
        """The fourth node is blank and alone beside a cluster of three."""
        fake = self.fake
        (fake.root / "joined").unlink(missing_ok=True)
        for name, said in (
            ("booting", "booting"),
            ("alone", "alone"),
            ("joined-status", "one_dead"),
        ):
            (fake.root / name).write_text(transcript(f"3.10/{said}"))
        fake.answers("cluster_status", "3.10/alone", R4)
        fake.answers("list_queues", "3.10/queues_none")
        fake.answers("export_definitions", "3.10/export_blank")
        fake.says("list_connections", "exit status 0\n[]")
        for command in ("suspend_listeners", "resume_listeners"):
            fake.says(command, "exit status 0\n")
        for command, then in (
            ("stop_app", STOPPED),
            ("join_cluster", JOINED),
            ("start_app", STARTED),
        ):
            name = "join" if command == "join_cluster" else command
            fake.answers(command, f"3.10/{name}", then=then.format(root=fake.root))
