"""The pgbouncer balancer passes the suite of balancers, with a real PgBouncer."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from msgspec.structs import replace

from lighthouse.cluster import Cluster
from lighthouse.pgbouncer.include import GENERATION
from lighthouse.testing import BalancerConformance
from lighthouse.testing.conformance.plugin import Config
from lighthouse.testing.hosted import PluginHost
from tests.software.pgbouncer_world import pgbouncer_world


class TestPgBouncer(BalancerConformance):
    plugin = "pgbouncer"
    bad_sections: ClassVar[Mapping[str, Config]] = {
        "databases.a.rol": {"databases": {"a": {"rol": "primary"}}},
        "databases.a.options.password": {"databases": {"a": {"options": {"password": "x"}}}},
        "databases.a.options.pool_size": {"databases": {"a": {"options": {"pool_size": "many"}}}},
        f"databases.{GENERATION}": {"databases": {GENERATION: {}}},
        "databases.a b": {"databases": {"a b": {}}},
    }

    @pytest.fixture(autouse=True)
    def pgbouncer(self) -> Iterator[None]:
        with pgbouncer_world() as self.world:
            yield

    def section_for(self, name: str) -> Config:
        return {"databases": {name: {"role": "replica"}}}

    def web(self, *places: Any, **options: Any) -> Cluster:
        """Replicas, and all of them on one port, since a database has only one."""
        made = super().web(*places, **options)
        nodes = [
            replace(one, port=5432, metadata={**one.metadata, "role": "replica"})
            for one in made.nodes
        ]
        return replace(made, nodes=nodes)

    def configs(self, directory: Path) -> Sequence[Config]:
        for place in (directory, directory.parent):
            place.chmod(0o755)  # PgBouncer reads there, as a user of its own
        self.world.file = directory / "databases.ini"
        if not self.world.file.exists():
            self.world.file.touch()
        self.world.configure()
        settings = {**self.world.settings, "timeout": 5}
        return [settings, {**settings, "hold": {"enabled": True}}]

    def bad_configs(self, directory: Path) -> Mapping[str, Config]:
        return {
            "include_file": {"include_file": "relative"},
            "admin": {"admin": "host=db1.example password=secret"},
            "hold.max": {"hold": {"max": 0}},
            "holt": {"holt": {}},
        }

    def test_any_order_of_snapshots_ends_in_the_same_bytes(self, host: PluginHost) -> None:
        """All but the empty one: a database without nodes stays where it is, and that is told."""
        first, second = self.configs(host.directory)
        wanted = self.result(host, first, self.two())
        self.clear(host)
        self.configs(host.directory)
        worker = self.serving(host)
        worker.succeed(first, self.three(), self.web("10.0.0.9:8009", name="other"))
        assert worker.said(first, self.web()).kind == "degraded"
        worker.succeed(second, self.three())
        assert worker.said(first).kind == "held"
        worker.succeed(first, self.two())
        assert self.settled(host) == wanted

    def test_none_one_and_ten_thousand_nodes(self, host: PluginHost) -> None:
        """None is degraded: the nodes that served last stay."""
        worker, good = self.serving(host), self.good(host)
        many = self.web(*(f"10.{n >> 8}.{n & 255}.7:80" for n in range(1, 10_001)))
        for wanted in (self.web("10.0.0.1:80"), many, self.web("10.0.0.1:80")):
            worker.succeed(good, wanted)
            assert not self.missing(host, wanted)
        assert worker.said(good, self.web()).kind == "degraded"
        assert not self.missing(host, self.web("10.0.0.1:80"))
