"""An explanation in words."""

import json

from lighthouse.commands.output.explanation import lines
from lighthouse.daemon.explanation_document import parse_explanation

SOURCE = {
    "discovery": "zk",
    "answered": True,
    "nodes": 2,
    "read_at": 90.0,
    "away_seconds": None,
    "used": True,
    "stage": "keep",
}
NODE = {
    "name": "a:80",
    "host": "a",
    "ip": "::1",
    "port": 80,
    "in": True,
    "weight": 3,
    "metadata": {},
    "sources": ["zk"],
    "steps": ["zk names it\x1b[2J"],
    "local": None,
}
FOUND = {
    "cluster": "web",
    "known": True,
    "stale": False,
    "combine": "union",
    "default_nodes": False,
    "sources": [SOURCE],
    "links": {"zk": {"state": "connected", "reason": "", "since": 1.0}},
    "guard": {"trips": 0, "last": None, "holds": []},
    "balancers": [{"name": "haproxy", "applied": True, "applied_at": 95.0, "reason": ""}],
    "nodes": [NODE],
    "refused": [
        {"discovery": "zk", "record": "bad", "reason": "no ip"},
        {"discovery": "zk", "record": "lock", "reason": "nothing there", "fault": False},
    ],
}


def told(**changes: object) -> list[str]:
    content = json.dumps(FOUND | changes).encode()
    return list(lines(parse_explanation(content), 100.0))


def test_all_is_well() -> None:
    assert told() == [
        "cluster web: 1 of 1 nodes here served",
        "  source zk: 2 nodes, changed 10 s ago",
        "  balancer haproxy: has applied this, 5 s ago",
        "a:80 ([::1]:80): in, weight 3",
        "  zk names it\\x1b[2J",
        "zk: record bad: refused",
        "  no ip",
        "zk: record lock: left out",
        "  nothing there",
    ]


def test_what_is_not_well() -> None:
    away = {"answered": False, "away_seconds": 70.0, "used": False, "stage": "fence"}
    silent = {"discovery": "etcd", "nodes": None, "read_at": None, "away_seconds": 9.0}
    lost = {"state": "suspended", "reason": "gone", "since": 30.0}
    quiet = {"state": None, "reason": "it has not said anything yet", "since": None}
    last = {"at": 80.0, "lost": 9, "of": 10, "source": None, "ended_at": None, "outcome": None}
    holds = [{"source": None, "since": 98.0, "obeyed_in": 3.0}]
    service = {
        "up": False,
        "registered": False,
        "registrations": [
            {"discovery": "zk", "registered": True, "reason": ""},
            {"discovery": "etcd", "registered": False, "reason": "lost: refused"},
        ],
        "maintenance": {"reason": "disk", "since": 40.0, "until": 130.0, "by": "alice"},
        "damping": {"reason": "flaps"},
        "reason": "",
        "checks": [{"plugin": "tcp", "passing": False, "reason": "refused", "checked_at": 99.0}],
    }
    found = told(
        known=False,
        stale=True,
        combine="failover",
        sources=[SOURCE | away, SOURCE | silent],
        links={"zk": lost, "etcd": quiet},
        guard={"trips": 2, "last": last, "holds": holds},
        balancers=[{"name": "h", "applied": False, "applied_at": None, "reason": "failed: x"}],
        nodes=[NODE | {"in": False, "weight": None, "ip": "10.0.0.1", "local": service}],
        refused=[],
    )
    assert found == [
        "cluster web: 0 of 1 nodes here served, failover of 2 sources;"
        " nobody has said yet who its members are; stale",
        "  source zk: 2 nodes, changed 10 s ago; away for 1 min 10 s,"
        " remembered from an earlier run;"
        " suspended: gone; on_source_loss: fence; not believed now",
        "  source etcd: has not answered for 9 s; silent: it has not said anything yet",
        "  shrink guard: holds a loss back since 2 s; obeyed in 3 s",
        "  shrink guard: tripped 2 times, last 20 s ago: 9 of 10 nodes, not over yet",
        "  balancer h: failed: x",
        "a:80 (10.0.0.1:80): out",
        "  zk names it\\x1b[2J",
        "  a service of this host: down, not registered",
        "    in zk registered",
        "    in etcd not registered: lost: refused",
        "    in maintenance for 1 min 0 s, for 30 s more by alice: disk",
        "    flaps",
        "    check tcp fails: refused, 1 s ago",
    ]
