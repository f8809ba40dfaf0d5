"""nginx that follows the `dns` balancer: members change without any reload."""

from pathlib import Path
from typing import Any

from tests.backends import Backend, serving
from tests.fleet import Traffic, get
from tests.software.name_server_world import ZONE, naming, of
from tests.software.nginx_world import DEBIAN, WHEEL, nginx_world, web
from tests.waiting import eventually


def test_members_change_without_a_reload(tmp_path: Path) -> None:
    with (
        serving(2) as servers,
        naming(tmp_path) as names,
        nginx_world(tmp_path, WHEEL) as nginx,
    ):
        resolver = {"address": f"127.0.0.1:{names.port}", "zone": ZONE}
        balancer = nginx.balancer(resolver=resolver)
        section: dict[str, Any] = {"resolve": True, "service": "http"}
        one, other = (server.node() for server in servers)
        names.serve(of(one))
        balancer.sync_file([web(one, **section)])
        nginx.start()
        balancer.sync_file([web(one, **section)])
        eventually(lambda: get(nginx.port) == (200, servers[0].name))
        with Traffic(nginx.port) as traffic:
            steps = (((one, other), _names(servers)), ((other,), _names(servers[1:])))
            for nodes, seen in steps:
                names.serve(of(*nodes))
                assert balancer.sync_file([web(*nodes, **section)]).kind == "unchanged"
                eventually(lambda seen=seen: _served(nginx.port) == seen)
            names.serve(of())
            names.plugin.close()
            before = traffic.requests
            eventually(lambda: traffic.requests > before + 60)
        assert traffic.failures == []
        assert balancer.status()["reloads"] == 1


def test_an_nginx_that_cannot_says_so(tmp_path: Path) -> None:
    with nginx_world(tmp_path, DEBIAN) as nginx:
        balancer = nginx.balancer(resolver={"address": "127.0.0.1:53", "zone": ZONE})
        (found,) = [f for f in balancer.examine([web(resolve=True)]) if f.cluster == "web"]
        assert found.path == ("resolve",)
        assert "'resolve' needs 1.27.3" in found.message


def _served(port: int) -> set[str]:
    return {get(port)[1] for _ in range(6)}


def _names(servers: list[Backend]) -> set[str]:
    return {server.name for server in servers}
