"""What ``haproxy -c`` passes and a start refuses is found before anything live is touched."""

import json
import os
import resource
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from lighthouse.haproxy.balancer import HAProxy
from lighthouse.haproxy.runtime.dry_start import dry_start
from lighthouse.haproxy.schema.balancer import parse_settings
from tests.backends import Backend, Backends
from tests.ports import free_ports
from tests.software.haproxy_sites import Agent
from tests.software.haproxy_traffic import drive
from tests.software.haproxy_world import BINARIES, EACH_BINARY, Load, World, cluster, get, served
from tests.waiting import eventually

_TOO_MANY = int(Path("/proc/sys/fs/nr_open").read_text())
_NOBODY = 65534

GLOBAL = [
    ("chroot /no/such", "Cannot chroot(/no/such)"),
    (f"maxconn {_TOO_MANY}", "lower 'maxconn' or raise the limit of open files"),
    ("stats socket /no/such/admin.sock mode 600", "there is no directory /no/such"),
]


@pytest.fixture
def world(world: World) -> World:
    """One whose reloads need not be waited for."""
    world.extra = {"reload_interval": 0.1}
    return world


def _examined(world: World) -> list[tuple[str | None, tuple[str | int, ...]]]:
    plugin = HAProxy()
    plugin.apply_config(world.config)
    return [(f.cluster, f.path) for f in plugin.examine(world.clusters) if not f.warning]


@pytest.mark.parametrize(("line", "words"), GLOBAL, ids=lambda text: text.split()[0])
def test_a_start_that_would_fail_costs_no_request(
    world: World, http: Backends, line: str, words: str
) -> None:
    port, other = free_ports(2)
    web = cluster("web", port, http.nodes)
    world.sync(web)
    text, worker = world.text, world.worker
    load = Load(port)
    world.extra["global"] = ["nbthread 2", line]
    outcome = world.sync(web, cluster("new", other, http.nodes))
    load.close()
    assert load.failures == []
    assert outcome.kind == "failed"
    assert words in outcome.reason
    assert [(f.cluster, f.path) for f in outcome.findings] == [(None, ("global", 1))]
    assert (world.text, world.worker) == (text, worker)
    assert _examined(world) == [(None, ("global", 1))]
    plugin = HAProxy()
    plugin.apply_config(world.config)
    assert [f.path for f in plugin.preview(world.clusters).findings] == [("global", 1)]
    world.sync(cluster("web", port, http.nodes[:1]))
    assert served(port) == {str(http.nodes[0].port)}, "members go on"
    world.extra["global"] = ["maxconn 500"]
    world.sync(web, cluster("new", other, http.nodes))
    drive(world, lambda: get(other)[0] == 200)


def test_a_cluster_that_asks_for_too_much_costs_only_itself(world: World, http: Backends) -> None:
    """Each slot that is checked takes a descriptor for itself, ready or not."""
    one, two = free_ports(2)
    web = cluster("web", one, http.nodes)
    world.sync(web)
    assert world.master is not None
    resource.prlimit(world.master, resource.RLIMIT_NOFILE, (500, 500))
    bad = cluster("bad", two, http.nodes, slots=600, server_options="check")
    outcome = world.sync(web, bad)
    assert outcome.kind == "degraded"
    assert {f.cluster for f in outcome.findings} == {"bad"}
    assert "FD limit" in outcome.reason
    assert served(one) == {str(n.port) for n in http.nodes}


def test_the_limit_is_that_of_the_haproxy_that_runs(world: World, http: Backends) -> None:
    """It was started with less than we have ourselves, which a reload changes nothing about."""
    (port,) = free_ports(1)
    web = cluster("web", port, http.nodes)
    world.sync(web)
    assert world.master is not None
    resource.prlimit(world.master, resource.RLIMIT_NOFILE, (700, 700))
    world.extra["global"] = ["maxconn 500"]
    outcome = world.sync(web)
    assert outcome.kind == "failed"
    assert "limit is 700" in outcome.reason
    assert [f.path for f in outcome.findings] == [("global", 0)]


