"""The plan as a table of what is known and what should run."""

from typing import Any

import msgspec
import pytest

from lighthouse.config.schema.policy import Policy
from lighthouse.config.schema.types import (
    CheckFile,
    ClusterFile,
    Config,
    DaemonSettings,
    PluginFile,
    ServiceFile,
    WorkerSettings,
)
from lighthouse.discovery import Reading
from lighthouse.ipc.messages import decode_as
from lighthouse.ipc.payloads import Registration
from lighthouse.ipc.snapshot import Membership, WatchedCluster, pack, unpack
from lighthouse.membership.source import STALE_AFTER, SourceConnection, SourceReading
from lighthouse.node import Node
from lighthouse.registration.identity import HostIdentity
from lighthouse.registration.maintenance import Maintenance
from lighthouse.registration.published import Published, PublishedNode
from lighthouse.service import Service, Verdict
from lighthouse.supervisor.plan import plan, renew
from lighthouse.supervisor.state import State

HOST = HostIdentity("here", "10.0.0.1")
DEFAULT = WorkerSettings()
HAPROXY = PluginFile("haproxy", "haproxy", DEFAULT, {"x": 1}, "balancers/haproxy.yaml")
FILES = PluginFile("files", "file", DEFAULT, {"path": "/n"}, "discovery/files.yaml")
WEB = ClusterFile("web", ("files",), None, Policy(), {"haproxy": {"port": 1}}, "clusters/web.yaml")
HTTP = CheckFile("http", config={"uri": "/"})
APP = ServiceFile("web", "127.0.0.1", (80, 81), ("files",), None, 3, {"a": 1}, (HTTP,), "s.yaml")


def configured(**changes: Any) -> Config:
    parts: dict[str, Any] = {
        "balancers": {"haproxy": HAPROXY},
        "discovery": {"files": FILES},
        "clusters": {"web": WEB},
        "services": {"app": APP},
    }
    return Config(**(parts | changes))


@pytest.fixture
def state() -> State:
    state = State(Config(), HOST, {})
    state.configure(configured(), 0.0)
    return state


def node(n: int) -> Node:
    return Node(f"n{n}", f"10.0.0.{n}", 80)


def reading(*numbers: Any) -> SourceReading:
    return SourceReading(Reading(tuple(node(n) for n in numbers)), 100.0)


def membership(state: State, name: tuple[str, str] = ("balancer", "haproxy")) -> Membership:
    (part,) = plan(state)[name].snapshot.clusters
    return decode_as(Membership, part.body)


def members(state: State) -> list[Any]:
    return [n.name for n in decode_as(list[Node], bytes(membership(state).nodes))]


def test_one_worker_per_file_and_per_check_plugin(state: State) -> None:
    assert sorted(plan(state)) == [
        ("balancer", "haproxy"),
        ("check", "http"),
        ("discovery", "files"),
    ]
    state.configure(Config(), 1.0)
    assert plan(state) == {}


def test_an_unanswered_cluster_is_not_an_empty_one(state: State) -> None:
    assert membership(state).known is False
    state.observe("files", "web", reading(), 0.0)
    assert membership(state).known is True


def test_a_reading_reaches_the_balancer_once(state: State) -> None:
    assert state.observe("files", "web", reading(1, 2), 0.0)
    first = plan(state)
    assert members(state) == ["n1:80", "n2:80"]
    assert not state.observe("files", "web", reading(1, 2), 1.0)
    assert plan(state) == first


def test_only_the_changed_cluster_gets_a_new_revision(state: State) -> None:
    other = msgspec.structs.replace(WEB, name="other", file="clusters/other.yaml")
    state.configure(configured(clusters={"web": WEB, "other": other}), 0.0)
    before = {p.name: p for p in plan(state)["balancer", "haproxy"].snapshot.clusters}
    state.observe("files", "web", reading(1), 0.0)
    after = {p.name: p for p in plan(state)["balancer", "haproxy"].snapshot.clusters}
    assert after["other"] is before["other"]
    assert after["web"].revision > before["web"].revision


