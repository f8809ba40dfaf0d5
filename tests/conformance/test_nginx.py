"""The nginx balancer passes the suite of balancers, with the nginx of the wheel."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from lighthouse.testing import BalancerConformance
from lighthouse.testing.conformance.plugin import Config
from tests.software.nginx_world import WHEEL, nginx_world

MAIN = """
worker_processes 1;
pid {world}/nginx.pid;
error_log {world}/error.log;
worker_shutdown_timeout 10s;
events {{}}
http {{
    access_log off;
    client_body_temp_path {world}/tmp; proxy_temp_path {world}/tmp;
    include {own}/*.conf;
}}
"""


class TestNginx(BalancerConformance):
    plugin = "nginx"
    patience = 60.0
    section: ClassVar[Config] = {"balance": "least_conn"}
    bad_sections: ClassVar[Mapping[str, Config]] = {
        "balance": {"balance": "a; b"},
        "context": {"context": "tcp"},
    }
    real_tool = WHEEL

    @pytest.fixture(autouse=True)
    def nginx(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        with nginx_world(tmp_path_factory.mktemp("nginx"), WHEEL) as self.world:
            self.started = False
            yield

    def configs(self, directory: Path) -> Sequence[Config]:
        if not self.started:
            self.started = True
            self.world.main.write_text(MAIN.format(world=self.world.directory, own=directory))
            self.world.start()
        settings = {
            **self.world.settings,
            "http_file": f"{directory}/lighthouse-{{cluster}}.conf",
            "timeout": 5,
        }
        return [settings, {**settings, "node_options": ["backup"]}]

    def bad_configs(self, directory: Path) -> Mapping[str, Config]:
        return {
            "http_file": {"http_file": "relative"},
            "htp_file": {"htp_file": "/x"},
            "node_options": {"node_options": ["x"]},
        }

    def with_tool(self, directory: Path, tool: Path) -> Config:
        return {**self.configs(directory)[0], "nginx_bin": str(tool)}
