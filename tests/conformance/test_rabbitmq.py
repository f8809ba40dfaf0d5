"""The rabbitmq balancer passes the suite of balancers, with a program in rabbitmqctl's place."""

import os
import pwd
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from lighthouse.cluster import Cluster
from lighthouse.testing import BalancerConformance
from lighthouse.testing.conformance.balancer_subject import difference
from lighthouse.testing.conformance.plugin import Config
from lighthouse.testing.hosted import PluginHost
from lighthouse.testing.strace import places, require_strace, traced
from tests.software.fake_rabbitmqctl import FakeControl


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
        settings = {
            "peers_file": f"{directory}/peers.conf",
            "rabbitmqctl": str(self.fake.program),
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
        names = {path.name for path in host.directory.iterdir()}
        killed = 0
        for place in places(calls, self.kills):
            self.result(host, good, self.two())
            worker = self.serving(host)
            with traced(worker.worker.pid, "-e", place):
                worker.begin(good, self.three())
                worker.outcome()
            killed += worker.worker.ended
            assert self.settled(host) in (old, new), place
            self.serving(host).succeed(good, self.three())
            assert self.settled(host) == new, place
            left = {path.name for path in host.directory.iterdir()} - names
            assert not left, f"after {place} there is left: {left}"
        assert killed, "strace killed nothing"