def test_a_cluster_without_a_section_reaches_the_balancer_all_the_same(state: State) -> None:
    bare = msgspec.structs.replace(WEB, sections={})
    state.configure(configured(clusters={"web": bare}), 0.0)
    assert membership(state).settings is None


def test_several_sources_are_united(state: State) -> None:
    second = msgspec.structs.replace(FILES, name="more", file="discovery/more.yaml")
    both = msgspec.structs.replace(WEB, discovery=("files", "more"))
    state.configure(
        configured(discovery={"files": FILES, "more": second}, clusters={"web": both}), 0.0
    )
    state.observe("files", "web", reading(1, 2), 0.0)
    state.observe("more", "web", reading(2, 3), 0.0)
    assert members(state) == ["n1:80", "n2:80", "n3:80"]


def test_a_vanished_cluster_is_held_and_read_again(state: State) -> None:
    state.observe("files", "web", reading(1, 2, 3), 0.0)
    state.observe("files", "web", reading(), 1.0)
    assert len(members(state)) == 3
    assert state.memberships.next_due(1.0) == 3.0
    state.pass_time(3.0)
    assert plan(state)["discovery", "files"].snapshot.watch == (WatchedCluster("web", 1),)
    assert state.memberships.next_due(3.0) == 6.0
    state.pass_time(6.0)
    assert members(state) == []
    assert state.memberships.next_due(6.0) is None


def test_nodes_of_a_source_that_is_away_stay_and_grow_stale(state: State) -> None:
    state.observe("files", "web", reading(1), 0.0)
    state.link("files", SourceConnection("suspended", "gone", 10.0))
    assert state.memberships.next_due(10.0) == 10.0 + STALE_AFTER
    assert state.pass_time(10.0 + STALE_AFTER) == {"web"}
    assert membership(state).stale is True
    assert members(state) == ["n1:80"]
    state.link("files", SourceConnection("connected", "", 20.0))
    assert membership(state).stale is False


def test_a_source_that_answers_just_before_it_counts_as_away_is_not_stale() -> None:
    state = State(Config(), HOST, {})
    state.memberships.remember("web", {"files": Reading((node(1),))}, 50.0, {})
    state.configure(configured(), 0.0)
    state.link("files", SourceConnection("suspended", "gone", 10.0))
    state.observe("files", "web", reading(1), 10.0 + STALE_AFTER)
    state.link("files", SourceConnection("connected", "", 10.0 + STALE_AFTER))
    assert state.memberships.next_due(10.0 + STALE_AFTER) is None
    assert membership(state).stale is False


def test_a_remembered_cluster_is_served_stale_until_it_is_read() -> None:
    state = State(Config(), HOST, {})
    state.memberships.remember("web", {"files": Reading((node(1),))}, 50.0, {})
    state.configure(configured(), 0.0)
    assert (members(state), membership(state).stale) == (["n1:80"], True)
    state.observe("files", "web", reading(1), 1.0)
    assert membership(state).stale is False


VERDICTS = [
    # verdicts of ports 80 and 81, ports up, ports down
    ((None, None), [], []),
    ((True, None), [80], []),
    ((True, True), [80, 81], []),
    ((False, True), [81], [80]),
    ((False, False), [], [80, 81]),
]


@pytest.mark.parametrize(("verdicts", "up", "down"), VERDICTS)
def test_verdicts_decide_registrations(
    state: State,
    verdicts: tuple[Any, ...],
    up: list[Any],
    down: list[Any],
) -> None:
    for port, passing in zip((80, 81), verdicts, strict=True):
        state.services.checks.verdict("http", Verdict("app", port, passing), 0.0)
    snapshot = plan(state)["discovery", "files"].snapshot
    assert [s.port for s in snapshot.up] == up
    assert [s.port for s in snapshot.down] == down


def test_a_node_carries_what_its_host_is_unless_its_service_says_otherwise(state: State) -> None:
    daemon = DaemonSettings(metadata={"zone": "z", "a": 0})
    state.configure(configured(daemon=daemon), 0.0)
    state.services.checks.verdict("http", Verdict("app", 80, True), 0.0)
    (service,) = plan(state)["discovery", "files"].snapshot.up
    assert service.node.metadata == {"zone": "z", "a": 1}


