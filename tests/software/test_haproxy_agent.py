"""What agents say of their servers is followed and not fought."""

from tests.backends import serving
from tests.ports import free_ports
from tests.software.haproxy_sites import (
    Agent,
    ask,
    compare,
    readopted,
    statuses,
    until_applied,
    weights,
)
from tests.software.haproxy_world import World, cluster
from tests.waiting import eventually


def test_an_agent_is_followed_and_not_fought(world: World) -> None:
    port, other = free_ports(2)
    with serving(2) as (one, two), Agent() as agent:
        options = f"agent-check agent-inter 100ms agent-port {agent.port}"
        section = {"server_options": options}
        nodes = [one.node(10), two.node(10)]
        agent.says = "50%"
        world.sync(cluster("web", port, nodes[:1], **section))
        world.sync(cluster("web", port, nodes, **section))

        def weighed(weight: str) -> bool:
            return {w for _, w in weights(world, "web").values()} == {weight}

        eventually(lambda: weighed("5"), 10, "both weights halved")
        assert {str(ask(port)) for _ in range(8)} == {one.name, two.name}
        compare(world)
        assert weighed("5")
        agent.says = "drain"
        eventually(lambda: all("DRAIN" in s for s in statuses(world, "web").values()), 10)
        compare(world)
        assert all("DRAIN" in s for s in statuses(world, "web").values())
        assert world.plugin.status()["drift_repaired"] == 0
        agent.says = "ready 100%"
        eventually(lambda: weighed("10") and ask(port).status == 200, 10)
        agent.says = "50%"
        eventually(lambda: weighed("5"), 10)
        more = cluster("x", other, [one.node()])
        until_applied(world, world.sync(cluster("web", port, nodes, **section), more))
        eventually(lambda: weighed("5"), 10, "after a reload too")


def test_an_adopted_server_keeps_what_its_agent_said(world: World) -> None:
    """Once asked, the agent here answers no more: what would be undone would stay undone."""
    (port,) = free_ports(1)
    with serving(2) as (one, two), Agent() as agent:
        section = {"server_options": f"agent-check agent-inter 100ms agent-port {agent.port}"}
        nodes = [one.node(10), two.node(10)]
        agent.says = "drain 50%"
        world.sync(cluster("web", port, nodes, **section))
        said = dict.fromkeys(weights(world, "web"), ("8", "5"))
        eventually(lambda: weights(world, "web") == said, 10)
        agent.says = ""
        readopted(world)
        assert weights(world, "web") == said
        first = next(iter(said))
        world.ask("set", "server", f"web/{first}", "state", "maint")
        world.ask("set", "server", f"web/{first}", "addr", "127.0.0.1", "port", "1")
        compare(world)
        ports = {row["addr"].rpartition(":")[2] for row in world.figures("web")}
        assert ports == {one.name, two.name}, "an agent changes no address"
