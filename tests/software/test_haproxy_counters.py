"""What HAProxy counts, summed over its generations: it never falls, and little is missed."""

import json
import socket
import time
from pathlib import Path

import pytest

from lighthouse.haproxy.runtime import process
from tests.backends import Backend, serving
from tests.ports import free_ports
from tests.software.haproxy_sites import certificate
from tests.software.haproxy_world import Load, World, cluster, get, until_file
from tests.waiting import eventually


def counted(world: World, name: str = "requests", backend: str = "web") -> int:
    return world.plugin.counters().get(backend, {}).get(name, 0)


def settle(world: World, wanted: int, name: str = "requests") -> None:
    """Let the plugin's timers run until so many are counted, without its usual pause."""

    def there() -> bool:
        reconciler = world.plugin._reconciler
        if reconciler is not None:
            reconciler.traffic.hurry()
        world.wake(0.1)
        return counted(world, name) >= wanted

    eventually(there, 30, f"{wanted} {name} counted, not {counted(world, name)}")


def until_reloaded(world: World, times: int) -> None:
    """Let the plugin's timers run until HAProxy was reloaded so many times."""

    def there() -> bool:
        world.wake(0.05)
        reloads: int = world.plugin.status()["reloads"]
        return reloads == times

    eventually(there, 20)


def until_done(load: Load, requests: int) -> None:
    eventually(lambda: load.done >= requests, 20)


def test_the_sums_of_what_haproxy_counts_do_not_fall_at_reloads_under_load(world: World) -> None:
    ports = free_ports(5)
    world.extra = {"reload_interval": 0.1}
    with serving(2) as sites:
        clusters = [cluster("web", ports[0], [site.node() for site in sites])]
        world.sync(*clusters)
        load = Load(ports[0], 2)
        try:
            seen = [0]
            for number, port in enumerate(ports[1:], 1):
                clusters.append(cluster(f"more{number}", port, [sites[0].node()]))
                done = load.done
                world.sync(*clusters)
                until_reloaded(world, number)
                seen.append(counted(world))
                assert counted(world) >= done
                until_done(load, done + 50)
        finally:
            load.close()
        assert load.failures == []
        # the reload does not wait for what its predecessor answers in its last moments
        settle(world, int(load.done * 0.75))
        assert counted(world) <= load.done
        assert counted(world, "responses_2xx") == counted(world)
        assert counted(world, "sessions") > 0
        assert seen == sorted(seen)
        assert world.plugin.status()["reloads_by_reason"] == {"clusters": 4}


def test_a_replaced_worker_that_still_serves_is_asked_too(world: World) -> None:
    port, other = free_ports(2)
    with serving(1) as (site,):
        lines = {"frontend": ["mode tcp"], "backend": ["mode tcp"]}
        web = cluster("web", port, [site.node()], **lines)
        world.sync(web)
        settle(world, 0)
        with socket.create_connection(("127.0.0.1", port), 10) as kept:
            kept.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert kept.recv(1000).startswith(b"HTTP/1.1 200")
            world.sync(web, cluster("other", other, [site.node()]))
            until_reloaded(world, 1)
            settle(world, 1, "sessions")
            get(port)
            settle(world, 2, "sessions")
            assert world.plugin.status()["old_workers"] == 1
        found = world.plugin._reconciler
        assert found is not None
        eventually(lambda: not process.processes(found.settings.master).old, 10)
        get(port)
        settle(world, 3, "sessions")
        assert counted(world, "sessions") == 3


@pytest.mark.slow
def test_another_worker_of_ours_goes_on_with_the_sums(world: World) -> None:
    port, other = free_ports(2)
    with serving(1) as (site,):
        web = cluster("web", port, [site.node()])
        world.sync(web)
        for _ in range(5):
            get(port)
        settle(world, 5)
        world.sync(web, cluster("other", other, [site.node()]))
        until_reloaded(world, 1)
        until_file(world, [site.node(), site.node()])
        world.restart_worker()
        world.sync(*world.clusters)
        get(port)
        settle(world, 6)
        assert counted(world) == 6
        kept = json.loads(Path(f"{world.config['pid_file']}.counters").read_text())
        assert kept["ended"]["web"]["requests"] == 5


@pytest.mark.slow
def test_a_file_of_garbage_is_not_believed_and_what_somebody_clears_stays_counted(
    world: World,
) -> None:
    (port,) = free_ports(1)
    garbage = '{"ended": {"web": {"requests": "x"}}}'
    Path(f"{world.config['pid_file']}.counters").write_text(garbage)
    with serving(1) as (site,):
        world.sync(cluster("web", port, [site.node()]))
        for _ in range(4):
            get(port)
        settle(world, 4)
        assert counted(world) == 4
        world.ask("clear", "counters", "all")
        get(port)
        settle(world, 5)
        assert counted(world) == 5


@pytest.mark.slow
@pytest.mark.needs("openssl")
def test_the_end_of_each_certificate_is_told(world: World) -> None:
    pem = certificate(world.directory)
    (port,) = free_ports(1)
    with Backend() as site:
        options = f"ssl crt {pem} alpn http/1.1"
        world.sync(cluster("web", port, [site.node()], bind_options=options))

        def told() -> dict[str, int]:
            world.wake(0.1)
            found: dict[str, int] = world.plugin.status()["certificates"]
            return found

        found = eventually(told, 10)
        assert found.keys() == {str(pem)}
        left = found[str(pem)] - time.time()
        assert 86400 < left <= 2 * 86400
