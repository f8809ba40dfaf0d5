"""What people come from: trees like those of the 2016 lighthouse and of SmartStack serve."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from lighthouse.cluster import Cluster
from lighthouse.haproxy.runtime import process
from lighthouse.node import Node, parse
from tests.backends import serving
from tests.ports import free_ports
from tests.software.haproxy_sites import ask, certificate
from tests.software.haproxy_world import World, cluster

OF_2016 = """\
config_file: "{root}/haproxy.cfg"
socket_file: "{root}/haproxy.sock"
pid_file: "{root}/haproxy.pid"
haproxy_bin: "{binary}"
meta_clusters:
  things_api:
    port: {shared}
    frontend:
      - "mode http"
proxies:
  supplier:
    port: {fixed}
    upstreams:
      - host: "localhost"
        port: {supplier}
        max_conn: 300
    options:
      - "mode http"
global:
  - "daemon"
  - "maxconn 4000"
  - "log /dev/log local0"
  - "log /dev/log local1 notice"
defaults:
  - "balance roundrobin"
  - "timeout connect 10s"
  - "timeout client 20s"
  - "timeout server 20s"
stats:
  port: {stats}
  uri: "/figures"
  timeouts:
    connect: 4000
    server: 30000
"""

CLUSTERS_OF_2016 = {
    "api_bolts": 'meta_cluster: "things_api"\nhaproxy:\n  acl: "path_beg /api/bolts"\n'
    '  backend:\n    - "mode http"\n',
    "api_gears": 'meta_cluster: "things_api"\nhaproxy:\n  acl: "path_beg /api/gears"\n'
    '  backend:\n    - "mode http"\n',
    "store": 'haproxy:\n  port: {store}\n  frontend:\n    - "option tcplog"\n'
    '    - "log global"\n  backend:\n    - "mode tcp"\n    - "balance source"\n',
    "site": 'haproxy:\n  port: {site}\n  backend:\n    - "mode http"\n',
}

GLOBAL = ["daemon", "user {user}", "group {group}", "maxconn 4096", "log     127.0.0.1 local0"]
GLOBAL += ["log     127.0.0.1 local1 notice", "stats   socket {socket} mode 666 level admin"]
DEFAULTS = ["log      global", "option   dontlognull", "maxconn  2000", "retries  3"]
DEFAULTS += ["timeout  connect 5s", "timeout  client  1m", "timeout  server  1m"]
DEFAULTS += ["option   redispatch", "balance  roundrobin"]


def of_2016(port: int, name: str) -> Node:
    """A record as the 2016 lighthouse wrote it."""
    peer = '{"name": "there", "ip": "127.0.0.1", "port": 1024}'
    return parse(
        {"host": name, "ip": "127.0.0.1", "port": port, "peer": peer, "metadata": '{"a": 1}'}
    )


def test_a_tree_of_2016_serves(world: World) -> None:
    shared, fixed, stats, store, site = free_ports(5)
    with serving(5) as places:
        names = dict(zip(CLUSTERS_OF_2016, places, strict=False))
        world.extra = yaml.safe_load(
            OF_2016.format(
                root=world.directory,
                binary=world.binary,
                shared=shared,
                fixed=fixed,
                stats=stats,
                supplier=places[4].port,
            )
        )
        clusters = []
        for name, text in CLUSTERS_OF_2016.items():
            content = yaml.safe_load(text.format(store=store, site=site))
            nodes = (of_2016(names[name].port, name),)
            meta = content.get("meta_cluster")
            clusters.append(Cluster(name, [*nodes], content["haproxy"], meta_cluster=meta))
        outcome = world.sync(*clusters)
        assert (outcome.kind, outcome.reason) == ("applied", "")
        assert process.check(world.binary, world.text).valid
        for port, path, who in [
            (shared, "/api/bolts/1", names["api_bolts"]),
            (shared, "/api/gears", names["api_gears"]),
            (store, "/", names["store"]),
            (site, "/", names["site"]),
            (fixed, "/", places[4]),
        ]:
            assert ask(port, path) == who.name
        assert ask(shared, "/api/nuts").status == 503
        assert "Statistics Report" in ask(stats, "/figures")
        assert world.figures("supplier")[0]["slim"] == "300"
        world.sync(*(Cluster(c.name, [], c.config, meta_cluster=c.meta_cluster) for c in clusters))
        assert ask(site).status == 503
        assert world.sync(*clusters).kind == "applied"
        assert ask(store) == names["store"].name
        assert world.plugin.status()["reloads"] == 0


def test_a_tree_of_2016_passes_check(world: World, tmp_path: Path) -> None:
    shared, fixed, stats, store, site = free_ports(5)
    values = {"shared": shared, "fixed": fixed, "stats": stats, "store": store, "site": site}
    for name in ("balancers", "clusters", "discovery"):
        (tmp_path / name).mkdir()
    text = OF_2016.format(root=world.directory, binary=world.binary, supplier=88, **values)
    (tmp_path / "balancers/haproxy.yaml").write_text(text)
    (tmp_path / "lighthouse.yaml").write_text("run_dir: run\nstate_dir: state\n")
    (tmp_path / "discovery/file.yaml").write_text(f"path: {tmp_path}/nodes\n")
    for name, content in CLUSTERS_OF_2016.items():
        body = content.format(**values)
        (tmp_path / f"clusters/{name}.yaml").write_text(f'discovery: "file"\n{body}')
    line = [sys.executable, "-P", "-m", "lighthouse.commands", "check", "-c", str(tmp_path)]
    result = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stdout) == (0, "7 files good\n"), result.stderr


def smartstack(world: World, admin: int, **more: list[str]) -> dict[str, Any]:
    """The balancer's file for what synapse calls ``haproxy``."""
    words = {"user": "root", "group": "root", "socket": world.config["socket_file"]}
    listing = ["mode http", "stats enable", "stats uri /", "stats refresh 5s"]
    return {
        "global": [line.format(**words) for line in GLOBAL],
        "defaults": DEFAULTS,
        "extra_sections": {f"listen stats :{admin}": listing, **more},
    }


