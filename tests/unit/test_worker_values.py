"""The pure parts of workers: backoff, what is in force of a config, readings, bounds."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighthouse.balancer import Withheld
from lighthouse.discovery import Reading, Refusal
from lighthouse.ipc.messages import MAX_FRAME, Applied, Frame, decode, encode
from lighthouse.ipc.snapshot import PluginSettings
from lighthouse.node import Node, Refused, parse
from lighthouse.peer import Peer
from lighthouse.process.timing.backoff import Backoff
from lighthouse.schema import Invalid, Problem, Rejection
from lighthouse.workers.boundary.limits import (
    WARNINGS,
    Seen,
    bounded,
    counted,
    named,
    one_line,
    plain,
    tail,
)
from lighthouse.workers.boundary.validation import (
    ConfigVerdict,
    admit_withheld,
    judge,
    rejudge,
    tidy,
)
from lighthouse.workers.sources.observer import admit_reading


def test_backoff_doubles_up_to_its_cap_for_ever() -> None:
    backoff = Backoff(first=1, factor=2, cap=60, jitter=0.2)
    assert [backoff.delay(n, 0) for n in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert backoff.delay(10**9, 0) == 60
    assert backoff.delay(3, 1) == pytest.approx(3.2)


def validate(config: Mapping[str, Any]) -> None:
    match config.get("is"):
        case "wrong":
            raise ValueError("is wrong\nindeed")
        case "faulty":
            raise Invalid((Problem(("a", 0), "expected b"), Problem(("c",), "unknown")))
        case "buggy":
            raise ZeroDivisionError("division")
        case "odd":
            raise Invalid((Problem(("a", None, True), 7),))  # type: ignore[arg-type]
        case "exit":
            raise SystemExit(2)
        case "mute":
            raise ValueError


REMEDY = "raise ValueError with what is wrong, or use lighthouse.schema.convert"
REJECTED = {
    "wrong": (Problem((), "is wrong indeed"),),
    "faulty": (Problem(("a", 0), "expected b"), Problem(("c",), "unknown")),
    "buggy": (Problem((), f"its validation failed: ZeroDivisionError: division; {REMEDY}"),),
    "odd": (Problem(("a", "None", "True"), "7"),),
    "exit": (Problem((), f"its validation failed: SystemExit: 2; {REMEDY}"),),
    "mute": (Problem((), f"its validation failed: ValueError without a reason; {REMEDY}"),),
}


@pytest.mark.parametrize("case", REJECTED)
@pytest.mark.parametrize("accepted", [None, {"is": "old"}])
def test_a_rejected_config_falls_back(case: str, accepted: dict[str, Any] | None) -> None:
    verdict = judge(validate, PluginSettings({"is": case}, accepted), "web")
    assert verdict.config == accepted
    assert verdict.rejection == Rejection(REJECTED[case], cluster="web")
    assert verdict.reason


def test_an_accepted_config_is_in_force() -> None:
    assert judge(validate, PluginSettings({"is": "good"}, {"is": "old"})) == ConfigVerdict(
        {"is": "good"}
    )


def test_a_verdict_holds_while_the_content_is_the_same() -> None:
    good = ConfigVerdict({"x": 1})
    assert rejudge(PluginSettings({"x": 1}), good, PluginSettings({"x": 1}, {"x": 1})) is good
    assert rejudge(PluginSettings({"x": 1}), good, PluginSettings({"x": 2})) is None
    bad = ConfigVerdict({"y": 1}, Rejection((Problem((), "no"),)))
    assert (
        rejudge(PluginSettings({"x": 1}, {"y": 1}), bad, PluginSettings({"x": 1}, {"y": 1})) is bad
    )
    assert (
        rejudge(PluginSettings({"x": 1}, {"y": 1}), bad, PluginSettings({"x": 1}, {"y": 2}))
        is None
    )


def test_a_reading_is_sorted_and_known_nodes_are_kept() -> None:
    peer = Peer("p", "10.0.0.7")
    old = Node("a", "10.0.0.2", 80, 3, {"k": [1, {"x": None}]}, peer)
    reading = Reading((Node("b", "::1", 80), old, Node("c", "10.0.0.2", 8)))
    known = admit_reading(reading, {})
    assert [node.key for node in known.nodes] == [("10.0.0.2", 8), ("10.0.0.2", 80), ("::1", 80)]
    assert known.nodes[1] == old
    twin = Node("a", "10.0.0.2", 80, 3, {"k": [1, {"x": None}]}, Peer("p", "10.0.0.7"))
    assert admit_reading(Reading((twin,)), {old.key: old}).nodes[0] is old


def test_the_second_node_of_an_address_is_refused() -> None:
    reading = admit_reading(Reading((Node("a", "10.0.0.1", 1), Node("b", "10.0.0.1", 1))), {})
    assert reading.nodes == (Node("a", "10.0.0.1", 1),)
    assert reading.refused == (Refusal("b:1", "same address as a:1"),)


@pytest.mark.parametrize("odd", [None, (), "x", {"nodes": ()}])
def test_what_is_no_reading_is_an_error(odd: Any) -> None:
    with pytest.raises(TypeError, match="expected a Reading"):
        admit_reading(odd, {})


anything = st.one_of(st.none(), st.integers(), st.text(max_size=20), st.binary(max_size=4))
nodes = st.builds(
    Node,
    host=st.one_of(anything, st.just("a")),
    ip=st.one_of(anything, st.ip_addresses(v=4).map(str)),
    port=st.one_of(anything, st.integers(1, 9)),
    weight=st.one_of(anything, st.just(1)),
    metadata=st.one_of(anything, st.dictionaries(st.text(max_size=5), anything, max_size=3)),
    peer=st.one_of(anything, st.builds(Peer, name=anything, ip=anything, port=anything)),
)


@given(st.lists(nodes, max_size=3), anything)
def test_a_reading_that_holds_what_is_no_node_is_none(members: list[Any], odd: object) -> None:
    with pytest.raises(TypeError, match="expected Nodes only"):
        admit_reading(Reading((*members, odd)), {})  # type: ignore[arg-type]


@given(st.lists(nodes, max_size=6))
def test_whatever_a_plugin_reports_only_valid_nodes_pass(members: list[Any]) -> None:
    reading = admit_reading(Reading(tuple(members), (Refusal("x", "y"),)), {})
    assert len(reading.nodes) + len(reading.refused) == len(members) + 1
    for node in reading.nodes:
        record = {"host": node.host, "ip": node.ip, "port": node.port}
        try:
            assert parse(record).key == node.key
        except Refused as error:
            raise AssertionError(f"{node} is no node") from error
    encode(reading)


@given(
    st.text(max_size=3000),
    st.lists(st.text(max_size=600), max_size=200),
    st.lists(st.one_of(st.integers(), st.text(max_size=200)), max_size=30),
)
def test_whatever_a_plugin_says_fits_a_frame(
    text: str, messages: list[str], path: list[str | int]
) -> None:
    problems = tuple(tidy(Problem(tuple(path), message)) for message in messages)
    rejections = [Rejection(problems, cluster=str(n)) for n in range(10)]
    kept, left_out = bounded(rejections)
    applied = Applied(
        2**40,
        "failed",
        1e9,
        one_line(text * 10),
        tail("\n".join([text] * 20)),
        kept,
        plain({"note": one_line(text)})[0],
        counted(rejections, WARNINGS),
        left_out,
    )
    frame = encode(Frame(applied))
    assert len(frame) < MAX_FRAME
    assert decode(frame).message == applied


def test_the_largest_message_fits_a_frame() -> None:
    wide = "\U0001f6a2"
    rejections = [Rejection((Problem((), wide * 400),) * 50, cluster=str(n)) for n in range(50)]
    kept, left_out = bounded(rejections)
    status = plain({str(n): wide * 250 for n in range(8)})
    warnings = counted(rejections, WARNINGS)
    reason, traceback = one_line(wide * 900), tail("\n".join([wide * 400] * 20))
    held, unnamed = named([Withheld("c" * 63, wide * 400, MANY, True)] * 3)
    applied = Applied(
        2**40, "failed", 1e9, reason, traceback, kept, status[0], warnings, left_out, held, unnamed
    )
    assert MAX_FRAME * 0.8 < len(encode(applied)) < MAX_FRAME


MANY = tuple((f"10.0.{n // 250}.{n % 250}", 8000) for n in range(500))


def test_nodes_that_find_no_room_are_counted() -> None:
    held = [Withheld(name, "in maintenance", MANY, True) for name in ("a", "b")]
    kept, unnamed = named(held)
    assert kept[0].cluster == "a"
    assert sum(len(each.nodes) for each in kept) + unnamed == 1000
    assert sum(len(each.nodes) for each in kept) > 200
    assert named(held[:1], 10**6) == (tuple(held[:1]), 0)


@pytest.mark.parametrize("said", [None, 5, "web", [5], [{"a": object()}], [None]])
def test_what_a_plugin_withholds_must_be_nodes(said: object) -> None:
    with pytest.raises(TypeError, match="Withheld"):
        admit_withheld(said)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            [("web", "away", ())],
            "its list holds ('web', 'away', ()), expected lighthouse.balancer",
        ),
        (Withheld("web", "away", ()), "of the type Withheld; expected a list, [] for none, of "),
        ([Withheld("web", "away", ("10.0.0.1:80",))], "is none as expected, lighthouse.balancer"),  # type: ignore[arg-type]
    ],
)
def test_what_is_withheld_wrongly_is_told_in_words(said: object, told: str) -> None:
    with pytest.raises(TypeError) as raised:
        admit_withheld(said)
    assert told in str(raised.value)


def test_what_a_plugin_withholds_is_passed_on() -> None:
    one = Withheld("web", "in\nmaintenance", (("10.0.0.1", 80),), True)
    assert admit_withheld([one]) == (Withheld("web", "in maintenance", (("10.0.0.1", 80),), True),)
    assert admit_withheld(()) == ()


def test_what_is_left_out_is_counted() -> None:
    rejections = [Rejection((Problem((), "x" * 400),) * 3, cluster=str(n)) for n in range(100)]
    kept, left_out = bounded(rejections)
    assert [r.cluster for r in kept] == [str(n) for n in range(len(kept))]
    assert sum(len(r.problems) for r in kept) + left_out == 300
    assert bounded(rejections[:3]) == (tuple(rejections[:3]), 0)
    assert counted(rejections)[:-1] == kept
    assert counted(rejections)[-1].problems[0].message == f"{left_out} more are not shown"
    assert counted(rejections[:3]) == tuple(rejections[:3])


def test_the_end_of_a_traceback_is_kept() -> None:
    lines = "\n".join(f"line {n}" for n in range(10_000))
    kept = tail(lines).splitlines()
    assert kept[0] == "..."
    assert kept[-1] == "line 9999"
    assert len(tail("x" * 10**6)) <= 500
    assert tail("a\nb\n") == "a\nb"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=3), part),
    max_leaves=6,
)
STATUSES = st.lists(st.dictionaries(st.sampled_from("abc"), VALUES), max_size=4)


@given(STATUSES)
def test_a_status_is_shown_the_same_whatever_was_seen_before(
    said: list[dict[str, object]],
) -> None:
    seen: Seen = {}
    for status in said:
        assert repr(plain(status, seen)) == repr(plain(status))


def test_a_value_that_is_altered_in_place_is_seen_anew() -> None:
    seen: Seen = {}
    nodes = ["a"]
    assert plain({"nodes": nodes}, seen)[0] == {"nodes": ["a"]}
    nodes.append("b")
    assert plain({"nodes": nodes}, seen)[0] == {"nodes": ["a", "b"]}
