"""Several sources: the union, the order of failover, and shares of the weight."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighthouse.config.schema.policy import Failover
from lighthouse.membership.combine import Offer, lessen, owners, share_out, union
from lighthouse.membership.failover import Choice, FailoverSource, choose
from lighthouse.node import MAX_WEIGHT, Node

RULE = Failover(after=10.0, back_after=20.0)


def node(n: int, weight: int = 1) -> Node:
    return Node(f"n{n}", f"10.0.{n // 250}.{n % 250 + 1}", 80, weight)


def test_of_one_address_the_first_record_counts() -> None:
    merged = union([(node(2, 5), node(1)), (node(2, 7), node(3))])
    assert merged == (node(1), node(2, 5), node(3))


LOST = [
    # what a, b and the guard know of nodes 1, 2 and 3; their stages; what is served
    (((1, 2), (2, 3)), ("keep", "keep"), {1: 1, 2: 1, 3: 1}),
    (((1, 2), (2, 3)), ("drain", "keep"), {1: 0, 2: 2, 3: 2}),
    (((1, 2), (2, 3)), ("fence", "keep"), {2: 2, 3: 2}),
    (((1, 2), (2, 3)), ("fence", "drain"), {2: 0, 3: 0}),
    (((1, 2), (2,)), ("fence", "keep"), {2: 2}),
    (((1,), (2,)), ("keep", "drain"), {1: 1, 2: 0, 3: 0}),
    (((1, 2), (3,)), ("withhold", "withhold"), {}),
]


@pytest.mark.parametrize(("known", "stages", "served"), LOST)
def test_what_the_loss_of_a_source_takes(
    known: tuple[Any, ...], stages: tuple[Any, Any], served: dict[int, int]
) -> None:
    offers = [
        Offer(name, tuple(node(n, weight) for n in numbers), stage)
        for name, weight, numbers, stage in zip("ab", (1, 2), known, stages, strict=True)
    ]
    if set(stages) == {"keep"}:
        nodes: tuple[Node, ...] = (node(1), node(2), node(3))
    else:
        nodes = union([*(offer.nodes for offer in offers), (node(3),)])
        if 3 not in served:
            nodes = tuple(n for n in nodes if n != node(3))
    assert {int(n.host[1:]): n.weight for n in lessen(nodes, offers)} == served


def walk(steps: list[Any], rule: Failover = RULE) -> tuple[Any, ...]:
    """The sources chosen step by step; a step is its time and each source's state."""
    choice, chosen, due = Choice(), [], None
    for now, *states in steps:
        candidates = [
            FailoverSource(name, state == "empty", state if isinstance(state, float) else None)
            for name, state in zip("abc", states, strict=False)
            if state != "silent"
        ]
        choice, due = choose(choice, candidates, rule, now)
        chosen.append(choice.discovery)
    return chosen, due


FAILOVERS = [
    # the first in order that can be used
    ([(0, "well", "well")], ["a"]),
    ([(0, "empty", "well")], ["b"]),
    ([(0, "silent", "well")], ["b"]),
    # one that was never given up is believed at once when it comes
    ([(0, "silent", "well"), (1, "well", "well")], ["b", "a"]),
    # one that is away stays for a time, then the next takes over
    ([(0, "well", "well"), (9.9, 0.0, "well"), (10, 0.0, "well")], ["a", "a", "b"]),
    # it is believed again only when it has been well for a time
    (
        [(0, "well", "well"), (10, 0.0, "well"), (11, "well", "well"), (30.9, "well", "well")],
        ["a", "b", "b", "b"],
    ),
    (
        [(0, "well", "well"), (10, 0.0, "well"), (11, "well", "well"), (31, "well", "well")],
        ["a", "b", "b", "a"],
    ),
    # and not if it was away again meanwhile
    (
        [
            *[(0, "well", "well"), (10, 0.0, "well"), (11, "well", "well")],
            *[(12, 1.0, "well"), (20, "well", "well"), (31, "well", "well"), (40, "well", "well")],
        ],
        ["a", "b", "b", "b", "b", "b", "a"],
    ),
    # but at once if there is no other
    ([(0, "well", "well"), (10, 0.0, "well"), (11, "well", 0.0)], ["a", "b", "a"]),
    # while none can be used the one that was believed stays
    ([(0, "well", "empty"), (99, 0.0, "empty")], ["a", "a"]),
    ([(0, "well", "well"), (10, 0.0, "well"), (99, 0.0, 20.0)], ["a", "b", "b"]),
    # what only is remembered is better than nothing
    ([(50, 0.0)], ["a"]),
    ([(50, "empty")], [None]),
]


