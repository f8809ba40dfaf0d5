"""The dns discovery against real nameservers: what is read, and when."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.software.dns_world import Dnsmasq, Told, World, running, world


@pytest.fixture
def told() -> Iterator[Told]:
    server = Told()
    server.set("_web._tcp", "SRV", "0 1 8001 one.example.com.", "0 1 8002 two.example.com.")
    server.set("one", "A", "10.0.0.1")
    server.set("two", "A", "10.0.0.2")
    yield server
    server.close()


@pytest.fixture
def dnsmasq(tmp_path: Path) -> Iterator[Dnsmasq]:
    with running(tmp_path) as found:
        yield found


BOTH = ["10.0.0.1:8001", "10.0.0.2:8002"]


@pytest.mark.needs("dnsmasq")
def test_srv_records_of_dnsmasq_with_primary_and_backup_servers(dnsmasq: Dnsmasq) -> None:
    dnsmasq.hosts(("10.0.0.1", "one"), ("10.0.0.2", "two"), ("10.0.0.3", "three"))
    dnsmasq.services("_web._tcp", ("one", 81, 10, 600), ("two", 82, 10, 0), ("three", 83, 20, 5))
    with world(dnsmasq.server) as seen:
        seen.until(lambda: seen.nodes() == ["10.0.0.1:81", "10.0.0.2:82", "10.0.0.3:83"])
        found = {node.host: (node.weight, node.metadata) for node in seen.readings["web"].nodes}
        assert found == {
            "one.example.com": (256, {"priority": 10}),
            "two.example.com": (1, {"priority": 10}),
            "three.example.com": (5, {"priority": 20, "backup": True}),
        }
        dnsmasq.services("_web._tcp", ("three", 83, 20, 5))
        seen.until(lambda: seen.nodes() == ["10.0.0.3:83"])
        assert seen.readings["web"].nodes[0].metadata == {"priority": 20}
        assert ("connected", "") in seen.connection


@pytest.mark.needs("dnsmasq")
@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("A", ["10.0.0.1:80", "10.0.0.2:80"]),
        ("AAAA", ["fd00::1:80"]),
        ("address", ["10.0.0.1:80", "10.0.0.2:80", "fd00::1:80"]),
    ],
)
def test_addresses_of_a_name_follow_the_hosts_file(
    dnsmasq: Dnsmasq, record: str, expected: list[str]
) -> None:
    dnsmasq.hosts(("10.0.0.1", "web"), ("10.0.0.2", "web"), ("fd00::1", "web"))
    settings: dict[str, Any] = {"name": "{cluster}.example.com", "record": record, "port": 80}
    with world(dnsmasq.server, **settings) as seen:
        seen.until(lambda: seen.nodes() == expected)
        assert {(n.host, n.weight) for n in seen.readings["web"].nodes} == {("web.example.com", 1)}
        dnsmasq.hosts(("10.0.0.9", "web"), ("fd00::9", "web"))
        changed = {"A": ["10.0.0.9:80"], "AAAA": ["fd00::9:80"]}
        seen.until(lambda: seen.nodes() == changed.get(record, ["10.0.0.9:80", "fd00::9:80"]))


@pytest.mark.needs("dnsmasq")
def test_a_name_that_is_removed_is_empty_only_when_that_is_said_twice(dnsmasq: Dnsmasq) -> None:
    dnsmasq.hosts(("10.0.0.1", "web"))
    settings: dict[str, Any] = {
        "name": "{cluster}.example.com",
        "record": "A",
        "port": 80,
        "max_interval": 0.5,
    }
    with world(dnsmasq.server, **settings) as seen:
        seen.until(lambda: seen.nodes() == ["10.0.0.1:80"])
        dnsmasq.hosts()
        seen.until(lambda: "to be confirmed" in seen.error())
        assert seen.nodes() == ["10.0.0.1:80"]
        seen.until(lambda: seen.nodes() == [])
        assert seen.error() == ""


def test_records_are_asked_for_again_when_they_expire(told: Told) -> None:
    told.ttl = 1
    with world(told.server) as seen:
        seen.until(lambda: seen.nodes() == BOTH)
        told.set("_web._tcp", "SRV", "0 1 8003 one.example.com.")
        seen.until(lambda: seen.nodes() == ["10.0.0.1:8003"])
        assert seen.status["asked"]["web"]["ttl"] == 1


def test_the_ttl_is_bounded_on_both_sides(told: Told) -> None:
    told.ttl = 86400
    with world(told.server, max_interval=0.4) as seen:
        seen.until(lambda: told.count("_web._tcp") >= 3)
    told.ttl, told.asked = 0, []
    with world(told.server, min_interval=20) as seen:
        seen.until(lambda: seen.nodes() == BOTH)
        next_query = seen.status["asked"]["web"]["next_query"]
        assert 19 < next_query - seen.status["asked"]["web"]["last_answer"] <= 22.1
        assert told.count("_web._tcp") == 1


def test_the_shortest_ttl_of_all_records_counts(told: Told) -> None:
    told.set("two", "CNAME", "other.example.com.")
    told.records.pop(("two.example.com.", "A"))
    told.set("other", "A", "10.0.0.2")
    told.additional = [("one", "A", "10.0.0.1")]
    with world(told.server) as seen:
        seen.until(lambda: seen.nodes() == BOTH)
        assert seen.status["asked"]["web"]["ttl"] == 60
        assert told.count("one", "A") == 0
        assert told.count("other", "A") == 1


def test_refresh_asks_at_once_whatever_the_ttl(told: Told) -> None:
    told.ttl = 3600
    with world(told.server) as seen:
        seen.until(lambda: seen.nodes() == BOTH)
        told.set("_web._tcp", "SRV", "0 1 8003 one.example.com.")
        seen.discovery.refresh("web")
        seen.until(lambda: seen.nodes() == ["10.0.0.1:8003"])


def test_an_answer_that_was_asked_for_before_a_refresh_does_not_count(told: Told) -> None:
    told.delay = 0.3
    with world(told.server) as seen:
        seen.until(lambda: told.count("_web._tcp") == 1)
        told.set("_web._tcp", "SRV", "0 1 8003 one.example.com.")
        seen.discovery.refresh("web")
        seen.until(lambda: "web" in seen.readings)
        assert told.count("_web._tcp") == 2
        assert seen.nodes() == ["10.0.0.1:8003"]
        assert seen.reports == 1


def test_a_cut_answer_is_asked_for_over_tcp(told: Told) -> None:
    records = [f"0 1 {8000 + n} one.example.com." for n in range(500)]
    told.set("_web._tcp", "SRV", *records)
    told.faults["_web._tcp"] = "cut"
    with world(told.server, timeout=10) as seen:
        seen.until(lambda: len(seen.nodes()) == 500)
        assert ("_web._tcp.example.com.", "SRV", "tcp") in told.asked


def test_a_nameserver_that_knows_no_edns_is_asked_without(told: Told) -> None:
    told.faults["*"] = "formerr"
    with world(told.server) as seen:
        seen.until(lambda: seen.nodes() == BOTH)
        assert told.count("_web._tcp") == 2
        seen.discovery.refresh("web")
        seen.until(lambda: seen.reports == 2)
        assert told.count("_web._tcp") == 3


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("any", ["10.0.0.1:1", "fd00::2:2"]),
        ("ipv4", ["10.0.0.1:1"]),
        ("ipv6", ["fd00::1:1", "fd00::2:2"]),
        ("both", ["10.0.0.1:1", "fd00::1:1", "fd00::2:2"]),
    ],
)
def test_the_addresses_of_targets_are_of_the_wanted_family(
    told: Told, family: str, expected: list[str]
) -> None:
    told.set("_web._tcp", "SRV", "0 1 1 old.example.com.", "0 1 2 new.example.com.")
    told.set("old", "A", "10.0.0.1")
    told.set("old", "AAAA", "fd00::1")
    told.set("new", "AAAA", "fd00::2")
    told.additional = [("old", "AAAA", "fd00::1")]  # its other address had no room
    with world(told.server, family=family, max_interval=0.3) as seen:
        seen.until(lambda: seen.nodes() == expected)
        refused = {"new.example.com:2": "no A records for new.example.com"}
        assert seen.reasons() == (refused if family == "ipv4" else {})


def test_clusters_may_differ_from_the_pattern(told: Told) -> None:
    told.set("old-api", "A", "10.0.0.7")
    clusters = {
        "api": {"name": "old-api.example.com", "record": "A", "port": 90},
        "shop": {"name": "_web._tcp.example.com."},
    }
    with world(told.server, watch=("web", "api", "shop"), clusters=clusters) as seen:
        seen.until(lambda: len(seen.readings) == 3)
        assert (seen.nodes("shop"), seen.nodes("api")) == (BOTH, ["10.0.0.7:90"])


def test_a_cluster_whose_name_dns_cannot_hold_is_an_error_of_its_own(told: Told) -> None:
    with world(told.server) as seen:
        for name in ("a" * 63, "odd..name", "../web"):
            with pytest.raises(ValueError, match="name"):
                seen.discovery.start_watching(name)
        seen.until(lambda: seen.nodes() == BOTH)


def test_nothing_is_reported_of_a_cluster_that_is_watched_no_more(told: Told) -> None:
    with world(told.server, watch=("web", "api")) as seen:
        seen.discovery.stop_watching("web")
        seen.until(lambda: "NXDOMAIN" in seen.error("api"))
        assert "web" not in seen.readings
        assert seen.status["clusters"] == 1


def test_many_clusters_are_asked_for_side_by_side_and_nobody_waits(told: Told) -> None:
    clusters = tuple(f"c{n}" for n in range(200))
    for name in clusters:
        told.set(f"_{name}._tcp", "SRV", "0 1 80 one.example.com.")
    told.additional = [("one", "A", "10.0.0.1")]
    told.delay = 0.2  # 40 s one after the other
    with world(told.server, watch=clusters, timeout=10) as seen:
        seen.until(lambda: len(seen.readings) == 200, within=20)
        assert seen.longest < 2
        assert seen.status["queries"] == 200


def test_disconnecting_ends_everything_that_is_under_way(told: Told) -> None:
    before = threading.active_count()
    told.delay = 0.5
    made = World(told.server, timeout=30)
    made.watch("web")
    made.until(lambda: told.count("_web._tcp") == 1)
    made.discovery.disconnect()
    assert "dns" not in {thread.name for thread in threading.enumerate()}
    made.discovery.disconnect()
    assert made.discovery.wake_after() is None
    assert threading.active_count() <= before + 1