def test_services_of_synapse_serve(world: World) -> None:
    admin, one, two = free_ports(3)
    pem = certificate(world.directory)
    world.extra = smartstack(world, admin)
    bind = f"ssl no-sslv3 crt {pem} ciphers ECDHE-ECDSA-CHACHA20-POLY1305"
    checked = "check inter 2s rise 3 fall 2"
    with serving(4) as (first, second, spare, other):
        spares = [
            [{"name": "default1", "host": "localhost", "port": site.port}]
            for site in (spare, other)
        ]

        def clusters(*nodes: Node) -> list[Cluster]:
            http = ["mode http", "option httpchk /health"]
            service1 = cluster(
                "service1",
                one,
                nodes[:1],
                server_options=checked,
                bind_options=bind,
                default_servers=spares[0],
                backend=[*http, "http-check expect string OK"],
            )
            rest = {"server_options": checked, "default_servers": spares[1], "backend": http}
            return [service1, cluster("service2", two, nodes[1:], **rest)]

        outcome = world.sync(*clusters())
        assert (outcome.kind, outcome.reason) == ("applied", "")
        assert (ask(one, trust=pem), ask(two)) == (spare.name, other.name)
        assert "Statistics Report" in ask(admin)
        outcome = world.sync(*clusters(first.node(), second.node()))
        assert (outcome.kind, outcome.reason) == ("applied", "")
        assert (ask(one, trust=pem), ask(two)) == (first.name, second.name)
        assert world.text.count("stats socket") + world.text.count("stats   socket") == 1
        assert process.check(world.binary, world.text).valid
        assert world.plugin.status()["reloads"] == 0


def test_a_frontend_of_ones_own_leads_to_services_by_host(world: World) -> None:
    """Synapse's ``hostheader_test``: services without a port, and a section that finds them."""
    admin, port = free_ports(2)
    lines = [f"bind 127.0.0.1:{port}", "mode http"]
    for name in ("service1", "cache"):
        lines.append(f"acl is_{name} hdr_dom(host) -i {name}.lb")
        lines.append(f"use_backend {name} if is_{name}")
    world.extra = smartstack(world, admin, **{"frontend http-generic-in": lines})
    backend = ["mode http", "option httpchk GET /health HTTP/1.0"]
    with serving(2) as (first, second):

        def clusters(*nodes: Node) -> list[Cluster]:
            return [
                cluster("cache", None, nodes[1:], backend=["mode http"]),
                cluster("service1", None, nodes[:1], backend=backend, server_options="check"),
            ]

        world.sync(*clusters())
        assert ask(port, host="service1.lb").status == 503
        assert world.sync(*clusters(first.node(), second.node())).kind == "applied"
        assert ask(port, host="service1.lb") == first.name
        assert ask(port, host="www.cache.lb:80") == second.name
        assert ask(port, host="else").status == 503
        assert world.plugin.status()["reloads"] == 0
