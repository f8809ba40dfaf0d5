"""When clients are held: from any history of snapshots and probes, never for too long."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lighthouse.pgbouncer.hold import UNLISTED, HoldSight, HoldState, step
from lighthouse.pgbouncer.settings import HoldSettings

busy = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])

SETTINGS = HoldSettings(enabled=True, max=2.0, confirm=2)

sights = st.builds(
    HoldSight,
    now=st.floats(0.1, 0.5),
    listed=st.booleans(),
    moved=st.integers(0, 9).map(lambda number: number == 0),
    role=st.sampled_from(["", "primary", "replica", "outdated"]),
    answer=st.sampled_from([None, True, False, False, False]),
)


def run(*found: HoldSight) -> list[str]:
    """What is done at each of these."""
    state = HoldState()
    done: list[str] = []
    for sight in found:
        state, action = step(state, sight, SETTINGS)
        done.append(action)
    return done


def dead(now: float, listed: bool = True) -> HoldSight:
    return HoldSight(now, listed=listed, answer=False)


@busy
@given(st.lists(sights, max_size=40))
def test_no_history_holds_too_long_or_without_proof(history: list[HoldSight]) -> None:
    state, now, failed = HoldState(), 0.0, 0
    began: float | None = None
    for delta in history:
        now += delta.now
        sight = HoldSight(now, delta.listed, delta.moved, delta.role, delta.answer)
        if sight.answer is not None:
            failed = 0 if sight.answer else failed + 1
        state, action = step(state, sight, SETTINGS)
        if action == "pause":
            assert began is None
            assert sight.listed
            assert sight.answer is False
            assert failed >= SETTINGS.confirm
            assert not sight.moved
            began = now
        elif action == "resume":
            assert began is not None
            began = None
        assert (state.since is None) == (began is None)
        if began is not None:
            assert now - began < SETTINGS.max
            assert not sight.moved


def test_a_hold_begins_with_the_second_failure() -> None:
    assert run(dead(0), dead(0.25)) == ["", "pause"]
    assert run(dead(0), HoldSight(0.25, listed=True, answer=True), dead(0.5)) == ["", "", ""]
    assert run(dead(0, listed=False), dead(0.25, listed=False)) == ["", ""]
    assert run(dead(0), dead(0.25, listed=False), dead(0.5), dead(0.75)) == ["", "", "", "pause"]


def test_one_outage_is_held_once() -> None:
    times = [dead(0.25 * number) for number in range(40)]
    assert [each for each in run(*times) if each] == ["pause", "resume"]
    back = HoldSight(11, listed=True, role="primary", answer=True)
    assert [each for each in run(*times, back, dead(12), dead(13)) if each][2:] == ["pause"]


def test_it_ends_with_a_new_primary_or_with_the_old_one() -> None:
    begun = (dead(0), dead(0.25))
    assert run(*begun, HoldSight(0.3, moved=True))[-1] == "resume"
    for role, needed in (("primary", 2), ("", UNLISTED)):
        back = [HoldSight(0.3, role=role, answer=True)] * needed
        assert run(*begun, *back)[2:] == [*[""] * (needed - 1), "resume"]
    for role in ("replica", "outdated"):
        assert not any(run(*begun, *[HoldSight(0.3, role=role, answer=True)] * 20)[2:])
