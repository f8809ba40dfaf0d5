"""The ``envoy`` balancer in the suite of balancers, with real Envoys."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from lighthouse.envoy.schema.settings import parse_settings
from lighthouse.testing import BalancerConformance
from lighthouse.testing.conformance.balancer_subject import Content
from lighthouse.testing.conformance.plugin import Config
from lighthouse.testing.hosted import PluginHost
from tests.ports import free_ports
from tests.software.envoy_world import put_down

PORTS = dict(zip(("web", "other"), free_ports(2), strict=True))


@pytest.mark.slow
@pytest.mark.needs("envoy")
class TestEnvoy(BalancerConformance):
    plugin = "envoy"
    bad_sections: ClassVar[Mapping[str, Config]] = {"port": {"port": 0}, "prot": {"prot": 1}}

    def section_for(self, name: str) -> Config:
        return {"port": PORTS[name]}

    def configs(self, directory: Path) -> Sequence[Config]:
        config: Config = {"directory": str(directory / "envoy"), "drain_time": 1}
        return [config, {**config, "zones": {"key": "rack"}, "on_empty": "keep"}]

    def bad_configs(self, directory: Path) -> Mapping[str, Config]:
        good = self.configs(directory)[0]
        return {"directory": {"directory": "x"}, "zone": {**good, "zone": 1}}

    def kept(self, directory: Path) -> Content:
        found = super().kept(directory)
        return {name: content for name, content in found.items() if name.endswith(".json")}

    def stop(self, host: PluginHost) -> None:
        put_down(parse_settings(self.configs(host.directory)[0]))
