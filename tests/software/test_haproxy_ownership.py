"""A section belongs to whoever wrote it: a name alone gives nobody the right to act upon it."""

from typing import Any

import pytest

from lighthouse.haproxy.balancer import HAProxy
from tests.backends import Backends
from tests.ports import free_ports
from tests.software.haproxy_sites import compare, readopted
from tests.software.haproxy_traffic import admin_states, drive
from tests.software.haproxy_world import World, cluster, get, served

_FORCED = 1


@pytest.fixture
def world(world: World) -> World:
    """One whose reloads need not be waited for."""
    world.extra = {"reload_interval": 0.1}
    return world


def _sections(port: int, upstream: int) -> dict[str, dict[str, Any]]:
    """Ways for an operator to have a section ``web`` of their own, with one server."""
    server = {"name": "up", "host": "127.0.0.1", "port": upstream}
    lines = ["mode http", f"server up 127.0.0.1:{upstream}"]
    return {
        "proxy": {"proxies": {"web": {"port": port, "upstreams": [server]}}},
        "section": {"extra_sections": {f"listen web 127.0.0.1:{port}": lines}},
    }


@pytest.mark.parametrize("way", ["proxy", "section"])
def test_a_refused_cluster_touches_no_section_of_its_name(
    world: World, http: Backends, way: str
) -> None:
    """Neither at once, nor at a comparison, nor after the worker was killed."""
    own, port, x = free_ports(3)
    mine, theirs = http.nodes[:1], http.nodes[1:2]
    world.extra |= _sections(own, mine[0].port)[way]
    world.sync(cluster("x", x, theirs))
    outcome = world.sync(cluster("web", port, theirs), cluster("x", x, theirs))
    assert outcome.kind == "degraded"
    assert "same name" in outcome.reason
    assert admin_states(world, "web") == {"up": 0}
    compare(world)
    assert admin_states(world, "web") == {"up": 0}
    readopted(world)
    compare(world)
    assert admin_states(world, "web") == {"up": 0}
    assert served(own) == {str(mine[0].port)}
    plugin = HAProxy()
    plugin.apply_config(world.config)
    assert plugin.preview(world.clusters).commands == ()


def test_members_unheard_of_are_not_taken_from_a_section_of_their_name(
    world: World, http: Backends
) -> None:
    """The cluster takes the name over from a proxy, before discovery has answered."""
    own, port, x = free_ports(3)
    other = cluster("x", x, http.nodes)
    world.extra |= _sections(own, http.nodes[0].port)["proxy"]
    world.sync(other)
    del world.extra["proxies"]
    unheard = type(other)("web", known=False, config={"port": port})
    world.sync(unheard, other)
    drive(world, lambda: get(port)[0] == 503)
    assert admin_states(world, "web") == {}


@pytest.mark.parametrize("way", ["proxy", "section"])
def test_a_cluster_that_is_served_keeps_its_name(world: World, http: Backends, way: str) -> None:
    """Whoever comes second under a name is left out, and told so, until one is renamed."""
    port, own = free_ports(2)
    mine, theirs = http.nodes[:2], http.nodes[2:]
    web = cluster("web", port, mine)
    world.sync(web)
    world.extra |= _sections(own, theirs[0].port)[way]
    outcome = world.sync(web)
    assert outcome.kind == "degraded"
    (found,) = outcome.findings
    assert found.cluster is None
    assert found.path[0] == {"proxy": "proxies", "section": "extra_sections"}[way]
    assert "cluster web" in found.message
    assert served(port) == {str(n.port) for n in mine}
    assert readopted(world).kind == "degraded"
    world.sync(cluster("web", port, mine[:1]))
    assert served(port) == {str(mine[0].port)}
    with pytest.raises(ConnectionRefusedError):
        get(own)
    # renamed, both are served
    world.extra |= {"proxies": {}, "extra_sections": {}}
    listener = {"port": own, "upstreams": [{"host": "127.0.0.1", "port": theirs[0].port}]}
    world.extra["proxies"] = {"other": listener}
    world.sync(web)
    drive(world, lambda: served(own) == {str(theirs[0].port)})
    assert served(port) == {str(n.port) for n in mine}


@pytest.mark.parametrize(
    "section",
    [
        {"proxies": {"p": {"port": 0, "upstreams": [{"host": "127.0.0.1", "port": 9}]}}},
        {"stats": {"port": 0}},
        {"prometheus": {"port": 0}},
        {"meta_clusters": {"m": {"port": 0}}},
    ],
    ids=lambda section: next(iter(section)),
)
def test_a_cluster_that_is_served_keeps_its_port(
    world: World, http: Backends, section: dict[str, Any]
) -> None:
    (port,) = free_ports(1)
    web = cluster("web", port, http.nodes)
    world.sync(web)
    ((key, given),) = section.items()
    here = {n: v | {"port": port} for n, v in given.items()} if "port" not in given else None
    world.extra[key] = {"port": port} if here is None else here
    outcome = world.sync(web)
    assert outcome.kind == "degraded"
    assert [f.path[0] for f in outcome.findings] == [key]
    assert f"port {port} belongs to cluster web" in outcome.findings[0].message
    assert served(port) == {str(n.port) for n in http.nodes}


def test_maintenance_of_a_cluster_ends_with_the_cluster(world: World, http: Backends) -> None:
    """A proxy that takes over the name, the server's name and its address begins afresh."""
    port, x = free_ports(2)
    web, other = cluster("web", port, http.nodes[:2]), cluster("x", x, http.nodes)
    world.sync(web, other)
    left = http.nodes[1]
    name = f"local_127.0.0.1_{left.port}"
    world.sync(cluster("web", port, http.nodes[:1]), other)
    assert admin_states(world, "web")[name] & _FORCED
    upstream = {"name": name, "host": "127.0.0.1", "port": left.port}
    world.extra["proxies"] = {"web": {"port": port, "upstreams": [upstream]}}
    world.sync(other)
    drive(world, lambda: served(port) == {str(left.port)})
    assert admin_states(world, "web") == {name: 0}


def test_maintenance_of_an_operators_server_in_a_cluster_stays_the_operators(
    world: World, http: Backends
) -> None:
    """A server that stands in the cluster's own lines is none of ours, over a reload too."""
    port, x = free_ports(2)
    backup = [{"name": "spare", "host": "127.0.0.1", "port": http.nodes[2].port}]
    web = cluster("web", port, http.nodes[:1], default_servers=backup)
    world.sync(web)
    world.ask("set", "server", "web/spare", "state", "maint")
    world.sync(web, cluster("x", x, http.nodes))
    drive(world, lambda: get(x)[0] == 200)
    assert admin_states(world, "web")["spare"] & _FORCED