def test_a_registered_node_carries_what_others_need(state: State) -> None:
    state.services.checks.verdict(
        "http", Verdict("app", 80, True, metadata={"role": "primary"}), 0.0
    )
    (service,) = plan(state)["discovery", "files"].snapshot.up
    assert service.name == "web"
    assert service.node.ip == "10.0.0.1"
    assert service.node.weight == 3
    assert service.node.metadata == {"a": 1, "role": "primary"}
    assert service.node.peer.name == "here"


def test_a_service_without_checks_is_up(state: State) -> None:
    state.configure(configured(services={"app": msgspec.structs.replace(APP, checks=())}), 0.0)
    assert [s.port for s in plan(state)["discovery", "files"].snapshot.up] == [80, 81]
    assert ("check", "http") not in plan(state)


def test_an_undecided_verdict_changes_no_decision(state: State) -> None:
    state.services.checks.verdict("http", Verdict("app", 80, True), 0.0)
    state.services.checks.verdict("http", Verdict("app", 80, None), 0.0)
    assert [s.port for s in plan(state)["discovery", "files"].snapshot.up] == [80]
    probes = {p.port: p.passing for p in plan(state)["check", "http"].snapshot.probes}
    assert probes == {80: True, 81: None}


def test_a_removed_service_is_deregistered_until_that_is_confirmed(state: State) -> None:
    state.services.checks.verdict("http", Verdict("app", 80, True), 0.0)
    state.services.published.want("files", plan(state)["discovery", "files"].snapshot.up)
    state.configure(configured(services={}), 1.0)
    state.services.published.want("files", ())
    (down,) = plan(state)["discovery", "files"].snapshot.down
    assert down.port == 80
    state.services.registered("files", [Registration(down.place, registered=False)])
    assert plan(state)["discovery", "files"].snapshot.down == (down,)
    state.services.registered("files", [Registration(down.place, registered=False, gone=True)])
    assert plan(state)["discovery", "files"].snapshot.down == ()


def test_a_snapshot_survives_its_journey(state: State) -> None:
    state.observe("files", "web", reading(1), 0.0)
    for wanted in plan(state).values():
        payload = memoryview(b"".join(pack(wanted.snapshot)))
        assert unpack(payload) == wanted.snapshot


def test_a_discovery_is_told_which_files_report_to_it(state: State) -> None:
    other = msgspec.structs.replace(APP, name="other", discovery=("dns", "files"), file="o.yaml")
    dns = msgspec.structs.replace(FILES, name="dns", plugin="dns")
    config = configured(discovery={"files": FILES, "dns": dns}, services={"b": APP, "a": other})
    state.configure(config, 1.0)
    wanted = plan(state)
    assert wanted["discovery", "files"].snapshot.reporters == ("a", "b")
    assert wanted["discovery", "dns"].snapshot.reporters == ("a",)


def settled(state: State, now: Any, *passing: Any, metadata: Any = None) -> tuple[Any, ...]:
    """What the discovery is told, up and down, after both ports' checks said so."""
    for port, passes in zip((80, 81), passing, strict=False):
        state.services.checks.verdict(
            "http", Verdict("app", port, passes, metadata=metadata or {}), 0.0
        )
    state.services.settle(state.config, now)
    snapshot = plan(state)["discovery", "files"].snapshot
    return [s.port for s in snapshot.up], [s.port for s in snapshot.down]


def test_a_port_that_flaps_stays_down_alone(state: State) -> None:
    for now in range(5):
        assert settled(state, 2.0 * now, True, True) == ([80, 81], [])
        assert settled(state, 2.0 * now + 1, False, True) == ([81], [80])
    assert settled(state, 10.0, True, True) == ([80, 81], [])  # the fifth return
    assert settled(state, 11.0, False, True) == ([81], [80])
    assert settled(state, 12.0, True, True) == ([81], [80])
    due = state.services.next_due(state.config, 12.0)
    assert due is not None
    assert due == pytest.approx(2 + 30)
    assert settled(state, due) == ([80, 81], [])
    assert state.services.next_due(state.config, due) == pytest.approx(60)  # the checks are lost


