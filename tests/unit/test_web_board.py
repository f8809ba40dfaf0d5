"""What the page is told of documents: rows, their versions, what is remembered. All pure."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lighthouse.daemon.history_document import (
    BalancerHistory,
    ClusterChange,
    HistoryDocument,
    TriggerStatus,
    VersionStatus,
)
from lighthouse.daemon.status_document import ClusterStatus, StatusDocument, parse
from lighthouse.web import rows
from lighthouse.web.history import PageHistory
from lighthouse.web.nodes import SortedNodes, listed, states
from lighthouse.web.stream import event
from lighthouse.web.timeline import Timeline, cause, difference
from lighthouse.web.versions import VersionedRows

NOW = 1000.0


def read(**content: Any) -> StatusDocument:
    return parse(json.dumps(content).encode())


def node(name: str, zone: str = "", weight: int = 1) -> dict[str, Any]:
    number = int(name.removeprefix("n"))
    metadata = {"zone": zone} if zone else {}
    ip = f"10.0.0.{number}"
    return {"name": name, "ip": ip, "port": 80, "weight": weight, "metadata": metadata}


def cluster(**changes: Any) -> ClusterStatus:
    nodes = [node("n3", "a"), node("n1", "b"), node("n2", "a")]
    return read(clusters=[{"name": "web", "known": True, "nodes": nodes, **changes}]).clusters[0]


def row(one: ClusterStatus) -> dict[str, Any]:
    nodes = SortedNodes()
    nodes.take(one)
    return rows.cluster_row(one, nodes)


def withheld(**changes: Any) -> dict[str, Any]:
    return {"balancer": "haproxy", "reason": "in maintenance", "nodes": ["10.0.0.2:80"], **changes}


@pytest.mark.parametrize(
    ("changes", "letters", "level", "reason"),
    [
        ({}, "uuu", "ok", ""),
        ({"stale": True}, "sss", "warn", "last known nodes"),
        ({"held_back": ["n3"]}, "uhu", "warn", "1 vanished node held back"),
        ({"withheld": [withheld()]}, "xuu", "ok", "haproxy gives 1 node no traffic"),
        ({"withheld": [withheld(drained=True)]}, "duu", "ok", "no new sessions"),
        ({"nodes": [node("n1", weight=0), node("n2")]}, "du", "ok", ""),
        ({"nodes": []}, "", "bad", ""),
        ({"nodes": [], "waits": True}, "", "bad", "no source has ever said"),
        ({"default_nodes": True}, "uuu", "warn", "default nodes"),
        ({"primary_conflict": "two of them"}, "uuu", "warn", "two of them"),
        ({"refused": [{"record": "x", "reason": "odd"}]}, "uuu", "warn", "1 record refused: odd"),
        ({"refused": [{"record": "x", "reason": "", "fault": False}]}, "uuu", "ok", ""),
    ],
)
def test_a_cluster_is_shown_with_the_worst_of_each_node_and_why(
    changes: dict[str, Any], letters: str, level: str, reason: str
) -> None:
    found = row(cluster(**changes))
    assert (found["nodes"], found["level"]) == (letters, level)
    assert reason in found["reason"]
    assert bool(found["reason"]) is bool(reason)


def test_nodes_are_sorted_by_zone_and_decoded_anew_only_if_they_are_others() -> None:
    nodes = SortedNodes()
    assert nodes.take(cluster())
    assert [one.name for one in nodes.nodes] == ["n2", "n3", "n1"]
    assert nodes.zones == ("a", "b")
    assert not nodes.take(cluster(stale=True))
    assert nodes.take(cluster(nodes=[node("n1")]))


@settings(max_examples=30)
@given(
    st.lists(st.sampled_from(["n1", "n2", "n3", "n4"]), unique=True),
    st.lists(st.sampled_from(["n1", "n2", "n3"]), unique=True),
    st.booleans(),
)
def test_each_node_has_one_letter_and_a_reason(
    names: list[str], held: list[str], stale: bool
) -> None:
    one = cluster(nodes=[node(name) for name in names], held_back=held, stale=stale)
    nodes = SortedNodes()
    nodes.take(one)
    assert len(states(one, nodes.nodes)) == len(names)
    for told in listed(one, nodes.nodes):
        assert told["why"]
        assert (told["state"] == "h") is (told["name"] in held)


SECTIONS = st.dictionaries(
    st.sampled_from(["clusters", "workers"]),
    st.dictionaries(st.sampled_from("abcd"), st.fixed_dictionaries({"x": st.integers(0, 2)})),
)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 1), SECTIONS), min_size=1), st.data())
def test_what_a_reader_is_told_makes_what_it_has_equal_to_what_there_is(
    updates: list[tuple[int, dict[str, Any]]], data: st.DataObject
) -> None:
    versions = VersionedRows()
    known = 0
    held: dict[str, dict[str, Any]] = {}
    head: Any = {}
    for health, sections in updates:
        full = {"clusters": {}, "workers": {}, **sections}
        versions.update({"healthy": health}, full)
        if data.draw(st.booleans()):
            told = versions.since(known)
            assert told is not None
            for section, changed in told["rows"].items():
                for key, value in changed.items():
                    if value is None:
                        held.setdefault(section, {}).pop(key, None)
                    else:
                        held.setdefault(section, {})[key] = value
            head = told["head"] or head
            known = told["version"]
            assert {s: r for s, r in held.items() if r} == {s: r for s, r in full.items() if r}
            assert head == {"healthy": health}
    assert versions.whole()["rows"].keys() == {"clusters", "workers"}


def test_who_has_what_is_not_known_any_more_is_told_all() -> None:
    versions = VersionedRows()
    versions.update({}, {"clusters": {"a": {}}})
    assert versions.since(versions.version + 1) is None
    assert versions.since(-1) is None
    many: dict[str, dict[str, Any]] = {str(number): {} for number in range(6000)}
    versions.update({}, {"clusters": many})
    versions.update({}, {"clusters": {}})
    assert versions.since(1) is None
    assert versions.since(versions.version) == {"version": 3, "head": None, "rows": {}}


def test_nothing_new_is_no_new_version() -> None:
    versions = VersionedRows()
    assert versions.update({"a": 1}, {"clusters": {"a": {"x": 1}}})
    assert not versions.update({"a": 1}, {"clusters": {"a": {"x": 1}}})
    assert versions.version == 1


def checked(at: float | None, passing: bool | None, overdue: bool = False) -> StatusDocument:
    check = {"plugin": "http", "passing": passing, "checked_at": at, "overdue": overdue}
    return read(services=[{"name": "web", "port": 80, "checks": [check]}])


def test_each_result_of_a_check_is_a_square_and_only_thirty_are_kept() -> None:
    history, key = PageHistory(), ("web", 80, "http")
    for document in (checked(1.0, True), checked(1.0, True), checked(2.0, False)):
        history.take(document, NOW)
    assert history.results(key) == "pf"
    for _ in range(3):
        history.take(checked(2.0, None, overdue=True), NOW)
    assert history.results(key) == "pf?"
    for at in range(50):
        history.take(checked(100.0 + at, True), NOW)
    assert history.results(key) == "p" * 30
    history.take(read(), NOW)
    assert history.results(key) == ""


def test_it_is_known_since_when_a_fault_is_there_and_since_when_all_is_well() -> None:
    history = PageHistory()
    ill = read(healthy=False, causes=[{"kind": "cluster", "name": "web", "message": "odd"}])
    history.take(read(healthy=True), 1.0)
    history.take(read(healthy=True), 2.0)
    assert history.well_since == 1.0
    history.take(ill, 3.0)
    history.take(ill, 4.0)
    assert history.well_since is None
    assert history.since(ill.causes[0]) == 3.0
    assert rows.fault_rows(ill, history)["cluster:web:odd"]["help"] == "lighthouse explain web"
    history.take(read(healthy=True), 5.0)
    assert history.well_since == 5.0


def test_memory_is_sampled_now_and_then() -> None:
    history = PageHistory()
    for second in range(40):
        worker = {"kind": "check", "name": "http", "rss_bytes": 100 + second}
        document = read(workers=[worker])
        history.take(document, NOW + second)
    assert history.memory(document.workers[0]) == [100, 110, 120, 130]


def balancer(applied: int, count: int, **snapshot: float) -> StatusDocument:
    stages = {
        stage: {"bounds": [1.0], "counts": [count, 0], "sum": count * seconds}
        for stage, seconds in (("observed", 0.001), ("total", 0.004))
    }
    worker = {
        "kind": "balancer",
        "name": "haproxy",
        "snapshot": {"sent": applied, "applied": applied, "outcome": "applied", **snapshot},
        "latency_ms": {"stages": stages},
    }
    return read(workers=[worker])


def applied(*versions: VersionStatus) -> HistoryDocument:
    return HistoryDocument(balancers=(BalancerHistory(balancer="haproxy", versions=versions),))


def test_the_history_is_asked_for_when_something_was_applied_and_told_with_its_stages() -> None:
    timeline = Timeline()
    assert timeline.take(balancer(3, 1))
    assert not timeline.take(balancer(3, 1))
    assert not timeline.take(balancer(3, 1, age_seconds=4.0)), "it has only grown older"
    assert timeline.take(balancer(5, 3))
    change = ClusterChange(cluster="web", added=("10.0.0.9:80",), section="-a\n+b")
    trigger = TriggerStatus(kind="observed", name="web", discovery="zk", trace="t1")
    newest = VersionStatus(
        version=5, applied_at=9.0, reloads=1, triggers=(trigger,), changes=(change,)
    )
    timeline.tell(applied(newest, VersionStatus(version=3, applied_at=5.0, first=True)))
    assert list(timeline.rows) == ["haproxy:3", "haproxy:5"]
    told = timeline.rows["haproxy:5"]
    assert told["split"] == {"observed": 1.0, "total": 4.0}
    assert told["causes"] == ["zk saw web changing (trace t1)"]
    assert told["clusters"][0]["words"] == "+10.0.0.9:80, its section is another"
    assert told["reloads"] == 1
    timeline.tell(applied(newest))
    assert timeline.rows["haproxy:5"] == told
    timeline.tell(applied(*(VersionStatus(version=n, applied_at=n) for n in range(10, 400))))
    assert next(iter(timeline.rows)) == "haproxy:200"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("file", "file x"),
        ("start", "the start of the daemon"),
        ("order", "an operator's order"),
        ("time", "a hold or a patience was over"),
    ],
)
def test_each_cause_of_a_version_has_words(kind: str, words: str) -> None:
    assert cause(TriggerStatus(kind=kind, name="x")) == words


def test_a_difference_names_a_few_nodes_and_counts_the_others() -> None:
    added = tuple(f"n{number}" for number in range(4))
    change = ClusterChange(kind="added", added=added, removed=("a", "b", "c"), unnamed=2)
    assert difference(change).startswith("added, +n0, +n1, +n2, +n3, ")
    assert difference(change).endswith("3 more")
    assert difference(ClusterChange(known="is known now")) == "is known now"


def test_an_event_is_one_line_of_data_whatever_is_in_it() -> None:
    text = event("delta", {"name": "a\nevent: x\n\nb\r\u2028"}, "e-1").decode()
    assert text.startswith("id: e-1\nevent: delta\ndata: {")
    assert text.endswith("}\n\n")
    assert text.count("\n") == 4
    assert "\r" not in text
