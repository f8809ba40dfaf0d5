"""Versions that a balancer applied: kept cheaply, compared, written without secrets, pinned."""

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighthouse.ipc.messages import Applied, decode_as, encode
from lighthouse.ipc.snapshot import BalancerSnapshot, Membership, Part, PluginSettings
from lighthouse.node import Node
from lighthouse.supervisor.history.blank import BLANK, SecretGone, blanked, filled
from lighthouse.supervisor.history.comparison import LOOKED_INTO, NODES, compare
from lighthouse.supervisor.history.keeper import HistoryKeeper
from lighthouse.supervisor.history.pins import PinnedSnapshot, Pins
from lighthouse.supervisor.history.recorder import KEPT, NAMED, HistoryRecorder, SentSnapshot
from lighthouse.supervisor.history.saved import SavedVersion, condensed, restored
from lighthouse.supervisor.history.version import Trigger
from lighthouse.supervisor.standing_order import StandingOrder
from lighthouse.supervisor.store import Store

SECRET = "correct-horse-battery"


def part(name: str, revision: int, *nodes: Node, config: Any = None, stale: bool = False) -> Part:
    settings = None if config is None else PluginSettings(config)
    raw = msgspec.Raw(encode(tuple(nodes)))
    body = Membership(settings, raw, True, stale, float(revision), None)
    return Part(name, revision, encode(body))


def snapshot(*parts: Part, **config: Any) -> BalancerSnapshot:
    return BalancerSnapshot(PluginSettings(config), parts)


def node(name: str, port: int = 80, **more: Any) -> Node:
    return Node(name, f"10.0.0.{len(name)}", port, **more)


def sent(number: int, what: BalancerSnapshot, plugin: str = "haproxy") -> SentSnapshot:
    return SentSnapshot("web", plugin, 7, number, time.time(), time.monotonic(), what)


def applied(number: int, reloads: int = 0, kind: Any = "applied") -> Applied:
    return Applied(number, kind, time.monotonic() + 0.005, status={"reloads": reloads})


def recorded(*snapshots: BalancerSnapshot) -> HistoryRecorder:
    recorder = HistoryRecorder()
    for number, each in enumerate(snapshots, 1):
        recorder.applied(sent(number, each), applied(number))
    return recorder


ONE = snapshot(part("a", 1, node("x")), part("b", 2))
TWO = snapshot(part("a", 3, node("x"), node("yy")), ONE.clusters[1])


def test_only_what_is_new_is_a_version() -> None:
    recorder = recorded(ONE, ONE, TWO, TWO)
    assert [version.number for version in recorder.of("web")] == [2, 4]
    recorder.applied(sent(5, ONE), applied(5, kind="failed"))
    recorder.applied(sent(6, ONE), applied(5))  # of an older snapshot
    assert recorder.newest == 4
    assert recorder.find("web", 2) is not None
    assert recorder.find("web", 3) is None
    assert recorder.find("other", 2) is None


def test_a_version_tells_what_led_to_it_how_long_it_took_and_its_reloads() -> None:
    recorder = HistoryRecorder()
    now = time.time()
    recorder.note(("web", "other"), Trigger("file", now, "clusters/a.yaml"))
    for _ in range(NAMED + 4):
        recorder.note(("web",), Trigger("observed", now, "a", "zk", "t1"))
    recorder.applied(sent(1, ONE), applied(1, reloads=3))
    recorder.note(("web",), Trigger("observed", now + 60, "a", "zk", "later"))
    recorder.applied(sent(2, TWO), applied(2, reloads=5))
    first, second = recorder.of("web")
    assert (first.triggers[0].name, len(first.triggers), first.unnamed) == (
        "clusters/a.yaml",
        NAMED,
        5,
    )
    assert (first.reloads, second.reloads) == (3, 2)
    assert 0.004 < first.seconds < 1
    assert [trigger.kind for trigger in second.triggers] == ["time"]


def test_a_plugin_that_counts_no_reloads_is_said_to_be_unknown() -> None:
    recorder = HistoryRecorder()
    recorder.applied(sent(1, ONE), Applied(1, "applied", time.monotonic()))
    (version,) = recorder.of("web")
    assert version.reloads is None
    assert [trigger.kind for trigger in version.triggers] == ["start"]


def test_so_many_versions_are_kept_and_so_many_bytes() -> None:
    many = recorded(*(snapshot(part("a", n, node("x", n + 1))) for n in range(KEPT + 7)))
    assert len(many.of("web")) == KEPT
    heavy = [node("n" * 200, port) for port in range(1, 20_000)]
    large = recorded(*(snapshot(part("a", n, *heavy)) for n in range(8)))
    assert 2 <= len(large.of("web")) < 8
    assert recorded(*(snapshot(part("a", n, *heavy)) for n in range(2))).find("web", 1)


def test_versions_are_written_by_what_differs_and_read_back_without_secrets() -> None:
    secret = {"port": 80, "password": SECRET, "url": f"http://u:{SECRET}@h/"}
    first = snapshot(part("a", 1, node("x"), config=secret), part("b", 2), api_token=SECRET)
    moved = snapshot(first.clusters[0], part("c", 3, node("z")), api_token=SECRET)
    recorder = recorded(first, moved, first)
    data = encode(condensed(recorder.of("web")))
    assert SECRET.encode() not in data
    again = list(restored(decode_as(tuple[SavedVersion, ...], data)))
    assert [each.number for each in again] == [1, 2, 3]
    for before, after in zip(recorder.of("web"), again, strict=True):
        names = [each.name for each in before.snapshot.clusters]
        assert [each.name for each in after.snapshot.clusters] == names
        assert all(each.revision < 0 for each in after.snapshot.clusters)
        for was, now in zip(before.snapshot.clusters, after.snapshot.clusters, strict=True):
            old, new = decode_as(Membership, was.body), decode_as(Membership, now.body)
            assert bytes(old.nodes) == bytes(new.nodes)
    config = decode_as(Membership, again[0].snapshot.clusters[0].body).settings
    assert config == PluginSettings({"port": 80, "password": BLANK, "url": BLANK})
    shared = again[0].snapshot.clusters[0], again[1].snapshot.clusters[0]
    assert shared[0] is shared[1]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "password", "b_token", "x"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(JSON)
