"""The shrink guard: holds, asks, and lets go."""

from hypothesis import given
from hypothesis import strategies as st

from lighthouse.config.kinds import Guard
from lighthouse.node import Node
from lighthouse.supervisor.guard import PATIENCE, Members, due, judge

GUARD = Guard(share=0.5, hold=2.0)


def nodes(*numbers):
    return tuple(Node(f"n{n}", f"10.0.0.{n}", 80) for n in sorted(numbers))


def test_small_losses_and_all_gains_pass_at_once():
    members = Members(nodes(1, 2, 3, 4))
    assert judge(members, nodes(1, 2), 0, 0.0, GUARD) == Members(nodes(1, 2))
    assert judge(members, nodes(1, 2, 3, 4, 5), 0, 0.0, GUARD).nodes == nodes(1, 2, 3, 4, 5)


def test_a_large_loss_is_held_while_gains_pass():
    held = judge(Members(nodes(1, 2, 3, 4)), nodes(4, 9), 0, 10.0, GUARD)
    assert held.nodes == nodes(1, 2, 3, 4, 9)
    assert held.held_back == ("n1:80", "n2:80", "n3:80")
    assert held.held.reread == 1


def test_a_confirmed_loss_is_obeyed_when_the_hold_is_over():
    held = judge(Members(nodes(1, 2, 3)), (), 0, 10.0, GUARD)
    confirmed = judge(held, (), 1, 10.1, GUARD)
    assert confirmed.nodes == nodes(1, 2, 3)
    assert due(confirmed, 1, GUARD) == 12.0
    assert judge(confirmed, (), 1, 12.0, GUARD) == Members(())


def test_an_unconfirmed_loss_is_obeyed_in_the_end():
    held = judge(Members(nodes(1, 2, 3)), (), 0, 10.0, GUARD)
    assert due(held, 0, GUARD) == 10.0 + PATIENCE * 2.0
    assert judge(held, (), 0, 15.9, GUARD).nodes == nodes(1, 2, 3)
    assert judge(held, (), 0, 16.0, GUARD) == Members(())


def test_a_refuted_loss_is_forgotten():
    held = judge(Members(nodes(1, 2, 3)), (), 0, 10.0, GUARD)
    assert judge(held, nodes(1, 2, 3), 1, 10.1, GUARD) == Members(nodes(1, 2, 3))


@given(
    st.lists(st.sets(st.integers(1, 30)), max_size=20),
    st.floats(0.1, 1.0),
    st.floats(0.1, 5.0),
)
def test_it_always_lets_go_and_never_invents(readings, share, hold):
    guard = Guard(share=share, hold=hold)
    members, now, seen = Members(), 0.0, set()
    for reading in readings:
        now += 0.01
        seen |= reading
        members = judge(members, nodes(*reading), 0, now, guard)
        present = {node.key for node in members.nodes}
        assert {node.key for node in nodes(*reading)} <= present
        assert present <= {node.key for node in nodes(*seen)}
    last = nodes(*(readings[-1] if readings else ()))
    assert judge(members, last, 0, now + PATIENCE * hold, guard) == Members(last)
