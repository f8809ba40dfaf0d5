"""HAProxy's own words about a configuration reach the line of the YAML that they are about."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lighthouse.balancer import Finding
from lighthouse.cluster import Cluster
from lighthouse.haproxy.balancer import HAProxy
from tests.backends import serving
from tests.ports import free_ports
from tests.software.haproxy_sites import ask
from tests.software.haproxy_world import World, cluster
from tests.waiting import eventually


def examined(world: World, *clusters: Cluster) -> tuple[Finding, ...]:
    """What the plugin finds without touching anything."""
    plugin = HAProxy()
    plugin.validate_config(world.config)
    plugin.apply_config(world.config)
    return tuple(plugin.examine(list(clusters)))


CLUSTER: list[tuple[dict[str, Any], tuple[str | int, ...], str]] = [
    ({"frontend": ["option httplog", "zork 5"]}, ("frontend", 1), "zork"),
    ({"backend": ["mode http", "balance zork"]}, ("backend", 1), "balance"),
    ({"backend": ["http-request zork"]}, ("backend", 0), "zork"),
    ({"server_options": "check zork"}, ("server_options",), "zork"),
    ({"server_options": ["check", "inter zork"]}, ("server_options",), "'z'"),
    ({"backend": ["default-server zork"]}, ("backend", 0), "zork"),
    ({"bind_options": "zork"}, ("bind_options",), "zork"),
    ({"bind_options": "ssl crt /no/such.pem"}, ("bind_options",), "/no/such.pem"),
    ({"bind": ["127.0.0.1:1 zork"]}, ("bind", 0), "zork"),
    ({"frontend": ["use_backend nowhere"]}, (), "nowhere"),
    (
        {"default_servers": [{"host": "127.0.0.1", "port": 1, "options": "zork"}]},
        ("default_servers", 0),
        "zork",
    ),
]


@pytest.mark.parametrize("nodes", [0, 1])
def test_faults_of_a_cluster_are_found_with_and_without_nodes(world: World, nodes: int) -> None:
    good, bad = free_ports(2)
    with serving(1) as (site,):
        web = cluster("web", good, [site.node()])
        for section, path, word in CLUSTER:
            faulty = cluster("bad", bad, [site.node()] * nodes, **section)
            found = [one for one in examined(world, faulty, web) if not one.warning]
            assert (found[0].cluster, found[0].path) == ("bad", path), section
            assert {one.cluster for one in found} == {"bad"}, section
            assert word in found[0].message


SETTINGS: list[tuple[dict[str, Any], tuple[str | int, ...]]] = [
    ({"global": ["maxconn 500", "zork 5"]}, ("global", 1)),
    ({"defaults": ["mode http", "timeout zork 5s"]}, ("defaults", 1)),
    ({"extra_sections": {"userlist a": ["user b zork c"]}}, ("extra_sections", "userlist a", 0)),
    ({"extra_sections": {"listen a :1": ["zork"]}}, ("extra_sections", "listen a :1", 0)),
    ({"stats": {"port": 1, "bind_options": "zork"}}, ("stats", "bind_options")),
    (
        {"stats": {"port": 1, "timeouts": {"client": "9999999999"}}},
        ("stats", "timeouts", "client"),
    ),
    (
        {"meta_clusters": {"a": {"port": 1, "frontend": ["zork"]}}},
        ("meta_clusters", "a", "frontend", 0),
    ),
    (
        {"meta_clusters": {"a": {"port": 1, "bind_options": "ssl crt /no.pem"}}},
        ("meta_clusters", "a", "bind_options"),
    ),
    ({"proxies": {"a": {"port": 1, "options": ["zork"]}}}, ("proxies", "a", "options", 0)),
    (
        {
            "proxies": {
                "a": {"port": 1, "upstreams": [{"host": "::1", "port": 2, "options": "zork"}]}
            }
        },
        ("proxies", "a", "upstreams", 0),
    ),
]


def test_faults_of_the_balancers_file_are_found(world: World) -> None:
    (port,) = free_ports(1)
    for extra, path in SETTINGS:
        world.extra = extra
        found = [one for one in examined(world, cluster("web", port, [])) if not one.warning]
        assert [(one.cluster, one.path) for one in found] == [(None, path)], extra


def test_several_faults_are_found_at_once(world: World) -> None:
    one, two, three = free_ports(3)
    found = examined(
        world,
        cluster("a", one, [], backend=["zork", "zonk"]),
        cluster("b", two, [], frontend=["zork"], server_options="zonk"),
        cluster("c", three, []),
    )
    assert {(f.cluster, f.path) for f in found} == {
        ("a", ("backend", 0)),
        ("a", ("backend", 1)),
        ("b", ("frontend", 0)),
        ("b", ("server_options",)),
    }


def test_what_haproxy_ignores_is_a_warning(world: World) -> None:
    (port,) = free_ports(1)
    late = ["use_backend web", "http-request set-header x y"]
    world.extra = {"global": ["nbthread 1"]}
    with serving(1) as (site,):
        web = cluster("web", port, [site.node()], frontend=late)
        (found,) = examined(world, web)
        assert (found.cluster, found.path, found.warning) == ("web", ("frontend", 1), True)
        outcome = world.sync(web)
        assert (outcome.kind, outcome.findings) == ("applied", (found,))
        assert ask(port) == site.name
        (shown,) = world.plugin.status()["warnings"]
        assert "http-request" in shown


def test_a_cluster_that_leads_nowhere_is_left_out_alone(world: World) -> None:
    """HAProxy tells no line for this, but the name of the proxy."""
    one, two = free_ports(2)
    with serving(1) as (site,):
        lost = cluster("lost", one, [site.node()], frontend=["use_backend nowhere"])
        outcome = world.sync(lost, cluster("web", two, [site.node()]))
        assert outcome.kind == "degraded"
        assert [finding.cluster for finding in outcome.findings] == ["lost"]
        assert ask(two) == site.name


def test_the_fault_of_the_only_cluster_is_told(world: World) -> None:
    (port,) = free_ports(1)
    outcome = world.sync(cluster("web", port, [], backend=["zork"]))
    assert outcome.kind == "degraded"
    assert [(f.cluster, f.path) for f in outcome.findings] == [("web", ("backend", 0))]
    assert world.master is None
    assert world.sync(cluster("web", port, [])).kind == "applied"
    assert ask(port).status == 503


def test_a_section_that_leads_to_a_refused_cluster_names_the_cause(world: World) -> None:
    one, two = free_ports(2)
    world.extra = {
        "extra_sections": {"frontend in": [f"bind 127.0.0.1:{one}", "use_backend web"]},
    }
    outcome = world.sync(cluster("web", two, [], backend=["zork"]))
    assert outcome.kind == "failed"
    assert ("web", ("backend", 0)) in [(f.cluster, f.path) for f in outcome.findings]


def test_bad_options_of_an_empty_cluster_are_refused_before_a_node_comes(world: World) -> None:
    (port,) = free_ports(1)
    with serving(2) as (spare, site):
        spares = [{"host": "127.0.0.1", "port": spare.port}]
        world.sync(cluster("web", port, [], default_servers=spares))
        section = {"default_servers": spares, "server_options": "check zork"}
        outcome = world.sync(cluster("web", port, [], **section))
        assert (outcome.kind, outcome.findings[0].path) == ("degraded", ("server_options",))
        assert ask(port) == spare.name
        world.sync(cluster("web", port, [site.node()], **section))
        assert ask(port) == site.name, "the last good version takes the node"


YAML = """\
discovery: file
haproxy:
  port: 8000
  backend:
    - mode http
    - balance zork
