"""The suite of discoveries against one that is right, and against many that are wrong."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from lighthouse.node import Node
from lighthouse.testing import DiscoveryConformance
from lighthouse.testing.conformance.plugin import Config
from tests.conformance.conftest import PluginSite
from tests.conformance.discovery_plugins import RIGHT, WRONG
from tests.conformance.wrong import Wrong, caught


class OwnDiscovery(DiscoveryConformance):
    """What an author would write for the plugin ``own``."""

    plugin = "own"
    outage = 0.3
    patience = 2.0

    def config(self, directory: Path) -> Config:
        return {"path": str(directory / "nodes")}

    def bad_configs(self, directory: Path) -> Mapping[str, Config]:
        return {"path": {"path": 5}}

    def put(self, directory: Path, cluster: str, *nodes: Node) -> None:
        where = directory / "nodes" / cluster
        where.mkdir(parents=True, exist_ok=True)
        for file in where.glob("hand-*"):
            file.unlink()
        for node in nodes:
            record = {"ip": node.ip, "port": node.port}
            beside = directory / "nodes" / ".hand"
            beside.write_text(json.dumps(record))
            beside.rename(where / f"hand-{node.place}")

    def spoil(self, directory: Path, cluster: str) -> None:
        (directory / "nodes" / cluster / "bad").write_text('{"ip": 5}')

    def interrupt(self, directory: Path) -> None:
        (directory / "nodes").rename(directory / "away")

    def resume(self, directory: Path) -> None:
        (directory / "away").rename(directory / "nodes")

    def standing(self, directory: Path, cluster: str) -> Collection[str]:
        names = [file.name for file in (directory / "nodes" / cluster).iterdir()]
        return [name.removeprefix("hand-").removesuffix(".own") for name in names]

    def forget(self, directory: Path) -> None:
        for file in (directory / "nodes" / "web").glob("*.own"):
            file.unlink()
        (directory / "nodes" / ".emptied").touch()


class TestRight(OwnDiscovery):
    @pytest.fixture(autouse=True)
    def installed(self, site: PluginSite) -> None:
        site.add("discovery", "own", RIGHT)


@pytest.mark.slow
@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name.replace(" ", "-"))
def test_a_wrong_discovery_is_caught_for_what_is_wrong(wrong: Wrong, site: PluginSite) -> None:
    site.add("discovery", "own", wrong.of(RIGHT))
    caught(OwnDiscovery, wrong)
