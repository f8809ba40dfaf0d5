"""The postgresql balancer passes the suite of balancers, with a real standby."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from lighthouse.cluster import Cluster
from lighthouse.node import Node
from lighthouse.testing import BalancerConformance, node
from lighthouse.testing.conformance.balancer_subject import BalancerWorker
from lighthouse.testing.conformance.plugin import Config
from lighthouse.testing.hosted import PluginHost
from tests.software.postgresql_world import PostgreSQL, lonely_standby

pytestmark = pytest.mark.needs("postgresql")


@pytest.fixture(scope="module")
def standby() -> Iterator[PostgreSQL]:
    with lonely_standby() as found:
        yield found


class TestPostgresql(BalancerConformance):
    """The members are on loopback, where nobody listens: the standby calls no others."""

    plugin = "postgresql"
    section: ClassVar[Config] = {}
    bad_sections: ClassVar[Mapping[str, Config]] = {"slots": {"slots": True}}
    names_nodes = False  # only the primary stands in the file

    @pytest.fixture(autouse=True)
    def includes(self, standby: PostgreSQL, host: PluginHost) -> None:
        """The server includes the file in the directory of this test."""
        self.server = standby
        for directory in (host.directory.parent, host.directory):
            os.chmod(directory, 0o755)
        standby.set(f"include_if_exists = '{host.directory}/90-lighthouse.conf'")
        standby.reload()

    def configs(self, directory: Path) -> Sequence[Config]:
        settings = {
            "include_file": f"{directory}/90-lighthouse.conf",
            "conninfo": f"host=127.0.0.1 port={self.server.port} user=postgres dbname=postgres",
            "min_interval": 0,
        }
        return [settings, {**settings, "node_name": "other"}]

    def bad_configs(self, directory: Path) -> Mapping[str, Config]:
        good = self.configs(directory)[0]
        return {
            "include_file": {"include_file": "relative.conf"},
            "conninfo": {**good, "conninfo": "host=db.example.com"},
            "replication.extra.password": {**good, "replication": {"extra": {"password": "x"}}},
            "tiemout": {**good, "tiemout": 1},
        }

    def section_for(self, name: str) -> Config | None:
        """One server belongs to one cluster."""
        return self.section if name == "web" else None

    def web(self, *places: Any, name: str = "web", **options: Any) -> Cluster:
        """The first that is named is the primary, and all are addresses of loopback."""
        found = super().web(*places, name=name, **options)
        first = places[0] if places else None
        place = first if isinstance(first, str | None) else first.place
        return msgspec.structs.replace(found, nodes=[_member(one, place) for one in found.nodes])

    def two(self) -> Cluster:
        return self.web("10.0.0.1:8001", "10.0.0.2:8002")

    def _followed(self, worker: BalancerWorker, config: Config, *clusters: Cluster) -> None:
        """Of a cluster without members, the standby goes on with the primary that it has."""
        if clusters and not clusters[0].nodes:
            assert worker.said(config, *clusters).kind == "degraded"
        else:
            super()._followed(worker, config, *clusters)

    def _follows(self, host: PluginHost, worker: BalancerWorker, wanted: Cluster) -> None:
        self._followed(worker, self.good(host), wanted)

    def test_stale_nodes_are_served(self, host: PluginHost) -> None:
        """A standby is not moved by what was true once; it goes on with the primary it has."""
        worker = self.serving(host)
        worker.succeed(self.good(host), self.two())
        before = self.settled(host)
        said = worker.said(self.good(host), self.web("10.0.0.2:8002", stale=True))
        assert (said.kind, self.settled(host)) == ("degraded", before)


def _member(found: Node, primary: str | None) -> Node:
    role = "primary" if found.place == primary else "replica"
    ip = "::1" if ":" in found.ip else "127" + found.ip.removeprefix("10")
    return node(
        f"[{ip}]:{found.port}" if ":" in ip else f"{ip}:{found.port}",
        host=found.host,
        weight=found.weight,
        **{**found.metadata, "role": role},
    )
