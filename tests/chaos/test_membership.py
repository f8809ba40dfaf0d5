"""Many changes of membership under load: no reload, no failed request, nothing forgotten."""

from tests.backends import Backend
from tests.fleet import Fleet, Traffic
from tests.waiting import eventually


def test_two_hundred_come_and_go_one_by_one(fleet: Fleet, backends: list[Backend]) -> None:
    pids, served = fleet.haproxy_pids(), fleet.serving("web")
    with Traffic(fleet.ports["web"]) as traffic:
        for n in range(200):
            ip = f"127.0.1.{n + 1}"
            path = fleet.node("web", f"extra{n}", backends[n % 3].port, ip=ip)
            if n % 20 == 0:
                eventually(lambda ip=ip: ip in {a for a, _ in fleet.serving("web")})
            path.unlink()
        eventually(lambda: fleet.serving("web") == served, 30)
    assert traffic.failures == []
    assert fleet.haproxy_pids() == pids


def test_five_hundred_in_a_burst(fleet: Fleet, backends: list[Backend]) -> None:
    pids, served = fleet.haproxy_pids(), fleet.serving("web")
    with Traffic(fleet.ports["web"]) as traffic:
        paths, wanted = [], set(served)
        for n in range(500):
            ip = f"127.0.{2 + n // 250}.{n % 250 + 1}"
            paths.append(fleet.node("web", f"extra{n}", backends[n % 3].port, ip=ip))
            wanted.add((ip, backends[n % 3].port))
        eventually(lambda: fleet.serving("web") == wanted, 30)
        for path in paths:
            path.unlink()
        eventually(lambda: fleet.serving("web") == served, 30)
    assert traffic.failures == []
    assert fleet.haproxy_pids() == pids


def test_a_changed_weight_is_a_command(fleet: Fleet, backends: list[Backend]) -> None:
    pids = fleet.haproxy_pids()
    fleet.node("web", backends[0].name, backends[0].port, weight=77)
    eventually(lambda: " 77 " in fleet.command("show servers state web"))
    assert fleet.haproxy_pids() == pids


def test_a_vanished_directory_empties_nothing(fleet: Fleet) -> None:
    served = fleet.serving("web")
    fleet.nodes.rename(fleet.root / "away")
    eventually(lambda: any("suspended" in p for p in fleet.status()["problems"]), 30)
    assert fleet.serving("web") == served
    (fleet.root / "away").rename(fleet.nodes)
    eventually(lambda: fleet.status()["healthy"], 30)
    assert fleet.serving("web") == served


def test_an_emptied_cluster_is_held_then_obeyed(fleet: Fleet) -> None:
    (fleet.nodes / "web").rename(fleet.nodes / ".web")
    eventually(lambda: fleet.status()["clusters"][0]["held_back"])
    assert len(fleet.serving("web")) == 3
    eventually(lambda: fleet.serving("web") == set(), 30)
    assert fleet.status()["supervisor"]["guard_trips"] >= 1


def test_a_new_cluster_is_one_reload_without_a_failed_request(
    fleet: Fleet, backends: list[Backend]
) -> None:
    with Traffic(fleet.ports["web"]) as traffic:
        for name in ("second", "third"):
            fleet.cluster(name)
            fleet.node(name, "b", backends[1].port)
            eventually(lambda n=name: len(fleet.serving(n)) == 1, 30)
        eventually(lambda: len(fleet.serving("web")) == 3)
    assert traffic.failures == []
    assert fleet.worker("haproxy")["status"]["reloads"] >= 1
