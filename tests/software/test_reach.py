"""Nodes that are registered, and that the proxy of this host does not reach."""

from collections.abc import Callable

import pytest

from lighthouse.balancer import Balancer, Unreachable
from tests.backends import Backend, serving
from tests.ports import free_port, free_ports
from tests.software.envoy_world import mesh
from tests.software.haproxy_world import World, cluster, node
from tests.waiting import eventually


def _until(plugin: Balancer, wake: Callable[[], object], count: int) -> tuple[Unreachable, ...]:
    """What the plugin says once it says so of so many."""

    def there() -> bool:
        wake()
        return len(plugin.unreachable()) == count

    eventually(there, 30)
    return tuple(plugin.unreachable())


def test_haproxy_tells_which_nodes_its_checks_find_down(world: World) -> None:
    port, gone = free_ports(2)
    with serving(1) as (site,):
        checked = {"server_options": "check inter 50ms fall 1 rise 1"}
        web = cluster("web", port, [site.node(), node(gone)], **checked)
        world.sync(web)

        def wake() -> None:
            if world.plugin._reconciler is not None:
                world.plugin._reconciler.drift.due = 0.0
            world.wake(0.1)

        (one,) = _until(world.plugin, wake, 1)
        assert (one.cluster, one.node[1]) == ("web", gone)
        assert "no connection (L4CON" in one.reason
        assert one.since is not None
        wake()
        assert world.plugin.unreachable()[0] is one
        assert world.plugin.status()["servers"] == {"up": 1, "down": 1}
        with Backend("late", port=gone):
            assert _until(world.plugin, wake, 0) == ()


@pytest.mark.needs("envoy")
def test_envoy_tells_which_nodes_its_checks_find_down(backends: list[Backend]) -> None:
    gone = free_port()
    with mesh() as world:
        world.cluster("web", backends[0].node(), node(gone), health_check={"interval": 1})
        world.cluster("free", node(gone))
        world.sync()

        def wake() -> None:
            if world.plugin._reconciler is not None:
                world.plugin._reconciler.health._due = 0.0
                world.plugin._reconciler._look_at = 0.0
            world.plugin.wake()

        (one,) = _until(world.plugin, wake, 1)
        assert one.cluster == "web"
        assert one.node[1] == gone
        assert one.reason == "fails its health check"
        wake()
        assert world.plugin.unreachable()[0] is one