"""


def checked(root: Path) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-P", "-m", "lighthouse.commands", "check", "-c", str(root)]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)


def test_check_prints_the_place_of_a_fault(world: World, tmp_path: Path) -> None:
    for name in ("balancers", "clusters", "discovery"):
        (tmp_path / name).mkdir()
    (tmp_path / "lighthouse.yaml").write_text("run_dir: run\nstate_dir: state\n")
    (tmp_path / "discovery/file.yaml").write_text(f"path: {tmp_path}/nodes\n")
    (tmp_path / "clusters/web.yaml").write_text(YAML)
    lines = [f"{key}: {value}" for key, value in world.config.items() if isinstance(value, str)]
    lines += ["global:", "  - maxconn 500", "stats:", "  port: 9", "  bind_options: zork"]
    balancer = tmp_path / "balancers/haproxy.yaml"
    balancer.write_text("\n".join([*lines[:-1], ""]))
    result = checked(tmp_path)
    assert result.returncode == 1, result.stdout + result.stderr
    (line,) = result.stdout.splitlines()
    assert line.startswith("clusters/web.yaml:6:7: haproxy.backend.1: ")
    assert "balance only supports" in line
    balancer.write_text("\n".join([*lines, ""]))
    (tmp_path / "clusters/web.yaml").write_text(YAML.replace("zork", "leastconn"))
    result = checked(tmp_path)
    (line,) = result.stdout.splitlines()
    assert line.startswith(f"balancers/haproxy.yaml:{len(lines)}:3: stats.bind_options: ")
    balancer.write_text("\n".join([*lines[:-1], ""]))
    result = checked(tmp_path)
    assert (result.returncode, result.stdout) == (0, "4 files good\n")
    eventually(lambda: world.master is None, 2, "nothing was started")
