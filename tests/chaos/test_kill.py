"""kill -9 of every process of Lighthouse, in every order, under traffic."""

import itertools
import os
import signal
from contextlib import suppress

import pytest

from tests.backends import Backend
from tests.fleet import Fleet, Traffic
from tests.waiting import eventually

ROLES = ("supervisor", "balancer", "discovery")


def pid_of(fleet: Fleet, role: str) -> int:
    if role == "supervisor":
        assert fleet.daemon is not None
        return fleet.daemon.pid
    name = {"balancer": "haproxy", "discovery": "files"}[role]
    return int(eventually(lambda: fleet.worker(name, role)["pid"], 20))


ORDERS = [
    pytest.param(order, marks=pytest.mark.slow if order[0] == "discovery" or index % 2 else ())
    for index, order in enumerate(itertools.permutations(ROLES))
]
"""Of those that begin with the supervisor or the balancer, one each is not slow."""


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_no_request_fails_and_the_same_state_comes_back(
    fleet: Fleet, backends: list[Backend], order: tuple[str, ...]
) -> None:
    pids, served = fleet.haproxy_pids(), fleet.serving("web")
    with Traffic(fleet.ports["web"]) as traffic:
        for role in order:
            pid = pid_of(fleet, role)
            if role == "supervisor":
                fleet.kill()
                fleet.start()
                eventually(lambda p=pid: fleet.status()["supervisor"]["pid"] != p, 20)
            else:
                os.kill(pid, signal.SIGKILL)
            eventually(lambda p=pid: not os.path.exists(f"/proc/{p}"))
        eventually(lambda: fleet.worker("haproxy")["snapshot"]["applied"], 30)
        path = fleet.node("web", "again", backends[0].port, ip="127.0.0.2")
        eventually(lambda: ("127.0.0.2", backends[0].port) in fleet.serving("web"), 30)
        path.unlink()
        eventually(lambda: fleet.serving("web") == served, 30)
        eventually(lambda: traffic.requests > 50, 30, "some requests")
    assert traffic.failures == []
    assert fleet.haproxy_pids() == pids
    assert fleet.kill(signal.SIGTERM) == 0


def test_a_killed_haproxy_comes_back_with_all_its_servers(fleet: Fleet) -> None:
    served = fleet.serving("web")
    master, worker = fleet.haproxy_pids()
    os.kill(master, signal.SIGKILL)
    with suppress(ProcessLookupError):  # it ends by itself once its master is gone
        os.kill(worker, signal.SIGKILL)
    eventually(lambda: fleet.haproxy_pids()[0] != master and fleet.serving("web") == served, 30)


def test_a_touched_haproxy_is_repaired(fleet: Fleet) -> None:
    eventually(lambda: fleet.worker("haproxy")["snapshot"]["outcome"] == "applied")
    served = fleet.serving("web")
    name = fleet.command("show servers state web").splitlines()[2].split()[3]
    fleet.command(f"set server web/{name} state maint")
    assert fleet.serving("web") != served
    eventually(lambda: fleet.serving("web") == served, 30, "drift is repaired")
    eventually(lambda: fleet.worker("haproxy")["status"]["drift_repaired"] >= 1)
