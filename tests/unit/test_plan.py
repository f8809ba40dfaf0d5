"""The plan as a table of what is known and what should run."""

import msgspec
import pytest

from lighthouse.config.kinds import (
    CheckFile,
    ClusterFile,
    Config,
    Guard,
    PluginFile,
    ServiceFile,
    WorkerSettings,
)
from lighthouse.discovery import Reading
from lighthouse.messages import Registration, decode_as, pack, unpack
from lighthouse.node import Node
from lighthouse.service import Verdict
from lighthouse.snapshot import Membership, Watch
from lighthouse.supervisor.membership import STALE_AFTER, Link, Source
from lighthouse.supervisor.plan import plan
from lighthouse.supervisor.report import Host
from lighthouse.supervisor.state import State

HOST = Host("here", "10.0.0.1")
DEFAULT = WorkerSettings()
HAPROXY = PluginFile("haproxy", "haproxy", DEFAULT, {"x": 1}, "balancers/haproxy.yaml")
FILES = PluginFile("files", "file", DEFAULT, {"path": "/n"}, "discovery/files.yaml")
WEB = ClusterFile("web", ("files",), None, Guard(), {"haproxy": {"port": 1}}, "clusters/web.yaml")
HTTP = CheckFile("http", config={"uri": "/"})
APP = ServiceFile("web", "127.0.0.1", (80, 81), ("files",), None, 3, {"a": 1}, (HTTP,), "s.yaml")


def configured(**changes):
    parts = {
        "balancers": {"haproxy": HAPROXY},
        "discovery": {"files": FILES},
        "clusters": {"web": WEB},
        "services": {"app": APP},
    }
    return Config(**(parts | changes))


@pytest.fixture
def state():
    state = State(Config(), HOST, {})
    state.configure(configured(), 0.0)
    return state


def node(n):
    return Node(f"n{n}", f"10.0.0.{n}", 80)


def reading(*numbers):
    return Source(Reading(tuple(node(n) for n in numbers)), 100.0)


def membership(state, name=("balancer", "haproxy")):
    (part,) = plan(state)[name].snapshot.clusters
    return decode_as(Membership, part.body)


def members(state):
    return [n.name for n in decode_as(list[Node], bytes(membership(state).nodes))]


def test_one_worker_per_file_and_per_check_plugin(state):
    assert sorted(plan(state)) == [
        ("balancer", "haproxy"),
        ("check", "http"),
        ("discovery", "files"),
    ]
    state.configure(Config(), 1.0)
    assert plan(state) == {}


def test_an_unanswered_cluster_is_not_an_empty_one(state):
    assert membership(state).known is False
    state.observe("files", "web", reading(), 0.0)
    assert membership(state).known is True


def test_a_reading_reaches_the_balancer_once(state):
    assert state.observe("files", "web", reading(1, 2), 0.0)
    first = plan(state)
    assert members(state) == ["n1:80", "n2:80"]
    assert not state.observe("files", "web", reading(1, 2), 1.0)
    assert plan(state) == first


def test_only_the_changed_cluster_gets_a_new_revision(state):
    other = msgspec.structs.replace(WEB, name="other", file="clusters/other.yaml")
    state.configure(configured(clusters={"web": WEB, "other": other}), 0.0)
    before = {p.name: p for p in plan(state)["balancer", "haproxy"].snapshot.clusters}
    state.observe("files", "web", reading(1), 0.0)
    after = {p.name: p for p in plan(state)["balancer", "haproxy"].snapshot.clusters}
    assert after["other"] is before["other"]
    assert after["web"].revision > before["web"].revision


def test_a_cluster_without_a_section_reaches_the_balancer_all_the_same(state):
    bare = msgspec.structs.replace(WEB, sections={})
    state.configure(configured(clusters={"web": bare}), 0.0)
    assert membership(state).settings is None


def test_several_sources_are_united(state):
    second = msgspec.structs.replace(FILES, name="more", file="discovery/more.yaml")
    both = msgspec.structs.replace(WEB, discovery=("files", "more"))
    state.configure(
        configured(discovery={"files": FILES, "more": second}, clusters={"web": both}), 0.0
    )
    state.observe("files", "web", reading(1, 2), 0.0)
    state.observe("more", "web", reading(2, 3), 0.0)
    assert members(state) == ["n1:80", "n2:80", "n3:80"]


