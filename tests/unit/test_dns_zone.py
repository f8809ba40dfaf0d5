"""Names in the zone: what stands where, and that each target leads to its own address."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighthouse.dns.server.offer import DnsMember, DnsOffer
from lighthouse.dns.server.zone import (
    ClusterNames,
    NameEntry,
    Zone,
    chosen,
    cluster_names,
)

ZONE = "lh.internal"


def names(*members: DnsMember, state: str = "live") -> ClusterNames:
    return cluster_names(DnsOffer(state, members), "web", ZONE, "fixed")  # type: ignore[arg-type]


def zone(*members: DnsMember, complete: bool = True) -> Zone:
    unknown = names(state="unknown")
    clusters = {"web": names(*members), "dark": unknown}
    return Zone(ZONE, clusters, ("127.0.0.1", "::1"), complete=complete)


MEMBERS = (
    DnsMember("a", "10.0.0.1", 8001),
    DnsMember("b.example.com", "10.0.0.2", 8002, 5),
    DnsMember("c", "fd00::3", 8003),
    DnsMember("spare", "10.0.0.4", 8004, 1, 10),
)


@pytest.mark.parametrize(
    ("name", "status", "services", "addresses"),
    [
        ("web.lh.internal", "found", 4, ["10.0.0.1", "10.0.0.2", "fd00::3"]),
        ("_http._tcp.web.lh.internal", "found", 4, []),
        ("_web._tcp.lh.internal", "found", 4, []),
        ("_web._udp.lh.internal", "found", 4, []),
        ("_tcp.lh.internal", "found", 0, []),
        ("_tcp.web.lh.internal", "found", 0, []),
        ("http._tcp.web.lh.internal", "missing", 0, []),
        ("_none._tcp.lh.internal", "missing", 0, []),
        ("a.web.lh.internal", "found", 0, ["10.0.0.1"]),
        ("b.example.com.web.lh.internal", "found", 0, ["10.0.0.2"]),
        ("example.com.web.lh.internal", "found", 0, []),
        ("com.web.lh.internal", "found", 0, []),
        ("x.web.lh.internal", "missing", 0, []),
        ("dark.lh.internal", "unknown", 0, []),
        ("_http._tcp.dark.lh.internal", "unknown", 0, []),
        ("_dark._tcp.lh.internal", "unknown", 0, []),
        ("a.dark.lh.internal", "unknown", 0, []),
        ("nothing.lh.internal", "missing", 0, []),
        ("ns.lh.internal", "found", 0, ["127.0.0.1", "::1"]),
        ("lh.internal", "found", 0, []),
        ("internal", "foreign", 0, []),
        ("xlh.internal", "foreign", 0, []),
        ("example.com", "foreign", 0, []),
        ("", "foreign", 0, []),
    ],
)
def test_what_stands_at_a_name(
    name: str, status: str, services: int, addresses: list[str]
) -> None:
    entry = zone(*MEMBERS).find(name)
    assert entry.status == status
    assert len(entry.services) == services
    assert [one.ip for one in (*entry.ipv4, *entry.ipv6)] == addresses


def test_before_the_first_snapshot_no_name_is_missing() -> None:
    assert zone(complete=False).find("nothing.lh.internal").status == "unknown"


def test_an_address_has_the_weight_of_all_members_at_it() -> None:
    found = names(DnsMember("a", "10.0.0.1", 1, 3), DnsMember("a", "10.0.0.1", 2, 4))
    assert [(one.ip, one.weight) for one in found.own.ipv4] == [("10.0.0.1", 7)]
    assert [one.target for one in found.own.services] == ["a.web.lh.internal"] * 2


MEMBER = st.builds(
    DnsMember,
    host=st.one_of(
        st.sampled_from(["a", "b", "ns", "10-0-0-1", "10.0.0.2", "a.b", "x" * 63, "-", "_tcp"]),
        st.text("ab-._19", min_size=1, max_size=80),
    ),
    ip=st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1", "fd00::2"]),
    port=st.integers(1, 3),
)


@given(st.lists(MEMBER, max_size=8, unique_by=lambda m: (m.ip, m.port)))
def test_each_target_leads_to_the_address_of_its_record_alone(members: list[DnsMember]) -> None:
    found = Zone(ZONE, {"web": names(*members)})
    services = found.find("web.lh.internal").services
    assert {(one.ip, one.port) for one in services} == {(one.ip, one.port) for one in members}
    for one in services:
        assert len(one.target) <= 253
        at: NameEntry = found.find(one.target)
        assert [each.ip for each in (*at.ipv4, *at.ipv6)] == [one.ip]


def test_a_choice_is_steady_and_differs_from_host_to_host() -> None:
    base = int(ipaddress.ip_address("10.0.0.1"))
    members = [DnsMember("h", str(ipaddress.ip_address(base + n)), 80) for n in range(300)]
    members.append(DnsMember("late", "10.9.9.9", 80, 1, 5))
    services = names(*members).own.services
    one, other = (chosen(services, 100, seed) for seed in ("host1", "host2"))
    assert one == chosen(services, 100, "host1")
    assert {each.ip for each in one} != {each.ip for each in other}
    assert "10.9.9.9" not in {each.ip for each in one}
    fewer = [each for each in services if each.ip != one[0].ip]
    assert len(set(one) - set(chosen(fewer, 100, "host1"))) == 1
    assert chosen(services, 500, "host1") == services