def test_what_is_left_out_is_put_back_from_where_it_stands(content: Any) -> None:
    assert filled(blanked(content), content) == content


def test_what_is_left_out_and_stands_nowhere_is_said() -> None:
    with pytest.raises(SecretGone):
        filled({"a": [{"password": BLANK}]}, {"a": []})
    assert filled({"a": 1}, None) == {"a": 1}


def test_a_secret_may_be_a_number() -> None:
    assert blanked({"password": 123456, "port": 80}) == {"password": BLANK, "port": 80}
    assert filled({"password": BLANK}, {"password": 7}) == {"password": 7}


def test_one_history_is_written_in_a_slice_and_the_longest_unwritten_first(tmp_path: Path) -> None:
    recorder = HistoryRecorder()
    keeper, names = HistoryKeeper(recorder, Store(tmp_path)), ("api", "db", "web")
    for number in (1, 2):
        for name in names:
            what = msgspec.structs.replace(sent(number, (ONE, TWO)[number - 1]), balancer=name)
            recorder.applied(what, applied(number))
        for left in (2, 1, 0):
            keeper.write(0.0)
            assert len(recorder.changed) == left
    assert Store(tmp_path).records("history-") == list(names)
    recorder.applied(sent(9, TWO), applied(9))
    assert recorder.changed == {"web"}, "its newer number is not on disk"
    recorder.keep({})
    keeper.write()
    assert (Store(tmp_path).records("history-"), recorder.changed) == ([], set())


def _pinned(version: int = 1, **config: Any) -> tuple[Pins, StandingOrder]:
    """Pins as they are after a restart."""
    pins, order = Pins(), StandingOrder(("balancer", "web"), 1.0, "bad", None, "alice", version)
    pins.keep(order, "haproxy", snapshot(part("a", 4, node("x")), **config))
    pins.orders.begin(order)
    data = encode(pins.saved(order))
    assert SECRET.encode() not in data
    later = Pins()
    later.orders.restore(pins.orders.all())
    later.restore(decode_as(tuple[PinnedSnapshot, ...], data))
    return later, order


def test_a_pin_outlives_a_restart_with_the_secrets_that_stand_in_the_file_now() -> None:
    pins, _ = _pinned(port=1, password=SECRET)
    served = pins.served("web", "haproxy", lambda: snapshot(port=2, password="another"))
    assert served is not None
    assert served.settings.config == {"port": 1, "password": "another"}
    assert pins.served("web", "haproxy", snapshot) is served
    assert pins.served("web", "nginx", snapshot) is None
    assert pins.served("other", "haproxy", snapshot) is None


def test_a_pin_whose_secrets_are_gone_ends() -> None:
    pins, order = _pinned(password=SECRET)
    assert pins.served("web", "haproxy", snapshot) is None
    assert pins.orders.of(order.worker) is None


def test_a_pin_whose_snapshot_cannot_be_read_ends(caplog: pytest.LogCaptureFixture) -> None:
    _, order = _pinned()
    pins = Pins()
    pins.orders.restore((order,))
    pins.restore(())
    assert pins.orders.all() == ()
    assert "could not be read" in caplog.text


def test_what_differs_is_told_by_node_and_by_line() -> None:
    old = node("yy", metadata={"zone": "a", "password": SECRET})
    new = node("yy", weight=5, metadata={"zone": "b", "password": f"{SECRET}2"})
    before = snapshot(
        part("a", 1, node("x"), old, config={"port": 1, "secret": SECRET}), part("gone", 2)
    )
    now = snapshot(
        part("a", 3, new, node("zzz"), config={"port": 2, "secret": SECRET}), part("new", 4)
    )
    changes, more, settings = compare(before, now)
    assert (more, settings) == (0, "")
    a, gone, new_one = changes
    assert (a.added, a.removed) == (("10.0.0.3:80",), ("10.0.0.1:80",))
    (moved,) = a.changed
    assert moved.what == f"weight 1 to 5, password {BLANK} to {BLANK}, zone a to b"
    assert "-port: 1\n+port: 2" in a.section
    assert SECRET not in repr(changes)
    assert (gone.kind, new_one.kind) == ("removed", "added")


def test_what_only_was_read_later_is_no_change() -> None:
    assert compare(snapshot(part("a", 1, node("x"))), snapshot(part("a", 2, node("x"))))[0] == ()
    (stale,), _, _ = compare(snapshot(part("a", 1)), snapshot(part("a", 1, stale=True)))
    assert stale.known == "is stale"


def test_only_so_much_is_looked_into() -> None:
    crowd = [node("n" * n, n) for n in range(1, NODES + 12)]
    (change,), _, _ = compare(snapshot(part("a", 1)), snapshot(part("a", 2, *crowd)))
    assert (len(change.added), change.unnamed) == (NODES, 11)
    names = [f"c{n:03}" for n in range(LOOKED_INTO + 3)]
    changes, more, _ = compare(
        snapshot(*(part(name, 1) for name in names)),
        snapshot(*(part(name, 2, node("x")) for name in names)),
    )
    assert (len(changes), more) == (LOOKED_INTO, 3)
