"""The suite of balancers against one that is right, and against many that are wrong."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from lighthouse.testing import BalancerConformance
from lighthouse.testing.conformance.plugin import Config
from tests.conformance import balancer_wrong, balancer_wrong_effects, balancer_wrong_subtly
from tests.conformance.balancer_plugins import RIGHT
from tests.conformance.conftest import PluginSite
from tests.conformance.wrong import Wrong, caught

WRONG = [*balancer_wrong.WRONG, *balancer_wrong_effects.WRONG, *balancer_wrong_subtly.WRONG]


class OwnBalancer(BalancerConformance):
    """What an author would write for the plugin ``own``."""

    plugin = "own"
    section: ClassVar[Config] = {"domain": "web.test"}
    bad_sections: ClassVar[Mapping[str, Config]] = {"domain": {"domain": 1}}
    patience = 3.0
    real_tool = "cat"

    def configs(self, directory: Path) -> Sequence[Config]:
        path = str(directory / "hosts")
        return [{"path": path}, {"path": path, "header": "other"}]

    def bad_configs(self, directory: Path) -> Mapping[str, Config]:
        path = str(directory / "hosts")
        return {"path": {"path": 5}, "pth": {"path": path, "pth": "x"}}

    def with_tool(self, directory: Path, tool: Path) -> Config:
        return {"path": str(directory / "hosts"), "check": [str(tool)]}


class TestRight(OwnBalancer):
    @pytest.fixture(autouse=True)
    def installed(self, site: PluginSite) -> None:
        site.add("balancer", "own", RIGHT)


@pytest.mark.slow
@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name.replace(" ", "-"))
def test_a_wrong_balancer_is_caught_for_what_is_wrong(wrong: Wrong, site: PluginSite) -> None:
    site.add("balancer", "own", wrong.of(RIGHT))
    caught(OwnBalancer, wrong)
