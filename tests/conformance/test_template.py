"""The template balancer passes the suite of balancers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from lighthouse.testing import BalancerConformance
from lighthouse.testing.conformance.plugin import Config

NODES = "{% for node in nodes %}\n{{ node.place }} {{ node.metadata | json }}\n{% endfor %}\n"


def config(directory: Path, *names: str, **settings: Any) -> Config:
    files = [{"path": str(directory / name), "template": name + "\n" + NODES} for name in names]
    return {"files": files, "min_interval": 0, **settings}


class TestTemplate(BalancerConformance):
    plugin = "template"
    section: ClassVar[Config] = {"port": 8000}
    real_tool = "true"

    def configs(self, directory: Path) -> Sequence[Config]:
        return [config(directory, "a", "b"), config(directory, "a", "b", vars={"x": 1})]

    def bad_configs(self, directory: Path) -> Mapping[str, Config]:
        return {
            "files": {"files": []},
            "template": {"files": [{"path": str(directory / "a"), "template": "{% if %}"}]},
            "reload": config(directory, "a", reload="systemctl reload x"),
            "tiemout": config(directory, "a", tiemout=1),
        }

    def with_tool(self, directory: Path, tool: Path) -> Config:
        return config(directory, "a", "b", reload=[str(tool)], timeout=1)