def test_nobody_notices_a_dry_start(tmp_path: Path, http: Backends) -> None:
    """No server is checked, no agent asked, nothing logged, no address or socket touched."""
    for binary in filter(os.path.exists, BINARIES.values()):
        (port,) = free_ports(1)
        with Backend() as site, Agent() as agent:
            text = f"""global
    stats socket {tmp_path}/own.sock mode 600 level admin
    stats socket {tmp_path}/second.sock mode 600
    log {tmp_path}/log.sock local0
    master-worker
    daemon
    pidfile {tmp_path}/x.pid
defaults
    mode http
    log global
    timeout connect 1s
    timeout client 9s
    timeout server 9s
peers mine
    peer {os.uname().nodename} 127.0.0.1:{port}
frontend web
    bind 127.0.0.1:{port},[::1]:{port} tfo
    bind {tmp_path}/bound.sock
    bind abns@lighthouse-test-{port}
    default_backend web
backend web
    option httpchk GET /health
    server a 127.0.0.1:{site.port} check inter 10 agent-check agent-port {agent.port}
    server-template t 3 127.0.0.1:{site.port} check inter 10
"""
            settings = parse_settings(
                {
                    "config_file": f"{tmp_path}/h.cfg",
                    "socket_file": f"{tmp_path}/own.sock",
                    "pid_file": f"{tmp_path}/h.pid",
                }
            )
            verdict = dry_start(binary, settings, text)
            assert verdict.valid, verdict.alerts
            assert (site.asked, agent.asked) == ([], 0)
        assert list(tmp_path.iterdir()) == []
        eventually(lambda: not _children(), 5)


def _children() -> list[bytes]:
    """What runs on our stand-ins, in our session; others may try out theirs meanwhile."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if os.getsid(int(entry.name)) != os.getsid(0):
                    continue
                parent = (entry / "status").read_text().split("PPid:\t")[1].split("\n")[0]
            except OSError:
                continue
            if b"-db" in words and int(parent) in (1, os.getpid()):
                found.append(words[0])
    return found


def _as_nobody(work: Callable[[], tuple[str, ...]]) -> list[str]:
    """What a function returns in a process of nobody's."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setgroups([])
            os.setgid(_NOBODY)
            os.setuid(_NOBODY)
            os.write(writing, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        found: list[str] = json.load(answer)
    os.waitpid(child, 0)
    return found


@pytest.mark.needs("root")
@pytest.mark.parametrize("binary", EACH_BINARY)
def test_an_ordinary_users_start_is_tried_as_that_user(binary: str) -> None:
    """``offline``, as ``check`` asks, what takes root is left to root."""
    with tempfile.TemporaryDirectory(prefix="lighthouse-") as directory:
        home = Path(directory)
        os.chown(home, _NOBODY, _NOBODY)
        program = Path(BINARIES[binary])
        if binary == "wheel":
            # where anybody may read it, with the libraries beside it
            shutil.copytree(program.parent.parent, home / "wheel")
            program = home / "wheel" / "bin" / program.name
        settings = parse_settings(
            {"config_file": f"{home}/h.cfg", "socket_file": f"{home}/s", "pid_file": f"{home}/p"}
        )

        def alerts(line: str, bind: str = ":8080", offline: bool = False) -> list[str]:
            text = (
                f"global\n    stats socket {home}/s mode 600 level admin\n    {line}\n"
                "defaults\n    mode http\n    timeout connect 1s\n    timeout client 9s\n"
                f"    timeout server 9s\nfrontend web\n    bind {bind}\n"
            )
            return _as_nobody(lambda: dry_start(str(program), settings, text, offline).alerts)

        assert alerts("maxconn 100") == []
        assert any("Cannot chroot" in alert for alert in alerts("chroot /tmp"))
        assert alerts("chroot /tmp", offline=True) == []
        assert any("FD limit" in alert for alert in alerts(f"maxconn {_TOO_MANY}", offline=True))
        unprivileged = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
        refused = alerts("maxconn 100", bind="127.0.0.1:81")
        assert bool(refused) is (unprivileged > 81), refused
        if refused:
            assert "Permission denied" in refused[0]
            assert "1023" not in refused[0]
