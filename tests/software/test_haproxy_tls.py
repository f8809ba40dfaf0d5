"""TLS of a real HAProxy: towards clients, and towards nodes whoever they are and whenever they
come."""

import ssl

import pytest

from lighthouse.cluster import Cluster
from tests.backends import Backend, serving
from tests.ports import free_ports
from tests.software.haproxy_sites import ask, certificate, until_applied
from tests.software.haproxy_world import World, cluster, get
from tests.waiting import eventually


def test_bind_options_give_tls_to_cluster_meta_cluster_stats_and_proxy(world: World) -> None:
    pem = certificate(world.directory)
    port, shared, stats, fixed, metrics = free_ports(5)
    tls = f"ssl crt {pem} alpn http/1.1"
    with serving(1) as (site,):
        world.extra = {
            "meta_clusters": {"api": {"port": shared, "bind_options": tls}},
            "stats": {"port": stats, "uri": "/figures", "bind_options": tls},
            "prometheus": {"port": metrics, "bind_options": tls},
            "proxies": {
                "fixed": {
                    "port": fixed,
                    "bind_options": tls,
                    "upstreams": [{"host": "127.0.0.1", "port": site.port}],
                }
            },
        }
        web = cluster("web", port, [site.node()], bind_options=tls)
        part = cluster("part", None, [site.node()], paths=["/part"])
        member = type(part)(part.name, part.nodes, part.config, meta_cluster="api")
        assert world.sync(member, web).kind == "applied"
        assert ask(port, trust=pem) == ask(fixed, trust=pem) == site.name
        assert ask(shared, "/part", trust=pem) == site.name
        assert "Statistics Report" in ask(stats, "/figures", trust=pem)
        assert "haproxy_process_" in ask(metrics, "/metrics", trust=pem)
        with pytest.raises((OSError, ssl.SSLError)):
            get(port)


def test_a_node_that_comes_to_an_empty_backend_is_spoken_to_in_tls_only(world: World) -> None:
    """Trap 1: what is added at run time inherits nothing; and its authority must be loaded."""
    pem = certificate(world.directory)
    (port,) = free_ports(1)
    options = f"ssl verify required ca-file {pem} verifyhost localhost"
    with serving(2, pem) as (one, two):
        assert world.sync(cluster("web", port, [], server_options=options)).kind == "applied"
        worker = world.worker
        for nodes in ([one.node()], [one.node(), two.node()]):
            outcome = world.sync(cluster("web", port, nodes, server_options=options))
            assert (outcome.kind, outcome.reason) == ("applied", "")
        assert {str(ask(port)) for _ in range(8)} == {one.name, two.name}
        assert (one.plain, two.plain) == (0, 0)
        assert world.worker == worker
        assert world.plugin.status()["reloads"] == 0


def test_a_node_with_another_certificate_gets_nothing(world: World) -> None:
    pem, other = certificate(world.directory), certificate(world.directory, "other")
    (port,) = free_ports(1)
    options = f"ssl verify required ca-file {pem}"
    with Backend(certificate=pem) as good, Backend(certificate=other) as bad:
        world.sync(cluster("web", port, [good.node()], server_options=options))
        world.sync(cluster("web", port, [bad.node()], server_options=options))
        assert ask(port).status == 503
        assert (bad.asked, bad.plain) == ([], 0)
        world.sync(cluster("web", port, [good.node()], server_options=options))
        assert ask(port) == good.name
        assert world.plugin.status()["reloads"] == 0


def test_default_server_lines_of_others_keep_their_own_tls(world: World) -> None:
    """The options of members are not those of fixed servers, or of the operator's own."""
    pem = certificate(world.directory)
    (port,) = free_ports(1)
    with serving(2) as (own, spare), Backend(certificate=pem) as member:
        backend = [f"server own 127.0.0.1:{own.port} weight 1"]
        section = {
            "backend": backend,
            "default_servers": [{"host": "127.0.0.1", "port": spare.port}],
            "server_options": f"ssl verify required ca-file {pem}",
        }
        world.sync(cluster("web", port, [], **section))
        assert ask(port) == own.name
        world.sync(cluster("web", port, [member.node()], **section))
        assert {str(ask(port)) for _ in range(6)} == {own.name, member.name}


def test_a_certificate_that_is_replaced_is_loaded_with_the_next_reload(world: World) -> None:
    pem = certificate(world.directory)
    port, other = free_ports(2)
    with serving(1) as (site,):
        web = cluster("web", port, [site.node()], bind_options=f"ssl crt {pem}")
        world.sync(web)
        old = world.directory / "old.pem"
        old.write_bytes(pem.read_bytes())
        certificate(world.directory)
        assert ask(port, trust=old) == site.name
        until_applied(world, world.sync(web, cluster("x", other, [site.node()])))
        assert eventually(lambda: ask(port, trust=pem)) == site.name


def test_servers_over_h2_sit_on_slots(world: World) -> None:
    """HAProxy itself is the node that speaks h2; a slot takes it without a reload."""
    front, middle = free_ports(2)
    with serving(2) as (one, two):

        def clusters(site: Backend, *seated: int) -> list[Cluster]:
            inner = cluster("inner", middle, [site.node()], bind_options="proto h2")
            nodes = [type(site.node())("h", "127.0.0.1", port) for port in seated]
            return [inner, cluster("outer", front, nodes, server_options="proto h2", slots=2)]

        world.sync(*clusters(one))
        worker = world.worker
        assert ask(front).status == 503
        assert world.sync(*clusters(one, middle)).kind == "applied"
        assert ask(front) == one.name
        assert world.sync(*clusters(two, middle)).kind == "applied"
        assert ask(front) == two.name
        assert world.worker == worker
        assert "proto h2" in world.text
