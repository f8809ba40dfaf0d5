"""Several clusters at one port of a real HAProxy: each request goes where the YAML says."""

from typing import Any

import pytest

from lighthouse.cluster import Cluster
from lighthouse.node import Node
from tests.backends import Backend, serving
from tests.ports import free_ports
from tests.software.haproxy_sites import ask, until_applied
from tests.software.haproxy_world import World, cluster


def member(name: str, nodes: list[Node], **section: Any) -> Cluster:
    found = cluster(name, None, nodes, **section)
    return Cluster(name, found.nodes, found.config, meta_cluster="shared")


def routed(world: World, port: int, places: list[Backend], **sections: Any) -> dict[str, str]:
    """Serve clusters of these sections at one port; who answers as which cluster."""
    world.extra = {"meta_clusters": {"shared": {"port": port, "frontend": ["mode http"]}}}
    pairs = list(zip(sections, places, strict=False))
    outcome = world.sync(*(member(name, [s.node()], **sections[name]) for name, s in pairs))
    assert (outcome.kind, outcome.reason) == ("applied", "")
    return {site.name: name for name, site in pairs}


def test_acls_of_2016_and_lists_of_them(world: World) -> None:
    (port,) = free_ports(1)
    with serving(3) as places:
        names = routed(
            world,
            port,
            places,
            **{
                "widgets": {"acl": "path_beg /api/widgets"},
                "sprockets-v2.0": {"acl": ["path_beg /api/sprockets", "hdr(host) -i old.test"]},
                "z": {"acl": "path_beg /api"},
            },
        )
        assert names[ask(port, "/api/widgets/5")] == "widgets"
        assert names[ask(port, "/api/sprockets")] == "sprockets-v2.0"
        assert names[ask(port, "/any", host="OLD.test")] == "sprockets-v2.0"
        assert names[ask(port, "/api/other")] == "z"
        assert ask(port, "/other").status == 503


def test_hosts_paths_and_a_default(world: World) -> None:
    (port,) = free_ports(1)
    with serving(7) as places:
        names = routed(
            world,
            port,
            places,
            all_of_it={"default": True},
            api={"paths": ["/api"]},
            deep={"paths": ["/api/deep/er", "/x/"]},
            shop={"hosts": ["shop.example.com", "store.example.com"]},
            shop_api={"hosts": ["shop.example.com"], "paths": ["/api"]},
            any_host={"hosts": ["*.example.com"]},
            legacy={"acl": "path_beg /api/legacy"},
        )

        def who(path: str, host: str = "else.test") -> str:
            return names[ask(port, path, host=host)]

        for path in ("/api", "/api/", "/api/v1?x=/x/"):
            assert who(path) == "api"
        for path in ("/apix", "/", "/x", "/API", "/a/api"):
            assert who(path) == "all_of_it"
        for path in ("/api/deep/er", "/api/deep/er/and/more", "/x/y"):
            assert who(path) == "deep"
        assert who("/api/deep/error") == "api"
        assert who("/api/legacy") == "legacy"
        assert who("/", "shop.example.com") == who("/", "STORE.example.com:8080") == "shop"
        assert who("/api/1", "shop.example.com") == "shop_api"
        assert who("/apix", "shop.example.com") == "shop"
        assert who("/", "other.example.com") == who("/api", "a.b.example.com:1") == "any_host"
        for host in ("example.com", "evilexample.com", "shop.example.com.evil.test", "xshop"):
            assert who("/", host) == "all_of_it"


def test_an_exact_host_goes_before_a_wildcard_whatever_clusters_are_called(world: World) -> None:
    (port,) = free_ports(1)
    with serving(4) as places:
        names = routed(
            world,
            port,
            places,
            a={"hosts": ["*.example.com"], "paths": ["/long/path"]},
            b={"hosts": ["*.shop.example.com", "solo.test"]},
            c={"hosts": ["www.shop.example.com"]},
            d={"hosts": ["*.example.com"]},
        )

        def who(host: str, path: str = "/") -> str:
            return names[ask(port, path, host=host)]

        assert who("www.shop.example.com") == "c"
        assert who("www.shop.example.com", "/long/path") == "c"
        assert who("new.shop.example.com", "/long/path") == "b"
        assert who("solo.test") == "b"
        assert who("mail.example.com", "/long/path") == "a"
        assert who("mail.example.com") == "d"


def test_a_member_comes_and_goes_and_its_nodes_need_no_reload(world: World) -> None:
    (port,) = free_ports(1)
    with serving(2) as (one, two):
        world.extra = {"meta_clusters": {"shared": {"port": port, "frontend": ["mode http"]}}}
        first = member("first", [], paths=["/"])
        world.sync(first)
        worker = world.worker
        assert world.sync(member("first", [one.node()], paths=["/"])).kind == "applied"
        assert ask(port, "/deep") == one.name
        assert world.worker == worker
        second = member("second", [two.node()], paths=["/deep"])
        until_applied(world, world.sync(member("first", [one.node()], paths=["/"]), second))
        assert (ask(port, "/deep"), ask(port)) == (two.name, one.name)


@pytest.mark.parametrize(
    ("bad", "path"),
    [
        ({"acl": "path_begg /bad"}, ("acl",)),
        ({"acl": ["path_beg /bad", "nope"]}, ("acl", 1)),
        ({"paths": ["/bad"], "backend": ["zork"]}, ("backend", 0)),
        ({"paths": ["/bad"], "server_options": "zork"}, ("server_options",)),
        ({}, ()),
    ],
)
def test_a_bad_member_costs_nobody_else(
    world: World, bad: dict[str, Any], path: tuple[str | int, ...]
) -> None:
    (port,) = free_ports(1)
    with serving(2) as (one, two):
        world.extra = {"meta_clusters": {"shared": {"port": port, "frontend": ["mode http"]}}}
        good = member("good", [one.node()], paths=["/good"])
        outcome = world.sync(good, member("bad", [two.node()], **bad))
        assert outcome.kind == "degraded"
        assert {finding.cluster for finding in outcome.findings} == {"bad"}
        assert outcome.findings[0].path == path
        assert ask(port, "/good") == one.name
        assert ask(port, "/bad").status == 503
        mended = member("bad", [two.node()], paths=["/bad"])
        until_applied(world, world.sync(good, mended))
        assert ask(port, "/bad") == two.name
        assert world.sync(good, member("bad", [two.node()], **bad)).kind in ("degraded", "held")
        assert ask(port, "/bad") == two.name, "the last good version stays"