def test_what_a_check_finds_out_is_told_at_once_within_its_budget(state: State) -> None:
    settled(state, 0.0, True)
    for lag in range(30):
        settled(state, 1.0, True, metadata={"lag": lag})
    (told,) = plan(state)["discovery", "files"].snapshot.up
    assert told.node.metadata["lag"] == 19
    due = state.services.next_due(state.config, 1.0)
    settled(state, due)
    (told,) = plan(state)["discovery", "files"].snapshot.up
    assert told.node.metadata["lag"] == 29


def test_maintenance_is_down_whatever_the_checks_say_and_costs_no_token(state: State) -> None:
    for now in range(10):
        assert settled(state, float(now), True, None) == ([80], [])
        state.services.maintenance.begin(Maintenance("web", None, 0.0))
        assert settled(state, now + 0.5) == ([], [80, 81])
        assert state.services.up("app", APP, 80) is True
        state.services.maintenance.end("web", None, (80, 81))


def test_who_leaves_has_nothing_up_and_the_longest_delay_of_what_was(state: State) -> None:
    slow = msgspec.structs.replace(APP, drain_delay=7.0, name="slow")
    daemon = DaemonSettings(drain_delay=3.0)
    state.configure(configured(daemon=daemon, services={"app": APP, "slow": slow}), 0.0)
    assert state.services.drain_delay(state.config) == 0.0
    state.services.checks.verdict("http", Verdict("app", 80, True), 0.0)
    assert state.services.drain_delay(state.config) == 3.0
    state.services.checks.verdict("http", Verdict("slow", 81, True), 0.0)
    assert state.services.drain_delay(state.config) == 7.0
    state.services.maintenance.begin(Maintenance("slow", 81, 0.0))
    assert state.services.drain_delay(state.config) == 3.0
    state.services.leaving = True
    assert plan(state)["discovery", "files"].snapshot.up == ()


def test_an_older_node_of_a_service_is_removed_once_the_new_one_is_decided(state: State) -> None:
    old = Service("web", 80, Node("here", "10.0.0.9", 80))
    state.services.published = Published([PublishedNode("files", old)])
    assert plan(state)["discovery", "files"].snapshot.down == ()
    state.services.checks.verdict("http", Verdict("app", 80, True), 0.0)
    snapshot = plan(state)["discovery", "files"].snapshot
    assert [s.node.ip for s in snapshot.up] == ["10.0.0.1"]
    assert [s.node.ip for s in snapshot.down] == ["10.0.0.9"]


def test_a_change_of_a_cluster_renews_the_plan_without_a_look_at_services(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.link("files", SourceConnection("connected", "", 0.0))
    state.observe("files", "web", reading(1, 2, 3), 0.0)
    state.services.checks.verdict("http", Verdict("app", 80, True), 0.0)
    before = plan(state)
    state.observe("files", "web", reading(4), 1.0)
    state.pass_time(3.0)  # asks for a fresh read
    after = plan(state)
    assert after != before
    for name in ("wanted", "probes", "service"):
        monkeypatch.delattr(type(state.services), name)
    assert renew(before, state) == after


def test_of_a_discovery_that_was_removed_nothing_is_left(state: State) -> None:
    (place,) = {s.place for s in (state.services.service("app", APP, 80),) if s}
    state.services.registered("files", [Registration(place, registered=True)])
    state.link("files", SourceConnection("connected", "", 0.0))
    state.configure(configured(discovery={}), 1.0)
    assert state.services.registrations == {}
    assert state.memberships.connections.of("files") is not None  # a cluster still names it
    state.configure(configured(discovery={}, clusters={}), 2.0)
    assert state.memberships.connections.of("files") is None


def test_a_verdict_of_a_check_that_is_not_wanted_is_not_kept(state: State) -> None:
    assert not state.services.checks.verdict("http", Verdict("gone", 80, True), 0.0)
    assert not state.services.checks.verdict("tcp", Verdict("app", 80, True), 0.0)
    assert state.services.checks.get(("http", "gone", 80)).verdict is None