@pytest.mark.parametrize(("steps", "chosen"), FAILOVERS)
def test_failover(steps: list[Any], chosen: list[str | None]) -> None:
    assert walk(steps)[0] == chosen


def test_failover_knows_when_to_look_again() -> None:
    assert walk([(3, 0.0, "well")])[1] == 10.0
    assert walk([(0, "well", "well"), (10, 0.0, "well"), (11, "well", "well")])[1] == 31.0
    assert walk([(0, "well", "well")])[1] is None


@given(st.lists(st.tuples(*[st.sampled_from(["well", "empty", "silent", 0.0])] * 3), max_size=15))
def test_failover_never_leaves_a_source_that_serves_for_one_that_does_not(
    states: list[tuple[Any, ...]],
) -> None:
    choice = Choice()
    for now, row in enumerate(states):
        moment = now * 7.0
        candidates = [
            FailoverSource(name, state == "empty", moment - 50 if state == 0.0 else None)
            for name, state in zip("abc", row, strict=True)
            if state != "silent"
        ]
        choice, _ = choose(choice, candidates, RULE, moment)
        well = {c.discovery for c in candidates if not c.empty and c.away is None}
        assert not well or choice.discovery in well


def shared(shares: dict[str, int], **groups: Any) -> Any:
    """The total weight of each group, after sharing out."""
    owner, nodes, base = {}, [], 0
    for name, weights in groups.items():
        for weight in weights:
            base += 1
            nodes.append(node(base, weight))
            owner[nodes[-1].key] = name
    result = share_out(tuple(nodes), owner, shares)
    assert [n.key for n in result] == [n.key for n in nodes]
    totals = dict.fromkeys(groups, 0)
    for n in result:
        assert 0 <= n.weight <= MAX_WEIGHT
        totals[owner[n.key]] += n.weight
    return totals, result


SHARES = [
    ({"a": 90, "b": 10}, {"a": [1] * 3, "b": [1]}),
    ({"a": 90, "b": 10}, {"a": [1], "b": [1] * 300}),
    ({"a": 50, "b": 50}, {"a": [1], "b": [100] * 7}),
    ({"a": 1, "b": 99}, {"a": [256] * 40, "b": [1]}),
    ({"a": 99, "b": 1}, {"a": [3, 1, 0], "b": [7, 0]}),
]


@pytest.mark.parametrize(("shares", "groups"), SHARES)
def test_each_source_has_its_share(shares: dict[str, int], groups: dict[str, list[int]]) -> None:
    totals, _ = shared(shares, **groups)
    assert totals["a"] / sum(totals.values()) == pytest.approx(shares["a"] / 100, abs=0.005)


def test_a_source_without_nodes_gives_its_share_away() -> None:
    assert shared({"a": 90, "b": 10}, a=[], b=[1, 3])[0] == {"a": 0, "b": 85 + 256}
    assert shared({"a": 100, "b": 0}, a=[0], b=[2])[0] == {"a": 0, "b": 256}
    assert shared({"a": 100, "b": 0}, a=[1], b=[2])[0] == {"a": 256, "b": 0}
    assert shared({"a": 60, "b": 40}, a=[0], b=[0])[0] == {"a": 0, "b": 0}


def test_within_a_source_weights_keep_their_proportion_and_zero_drains() -> None:
    _, result = shared({"a": 50, "b": 50}, a=[1, 2, 0], b=[3])
    assert [n.weight for n in result] == [85, 171, 0, 256]


def test_an_address_of_several_sources_counts_once_for_the_first() -> None:
    offers = [Offer("a", (node(1), node(2))), Offer("b", (node(2), node(3)))]
    assert {k: o.discovery for k, o in owners(offers).items()} == {
        node(1).key: "a",
        node(2).key: "a",
        node(3).key: "b",
    }


weights = st.lists(st.integers(0, MAX_WEIGHT), max_size=40)


@given(st.integers(0, 100), weights, weights)
def test_shares_hold_whatever_the_counts(share: int, a: list[int], b: list[int]) -> None:
    totals, result = shared({"a": share, "b": 100 - share}, a=a, b=b)
    assert (sum(totals.values()) > 0) is any((*a, *b))
    if any(a) and any(b):
        assert totals["a"] / sum(totals.values()) == pytest.approx(share / 100, abs=0.005)
    again = share_out(result, {n.key: "a" for n in result}, {"a": 100})
    assert sum(n.weight for n in again) > 0 or not any((*a, *b))