def test_a_vanished_cluster_is_held_and_read_again(state):
    state.observe("files", "web", reading(1, 2, 3), 0.0)
    state.observe("files", "web", reading(), 1.0)
    assert len(members(state)) == 3
    assert plan(state)["discovery", "files"].snapshot.watch == (Watch("web", 1),)
    assert state.memberships.next_due(1.0) == 7.0
    confirmed = msgspec.structs.replace(reading(), answer=1)
    state.observe("files", "web", confirmed, 1.1)
    assert state.memberships.next_due(1.1) == 3.0
    state.pass_time(3.0)
    assert members(state) == []
    assert state.memberships.next_due(3.0) is None


def test_nodes_of_a_source_that_is_away_stay_and_grow_stale(state):
    state.observe("files", "web", reading(1), 0.0)
    state.memberships.link("files", Link("suspended", "gone", 10.0))
    assert state.memberships.next_due(10.0) == 10.0 + STALE_AFTER
    assert state.pass_time(10.0 + STALE_AFTER) == {"web"}
    assert membership(state).stale is True
    assert members(state) == ["n1:80"]
    state.memberships.link("files", Link("connected", "", 20.0))
    assert state.pass_time(20.0) == {"web"}
    assert membership(state).stale is False


def test_a_source_that_answers_just_before_it_counts_as_away_is_not_stale():
    state = State(Config(), HOST, {})
    state.memberships.remember("web", {"files": Reading((node(1),))}, 50.0)
    state.configure(configured(), 0.0)
    state.memberships.link("files", Link("suspended", "gone", 10.0))
    state.observe("files", "web", reading(1), 10.0 + STALE_AFTER)
    state.memberships.link("files", Link("connected", "", 10.0 + STALE_AFTER))
    assert state.memberships.next_due(10.0 + STALE_AFTER) is None
    assert membership(state).stale is False


def test_a_remembered_cluster_is_served_stale_until_it_is_read():
    state = State(Config(), HOST, {})
    state.memberships.remember("web", {"files": Reading((node(1),))}, 50.0)
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
def test_verdicts_decide_registrations(state, verdicts, up, down):
    for port, passing in zip((80, 81), verdicts, strict=True):
        state.report.verdict("http", Verdict("app", port, passing))
    snapshot = plan(state)["discovery", "files"].snapshot
    assert [s.port for s in snapshot.up] == up
    assert [s.port for s in snapshot.down] == down


def test_a_registered_node_carries_what_others_need(state):
    state.report.verdict("http", Verdict("app", 80, True, metadata={"role": "primary"}))
    (service,) = plan(state)["discovery", "files"].snapshot.up
    assert service.name == "web"
    assert service.node.ip == "10.0.0.1"
    assert service.node.weight == 3
    assert service.node.metadata == {"a": 1, "role": "primary"}
    assert service.node.peer.name == "here"


def test_a_service_without_checks_is_up(state):
    state.configure(configured(services={"app": msgspec.structs.replace(APP, checks=())}), 0.0)
    assert [s.port for s in plan(state)["discovery", "files"].snapshot.up] == [80, 81]
    assert ("check", "http") not in plan(state)


def test_an_undecided_verdict_changes_no_decision(state):
    state.report.verdict("http", Verdict("app", 80, True))
    state.report.verdict("http", Verdict("app", 80, None))
    assert [s.port for s in plan(state)["discovery", "files"].snapshot.up] == [80]
    probes = {p.port: p.passing for p in plan(state)["check", "http"].snapshot.probes}
    assert probes == {80: True, 81: None}


def test_a_removed_service_is_deregistered_until_that_is_confirmed(state):
    state.report.verdict("http", Verdict("app", 80, True))
    state.report.publish("files", plan(state)["discovery", "files"].snapshot.up)
    state.configure(configured(services={}), 1.0)
    assert [s.port for s in plan(state)["discovery", "files"].snapshot.down] == [80]
    state.report.registered("files", Registration("web", 80, registered=False))
    assert plan(state)["discovery", "files"].snapshot.down == ()


def test_a_snapshot_survives_its_journey(state):
    state.observe("files", "web", reading(1), 0.0)
    for wanted in plan(state).values():
        payload = memoryview(b"".join(pack(wanted.snapshot)))
        assert unpack(payload) == wanted.snapshot


def test_a_discovery_is_told_which_files_report_to_it(state):
    other = msgspec.structs.replace(APP, name="other", discovery=("dns", "files"), file="o.yaml")
    dns = msgspec.structs.replace(FILES, name="dns", plugin="dns")
    config = configured(discovery={"files": FILES, "dns": dns}, services={"b": APP, "a": other})
    state.configure(config, 1.0)
    wanted = plan(state)
    assert wanted["discovery", "files"].snapshot.reporters == ("a", "b")
    assert wanted["discovery", "dns"].snapshot.reporters == ("a",)
