"""Whoever keeps nginx's upstreams is killed at any moment, under load: no request fails."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from tests.backends import serving
from tests.fleet import get
from tests.software.nginx_world import WHEEL, nginx_world, web

_LOOP = """
import json, sys
from lighthouse.cluster import Cluster
from lighthouse.nginx.balancer import Nginx
from lighthouse.node import parse

settings, *records = json.load(sys.stdin)
nginx = Nginx()
nginx.apply_config(settings)
print("begun", flush=True)
while True:
    for record in records:
        nginx.sync_file([Cluster("web", [parse(record)], {})])
"""
KILLS = 8


@pytest.mark.needs("wrk")
@pytest.mark.slow
def test_a_kill_at_any_moment_fails_no_request(tmp_path: Path) -> None:
    with serving(2) as servers, nginx_world(tmp_path, WHEEL) as world:
        nodes = [server.node() for server in servers]
        balancer = world.balancer()
        balancer.sync_file([web(*nodes)])
        world.start()
        assert balancer.sync_file([web(*nodes)]).kind == "applied"
        told = msgspec.json.encode([world.settings, *nodes])
        url = f"http://127.0.0.1:{world.port}/"
        words = ["wrk", "-t1", "-c8", "-d60s", "-H", "Connection: close", url]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as load:
            for _ in range(KILLS):
                _killed_within(told)
            load.send_signal(signal.SIGINT)
            said, _ = load.communicate(timeout=20)
        assert "requests in" in said
        assert "Socket errors" not in said, said
        assert "Non-2xx" not in said, said
        successor = world.balancer()
        assert successor.sync_file([web(nodes[0])]).kind in ("applied", "unchanged")
        assert get(world.port) == (200, servers[0].name)
        left = [path.name for path in world.file.parent.iterdir() if path.name != world.file.name]
        assert left in ([], [".lighthouse-web.conf.1"])


def _killed_within(told: bytes) -> None:
    """Start one that changes what is served without a pause, and kill it at some moment."""
    command = [sys.executable, "-c", _LOOP]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(told)
        process.stdin.close()
        assert process.stdout.readline() == b"begun\n"
        time.sleep(random.uniform(0, 0.3))
        os.kill(process.pid, signal.SIGKILL)
