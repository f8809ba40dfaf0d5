"""The ``dns`` balancer in the suite of balancers, with its real sockets."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from lighthouse.testing import BalancerConformance
from lighthouse.testing.conformance.plugin import Config
from tests.ports import free_port

_PORTS: dict[Path, int] = {}
"""One for each test, whose directory tells it from others."""


class TestDns(BalancerConformance):
    plugin = "dns"
    settle = 0.3
    section: ClassVar[Config] = {}
    bad_sections: ClassVar[Mapping[str, Config]] = {"name": {"name": "a.b"}, "nam": {"nam": "x"}}

    def configs(self, directory: Path) -> Sequence[Config]:
        if directory not in _PORTS:
            _PORTS[directory] = free_port()
        config: Config = {
            "zone": "lh.internal",
            "state_file": str(directory / "dns.json"),
            "listen": [f"127.0.0.1:{_PORTS[directory]}"],
        }
        return [config, {**config, "zone": "other.internal", "ttl": 0, "order": "fixed"}]

    def bad_configs(self, directory: Path) -> Mapping[str, Config]:
        good = self.configs(directory)[0]
        return {
            "zone": {**good, "zone": "a b"},
            "listen": {**good, "listen": ["0.0.0.0:53"]},
            "zon": {**good, "zon": "x"},
        }
