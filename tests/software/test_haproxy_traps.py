"""Ten ways in which HAProxy does something else than one thinks, and that none of them is met.

| trap | where it is tested |
|---|---|
| 1: a server added at run time inherits nothing, not even ``ssl`` | ``test_haproxy_tls``: a node that comes to an empty backend |
| 2: it reuses no connection unless told | ``test_haproxy_members``: dynamic servers reuse connections |
| 3: without an id, or one like another's, it breaks random and consistent balancing | here, and ``test_haproxy_members``: random balance |
| 4: ``del server`` under load can crash | ``test_haproxy_members``: gone servers are deleted late |
| 5: the file of states wins over ports, but not addresses | here |
| 6: a reload that is asked for during another is lost | here |
| 7: a reload whose address is taken pauses the listeners | ``test_haproxy_process``: a taken address |
| 8: an empty or shortened file is loaded gladly | here, and ``test_haproxy_process``: nothing to listen on |
| 9: reloads break kept connections without an option | ``test_haproxy_process``: reloads under load |
| 10: a held connection goes on talking to the old worker | here, and ``test_haproxy_process``: a reload by someone else |
"""  # noqa: E501

import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from lighthouse.haproxy.rendering import server
from lighthouse.haproxy.rendering.server import id_of, name_of
from lighthouse.haproxy.runtime.server_states import state_rows
from lighthouse.node import Node
from tests.backends import serving
from tests.ports import free_ports
from tests.software.haproxy_observer import Observer
from tests.software.haproxy_sites import ask, certificate, readopted, until_applied
from tests.software.haproxy_world import World, cluster, until_file
from tests.waiting import eventually


def test_trap_3_a_consistent_hash_moves_only_what_it_must(world: World) -> None:
    """The ring is the same for servers that were added and for the same ones from the file."""
    port, other = free_ports(2)
    section = {"backend": ["balance hdr(host)", "hash-type consistent"]}
    keys = [f"key{n}.test" for n in range(60)]
    with serving(4) as places:
        nodes = [site.node() for site in places]
        world.sync(cluster("web", port, [], **section))
        world.sync(cluster("web", port, nodes, **section))
        before = {key: str(ask(port, host=key)) for key in keys}
        assert set(before.values()) == {site.name for site in places}
        web = cluster("web", port, nodes[:3], **section)
        world.sync(web)
        after = {key: str(ask(port, host=key)) for key in keys}
        assert all(before[k] in (after[k], places[3].name) for k in keys)
        until_applied(world, world.sync(web, cluster("x", other, nodes)))
        assert {key: str(ask(port, host=key)) for key in keys} == after


def test_trap_3_no_two_servers_share_places_on_the_ring(world: World) -> None:
    """Ids that are alike in 20 bits do; the manual speaks of 28."""
    (port,) = free_ports(1)
    keys = [f"key{n}.test" for n in range(400)]
    section = {"backend": ["balance hdr(host)", "hash-type consistent"]}
    with Observer(certificate(world.directory)) as observer:

        def node(number: int) -> Node:
            return Node("n", f"127.9.{number // 250}.{number % 250 + 1}", observer.port, 100)

        numbers: dict[int, int] = {}
        for number in range(1, 65_000):
            one = node(number)
            twin = numbers.setdefault(id_of(name_of(one.host, one.ip, one.port)), number)
            if twin != number:
                break
        nodes = [node(number) for number in (twin, number, 0)]
        world.sync(cluster("web", port, nodes[:1], **section))
        world.sync(cluster("web", port, nodes, **section))
        shares = Counter(str(ask(port, host=key)) for key in keys)
        assert shares.keys() == {one.ip for one in nodes}
        assert max(shares.values()) < 0.43 * len(keys), shares


def test_ids_of_an_earlier_version_go_with_one_reload(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (port,) = free_ports(1)
    with serving(2) as (one, two):
        web = cluster("web", port, [one.node(), two.node()])
        with monkeypatch.context() as before:
            before.setattr(server, "IDS", 2**31 - 1)
            id_of.cache_clear()
            world.sync(web)
            until_file(world, web.nodes)
        id_of.cache_clear()

        def ids() -> list[int]:
            return [
                int(row["srv_id"]) for row in state_rows(world.ask("show", "servers", "state"))
            ]

        assert max(ids()) > server.IDS
        until_applied(world, readopted(world))
        assert max(ids()) <= server.IDS
        assert "another id" in world.plugin.status()["reload_reasons"][-1]
        assert {str(ask(port)) for _ in range(4)} == {one.name, two.name}
        assert world.again().kind == "unchanged"


def test_trap_5_a_slot_leads_where_it_should_after_a_reload(world: World) -> None:
    port, other = free_ports(2)
    section = {"backend": ["balance source"], "slots": 2}
    with serving(3) as (one, two, three):
        world.sync(cluster("web", port, [one.node()], **section))
        for site in (two, three):
            world.sync(cluster("web", port, [site.node()], **section))
            assert ask(port) == site.name
        assert world.plugin.status()["reloads"] == 0
        web = cluster("web", port, [three.node()], **section)
        until_applied(world, world.sync(web, cluster("x", other, [one.node()])))
        assert {str(ask(port)) for _ in range(6)} == {three.name}
        until_applied(world, world.sync(cluster("web", port, [two.node()], **section)))
        assert {str(ask(port)) for _ in range(6)} == {two.name}


def test_trap_6_a_reload_by_others_swallows_none_of_ours(world: World) -> None:
    """Nor does one that runs make addresses look taken that are HAProxy's own."""
    port, *others = free_ports(4)
    with serving(1) as (site,):
        world.extra = {"reload_interval": 0.1}
        clusters = [cluster("web", port, [site.node()])]
        world.sync(*clusters)
        for number, other in enumerate(others):
            os.kill(world.master or 0, signal.SIGUSR2)
            clusters.append(cluster(f"x{number}", other, [site.node()]))
            outcome = world.sync(*clusters)
            assert outcome.kind in ("applied", "held"), outcome

            def there(other: int = other) -> bool:
                world.wake(0.1)
                return ask(other) == ask(port) == site.name

            eventually(there, 15, f"port {other} after {outcome}")
        world.wake(0.1)
        assert world.again().kind == "unchanged"


@pytest.mark.parametrize("text", ["", "global\n", "global\n    maxconn 50\n\ndefaults\n"])
def test_trap_8_a_shortened_file_that_somebody_loads_is_healed(world: World, text: str) -> None:
    (port,) = free_ports(1)
    with serving(1) as (site,):
        web = cluster("web", port, [site.node()])
        world.sync(web)
        until_file(world, [site.node()])
        Path(world.config["config_file"]).write_text(text)
        os.kill(world.master or 0, signal.SIGUSR2)

        def healed() -> bool:
            world.wake(0.2)
            return "backend web" in world.text and ask(port) == site.name

        eventually(healed, 30, "served again")
        until_file(world, [site.node()])


def test_trap_10_nothing_is_told_to_a_worker_that_was_replaced(world: World) -> None:
    (port,) = free_ports(1)
    with serving(3) as places:
        nodes = [site.node() for site in places]
        world.sync(cluster("web", port, nodes[:1]))
        for count in (2, 3, 1, 3):
            former = world.worker
            os.kill(world.master or 0, signal.SIGUSR2)
            eventually(lambda former=former: world.worker != former, 10)
            world.sync(cluster("web", port, nodes[:count]))
            wanted = {site.name for site in places[:count]}
            assert {str(ask(port)) for _ in range(9)} == wanted
