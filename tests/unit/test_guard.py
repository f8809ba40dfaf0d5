"""The shrink guard: holds, asks, and lets go."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lighthouse.config.schema.policy import GuardPolicy
from lighthouse.membership.guard import GuardedNodes, due, excuse, is_let_go, is_replaced, judge
from lighthouse.node import Node

GUARD = GuardPolicy(max_loss=0.5, confirm_after=2.0, obey_after=5.0)
STEP = st.tuples(st.sets(st.integers(1, 30)), st.floats(0.0, 3.0), st.booleans())


def nodes(*numbers: Any) -> tuple[Node, ...]:
    return tuple(Node(f"n{n}", f"10.0.0.{n}", 80) for n in sorted(numbers))


def test_small_losses_and_all_gains_pass_at_once() -> None:
    members = GuardedNodes(nodes(1, 2, 3, 4))
    assert judge(members, nodes(1, 2), 0.0, GUARD).nodes == nodes(1, 2)
    assert judge(members, nodes(1, 2, 3, 4, 5), 0.0, GUARD).nodes == nodes(1, 2, 3, 4, 5)


def test_half_of_two_is_no_more_than_half_and_the_only_one_is() -> None:
    assert judge(GuardedNodes(nodes(1, 2)), nodes(1), 0.0, GUARD).held is None
    assert judge(GuardedNodes(nodes(1)), (), 0.0, GUARD).held is not None
    exact = GuardPolicy(max_loss=0.29)
    assert judge(GuardedNodes(nodes(*range(100))), nodes(*range(29, 100)), 0.0, exact).held is None


def test_a_large_loss_is_held_while_gains_pass() -> None:
    held = judge(GuardedNodes(nodes(1, 2, 3, 4, 5)), nodes(4, 9), 10.0, GUARD)
    assert held.nodes == nodes(1, 2, 3, 4, 5, 9)
    assert held.held_back == nodes(1, 2, 3, 5)
    assert held.held.asked is False
    assert due(held, GUARD) == 12.0


def test_it_asks_after_a_while_and_obeys_when_the_hold_is_over() -> None:
    held = judge(GuardedNodes(nodes(1, 2, 3)), (), 10.0, GUARD)
    asking = judge(held, (), 12.0, GUARD)
    assert asking.held.asked
    assert due(asking, GUARD) == 15.0
    assert judge(asking, (), 14.9, GUARD).nodes == nodes(1, 2, 3)
    assert not is_let_go(asking, 14.9, GUARD)
    assert judge(asking, (), 15.0, GUARD) == GuardedNodes(())
    assert is_let_go(asking, 15.0, GUARD)


def test_a_refuted_loss_is_forgotten() -> None:
    held = judge(GuardedNodes(nodes(1, 2, 3)), (), 10.0, GUARD)
    back = judge(held, nodes(1, 2, 3), 10.1, GUARD)
    assert (back.nodes, back.held, back.held_back) == (nodes(1, 2, 3), None, ())


def test_nodes_that_vanish_one_by_one_vanish_at_once() -> None:
    members = GuardedNodes(nodes(*range(10)))
    for n in range(10):
        members = judge(members, nodes(*range(n + 1, 10)), 1.0 + n / 100, GUARD)
        assert len(members.nodes) == (9 - n if n < 5 else 10)
    assert members.held_back == nodes(*range(10))
    assert judge(members, (), 1.05 + GUARD.obey_after, GUARD) == GuardedNodes(())
    mixed = GuardedNodes(nodes(*range(10)))
    for n, at in enumerate((1.0, 1.0, 4.0, 4.0, 4.0, 4.0)):
        mixed = judge(mixed, nodes(*range(n + 1, 10)), at, GUARD)
    assert mixed.nodes == nodes(*range(2, 10))  # the first two are gone for too long
    slow = GuardedNodes(nodes(*range(10)))
    for n in range(9):
        slow = judge(slow, nodes(*range(n + 1, 10)), 10.0 * n, GUARD)
    assert slow.nodes == nodes(9)


def test_a_node_that_returns_is_not_counted_as_lost() -> None:
    members = GuardedNodes(nodes(1, 2, 3))
    for n in range(9):
        gone = 1 + n % 3
        members = judge(members, nodes(*{1, 2, 3} - {gone}), n / 10, GUARD)
        assert members.held is None
        members = judge(members, nodes(1, 2, 3), n / 10 + 0.05, GUARD)
    assert members.nodes == nodes(1, 2, 3)


def test_short_lived_nodes_are_no_loss() -> None:
    stay = set(range(1, 11))
    members = GuardedNodes(nodes(*stay))
    for n in range(12):
        members = judge(members, nodes(*stay, 100 + n), n * 0.4, GUARD)
        assert members.nodes == nodes(*stay, 100 + n)
        members = judge(members, nodes(*stay), n * 0.4 + 0.3, GUARD)
        assert (members.held, members.nodes) == (None, nodes(*stay))
    overlapping = GuardedNodes(nodes(*stay))
    for n in range(20):
        alive = stay | {100 + m for m in range(max(0, n - 5), n + 1) if m < 12}
        overlapping = judge(overlapping, nodes(*alive), n * 0.25, GUARD)
        assert (overlapping.held, overlapping.nodes) == (None, nodes(*alive))


def test_a_rolling_replacement_is_no_loss_in_either_order() -> None:
    for first in ("comes", "goes"):
        members, alive = GuardedNodes(nodes(*range(10))), set(range(10))
        for n in range(10):
            steps = [alive | {100 + n}, alive - {n}]
            for step in steps if first == "comes" else steps[::-1]:
                members = judge(members, nodes(*step), n / 10, GUARD)
                assert (members.held, members.nodes) == (None, nodes(*step))
            alive = alive - {n} | {100 + n}
            members = judge(members, nodes(*alive), n / 10, GUARD)
        assert members.nodes == nodes(*range(100, 110))


def test_as_many_that_come_as_go_are_never_held() -> None:
    members, alive = GuardedNodes(nodes(*range(20))), list(range(20))
    for n in range(500):
        alive = [*alive[1:], 20 + n]
        members = judge(members, nodes(*alive), n / 100, GUARD)
        assert (members.held, members.nodes) == (None, nodes(*alive))
    assert len(members.gone) <= 20 * 10 + 1
    assert len(members.sizes) <= 2


def test_a_loss_amid_churn_is_held_and_takes_back_no_more_than_there_were() -> None:
    members, alive = GuardedNodes(nodes(*range(10))), set(range(10))
    for n in range(10):
        alive = alive - {n} | {100 + n}
        members = judge(members, nodes(*alive), n / 10, GUARD)
    held = judge(members, nodes(100), 1.0, GUARD)
    assert held.nodes == nodes(*range(100, 110))
    assert (held.held.whole, held.held.left) == (10, 1)


def test_newcomers_count_as_much_as_those_that_stay() -> None:
    members = GuardedNodes(nodes(*range(10)))
    held = judge(members, nodes(0, 100, 101, 102), 0.0, GUARD)
    assert (held.held.whole, held.held.left) == (10, 4)
    enough = judge(held, nodes(0, 100, 101, 102, 103), 1.0, GUARD)
    assert (enough.held, enough.nodes) == (None, nodes(0, 100, 101, 102, 103))
    again = judge(enough, nodes(0, 100), 1.5, GUARD)
    assert (again.held.whole, again.held.left) == (10, 2)


def test_a_brief_growth_counts_until_it_is_forgotten() -> None:
    grown = judge(GuardedNodes(nodes(*range(4))), nodes(*range(12)), 0.0, GUARD)
    assert judge(grown, nodes(*range(4)), 0.1, GUARD).held is not None
    shrunk = judge(grown, nodes(*range(6)), 1.0, GUARD)
    assert judge(shrunk, nodes(*range(5)), 5.9, GUARD).held is not None
    assert judge(shrunk, nodes(*range(5)), 6.1, GUARD).held is None


def test_a_replacement_by_as_many_others_is_told_and_passes() -> None:
    members = GuardedNodes(nodes(1, 2, 3))
    assert judge(members, nodes(4, 5, 6), 0.0, GUARD).nodes == nodes(4, 5, 6)
    assert is_replaced(members, nodes(4, 5, 6))
    assert not is_replaced(members, nodes(3, 4, 5))
    assert not is_replaced(members, ())
    assert not is_replaced(GuardedNodes(nodes(1)), nodes(2))


def test_what_this_host_has_withdrawn_is_no_loss() -> None:
    only = GuardedNodes(nodes(1))
    mine = frozenset({("10.0.0.1", 80)})
    assert judge(excuse(only, (), mine), (), 0.0, GUARD).held is None
    members = judge(GuardedNodes(nodes(*range(10))), nodes(*range(5)), 0.0, GUARD)
    assert judge(members, nodes(*range(2, 5)), 1.0, GUARD).held is not None
    excused = excuse(members, nodes(0, 2, 3, 4), mine)
    left = judge(excused, nodes(0, 2, 3, 4), 1.0, GUARD)
    assert (left.held, left.nodes) == (None, nodes(0, 2, 3, 4))
    held = judge(excuse(left, nodes(2, 3, 4), mine), nodes(2, 3, 4), 1.5, GUARD)
    assert held.held is not None
    assert (held.held.whole, held.held.left) == (9, 3)
    assert excuse(members, nodes(*range(5)), mine).nodes == nodes(*range(5))


def test_it_stands_still_while_nobody_can_be_asked() -> None:
    held = judge(GuardedNodes(nodes(1, 2, 3)), (), 10.0, GUARD)
    away = judge(held, (), 11.0, GUARD, paused=True)
    assert due(away, GUARD) is None
    later = judge(away, (), 500.0, GUARD, paused=True)
    assert later.nodes == nodes(1, 2, 3)
    back = judge(later, (), 600.0, GUARD)
    assert back.nodes == nodes(1, 2, 3)
    assert due(back, GUARD) == 601.0
    assert judge(back, (), 604.0, GUARD) == GuardedNodes(())


def test_no_guard_holds_nothing() -> None:
    assert judge(GuardedNodes(nodes(1, 2, 3)), (), 0.0, None) == GuardedNodes(())
    assert judge(GuardedNodes(nodes(1, 2, 3)), (), 0.0, GuardPolicy(max_loss=1.0)).nodes == ()


@given(
    st.lists(
        st.tuples(st.sets(st.integers(1, 30)), st.floats(0.0, 3.0), st.booleans()), max_size=20
    ),
    st.floats(0.0, 1.0),
    st.floats(0.0, 5.0),
    st.floats(0.0, 5.0),
)
def test_it_always_lets_go_and_never_invents(
    readings: list[tuple[set[int], float, bool]],
    share: float,
    confirm_after: float,
    more: float,
) -> None:
    guard = GuardPolicy(share, confirm_after, confirm_after + more)
    members, now, seen = GuardedNodes(), 0.0, set()
    for reading, pause, paused in readings:
        now += pause
        seen |= reading
        members = judge(members, nodes(*reading), now, guard, paused)
        present = {node.key for node in members.nodes}
        assert {node.key for node in nodes(*reading)} <= present
        assert present <= {node.key for node in nodes(*seen)}
    last = nodes(*(readings[-1][0] if readings else ()))
    began = judge(members, last, now, guard)
    over = judge(began, last, now + guard.obey_after, guard)
    assert over.nodes == last


@given(st.sets(st.integers(1, 40), min_size=1), st.data())
def test_no_more_than_the_share_is_lost_within_the_time(
    whole: set[int], data: st.DataObject
) -> None:
    members = GuardedNodes(nodes(*whole))
    left = set(whole)
    for _ in range(data.draw(st.integers(1, 6))):
        left -= data.draw(st.sets(st.sampled_from(sorted(whole))))
        members = judge(members, nodes(*left), 1.0, GUARD)
        assert len(members.nodes) >= len(whole) / 2
