"""What is told of nodes that this host's proxy does not reach."""

import json
from typing import Any

import click
import pytest

from lighthouse.balancer import Unreachable
from lighthouse.commands.output import status_tables
from lighthouse.daemon import status_document
from lighthouse.daemon.causes import words
from lighthouse.daemon.status_document import ClusterStatus
from lighthouse.haproxy.runtime.counters.stats import ServerStats
from lighthouse.membership.view import View
from lighthouse.node import Node
from lighthouse.supervisor.answers.causes import Judged, causes
from lighthouse.supervisor.answers.reach import ALL_FOR, SHOWN, Unreached, told
from lighthouse.workers.boundary.reach import admit_unreachable

NOW = 1_700_000_000.0


def nodes(count: int) -> tuple[Node, ...]:
    return tuple(Node(f"web-{n}", f"10.0.{n // 250}.{n % 250 + 1}", 80) for n in range(count))


def unreached(
    found: tuple[Node, ...], balancer: str = "haproxy", ago: float = 90.0
) -> list[Unreached]:
    return [(balancer, Unreachable("web", node.key, "no connection", NOW - ago)) for node in found]


def status(count: int, pairs: list[Unreached]) -> ClusterStatus:
    return told(ClusterStatus(name="web"), View(nodes(count), True, False), pairs, NOW)


@pytest.mark.parametrize(
    ("served", "pairs", "by"),
    [
        (2, unreached(nodes(1)), ""),
        (2, unreached(nodes(2)), "haproxy"),
        (2, unreached(nodes(2), ago=ALL_FOR - 1), ""),
        (2, [*unreached(nodes(1)), *unreached(nodes(2)[1:], "envoy")], ""),
        (2, [*unreached(nodes(1)), *unreached(nodes(2), "envoy")], "envoy"),
        (1, unreached(nodes(3)), "haproxy"),
    ],
)
def test_a_cluster_of_which_nothing_is_reached_for_a_while_is_a_fault(
    served: int, pairs: list[Unreached], by: str
) -> None:
    found = status(served, pairs)
    assert found.unreached_by == by
    lines = [words(cause) for cause in causes([], [], Judged(), [found], [], [])]
    assert len(lines) == bool(by)
    assert all("reachable from here" in line and "no connection" in line for line in lines)


def test_what_is_not_served_is_not_told_of() -> None:
    assert status(0, unreached(nodes(2))) == ClusterStatus(name="web")
    many = status(SHOWN + 9, unreached(nodes(SHOWN + 9)))
    assert (len(many.unreachable), many.unreachable_nodes) == (SHOWN, SHOWN + 9)


def test_people_are_told_of_the_first_few() -> None:
    found = [
        {"name": f"web-{n}:80", "balancer": "haproxy", "reason": "no connection", "since": NOW - 5}
        for n in range(5)
    ]
    cluster = {"name": "web", "unreachable": found, "unreachable_nodes": 5}
    document = status_document.parse(json.dumps({"clusters": [cluster]}).encode())
    view = click.unstyle("\n".join(status_tables.render(document, NOW, None)))
    line = "registered, but unreachable from here: web-0:80: balancer haproxy: no connection"
    assert f"{line}, for 5 s" in view
    assert "and 2 more" in view


HEAD = (
    "# pxname,svname,status,check_status,lastchg,scur,stot,econ,eresp,wretr,wredis,last_chk,addr"
)


def test_only_servers_that_their_check_finds_down_are_told() -> None:
    rows = (
        "web,a,UP,L4OK,9,0,0,0,0,0,0,,10.0.0.1:80",
        "web,b,DOWN,L4CON,7,0,0,0,0,0,0,Connection refused,10.0.0.2:80",
        "web,c,DOWN 1/2,* L7STS,3,0,0,0,0,0,0,,[fd00::1]:8080",
        "web,d,MAINT,,3,0,0,0,0,0,0,,10.0.0.4:80",
        "web,e,DOWN,,3,0,0,0,0,0,0,,10.0.0.5:80",  # its agent says so
        "web,f,DOWN,L4TOUT,3,0,0,0,0,0,0,,/run/x.sock",
    )
    stats = ServerStats()
    stats.take("web", "\n".join((HEAD, *rows)))
    assert stats.down(NOW) == (
        Unreachable("web", ("10.0.0.2", 80), "no connection (L4CON: Connection refused)", NOW - 7),
        Unreachable("web", ("fd00::1", 8080), "answers that it is not well (L7STS)", NOW - 3),
    )


@pytest.mark.parametrize(
    "said",
    ["web", None, [1], [Unreachable("web", "10.0.0.1:80", "no")]],  # type: ignore[arg-type]
)
def test_what_is_no_list_of_nodes_is_refused(said: Any) -> None:
    with pytest.raises(TypeError):
        admit_unreachable(said)


def test_what_is_said_is_made_fit_to_be_shown() -> None:
    odd: Any = Unreachable("web", ("10.0.0.1", 80), "a\x1b[31mb\n" * 999, float("nan"))
    (one,) = admit_unreachable((odd,))
    assert one.reason.isprintable()
    assert len(one.reason) < 1000
    assert one.since is None
