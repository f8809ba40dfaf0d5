"""Slots and the list of synchronous standbys: what no history of readings may lead to."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lighthouse.postgresql import slots, synchronous
from lighthouse.postgresql.settings import SynchronousSettings
from lighthouse.postgresql.slots import Slot, SlotPlan, slot_name
from lighthouse.testing import node

NAMES = st.sampled_from(["n1", "N1", "n2", 'q"uoted', "n-3.example", "*"])
NAME_SETS = st.frozensets(NAMES)
HISTORIES = st.lists(st.tuples(NAME_SETS, NAME_SETS, st.floats(0.0, 40.0)), max_size=12)
POLICIES = st.builds(
    SynchronousSettings,
    manage=st.just(True),
    method=st.sampled_from(["any", "first"]),
    count=st.integers(1, 3),
    on_too_few=st.sampled_from(["keep", "degrade"]),
    shrink_grace=st.sampled_from([0.0, 30.0]),
)


def counted(value: str) -> tuple[int, list[str]]:
    """How many of which names a list asks for."""
    method, number, _ = value.split(" ", 2)
    assert method in ("ANY", "FIRST")
    return int(number), list(synchronous.parse(value))


@settings(max_examples=50, deadline=None)
@given(POLICIES, HISTORIES, st.dictionaries(NAMES.map(str.lower), st.none()))
def test_no_history_hangs_commits_or_frees_them_unasked(
    policy: SynchronousSettings,
    history: list[tuple[frozenset[str], frozenset[str], float]],
    members: dict[str, float | None],
) -> None:
    """Never more than there are names, or that stream; never none unless that is asked for."""
    now, kept = 0.0, dict(members)
    for candidates, streaming, passed in history:
        now += passed
        step = synchronous.step(kept, candidates, streaming, policy, now)
        kept = dict(step.members)
        if step.value == "":
            assert policy.on_too_few == "degrade"
            assert not kept
            assert step.warning
        elif step.value is not None:
            count, names = counted(step.value)
            live = {name.lower() for name in streaming}
            assert 1 <= count <= len(names)
            assert count <= policy.count
            assert count <= len(live & set(names)), "commits would wait for who is not there"
            assert "*" not in names
            assert set(names) == set(kept)


@settings(max_examples=50, deadline=None)
@given(POLICIES, NAME_SETS.filter(lambda names: "n1" in names))
def test_a_discovery_that_blinks_weakens_nothing(
    policy: SynchronousSettings, names: frozenset[str]
) -> None:
    patient = SynchronousSettings(count=policy.count, on_too_few=policy.on_too_few)
    before = synchronous.step({}, names, names, patient, 0.0)
    blink = synchronous.step(before.members, (), names, patient, 1.0)
    assert blink.value == before.value
    assert synchronous.step(blink.members, names, names, patient, 2.0) == before


@pytest.mark.parametrize(
    ("policy", "at", "value", "words"),
    [
        ({}, 1.0, None, "commits wait until one does"),
        ({}, 99.0, None, "commits wait until one does"),
        ({"on_too_few": "degrade"}, 1.0, None, "until shrink_grace is over"),
        ({"on_too_few": "degrade"}, 99.0, "", "commits wait for none"),
    ],
)
def test_when_no_standby_is_left(
    policy: dict[str, str], at: float, value: str | None, words: str
) -> None:
    policed = SynchronousSettings(**policy)  # type: ignore[arg-type]
    one = synchronous.step({}, ["n2"], ["n2"], policed, 0.0)
    assert one.value == 'ANY 1 ("n2")'
    gone = synchronous.step(one.members, ["n2"], (), policed, 0.5)
    step = synchronous.step(gone.members, (), (), policed, at)
    assert (step.value, words in step.warning) == (value, True), step


def test_a_list_that_asks_for_too_many_cannot_be_written() -> None:
    for count, names in ((2, ["a"]), (0, ["a"]), (1, [])):
        with pytest.raises(ValueError, match="names"):
            synchronous.render("any", count, names)


def test_members_join_at_once_and_leave_late() -> None:
    policed = SynchronousSettings(count=2)
    one = synchronous.step({}, ["n2", "n3"], ["n2", "n3", "stranger"], policed, 0.0)
    assert one.value == 'ANY 2 ("n2", "n3")'
    dead = synchronous.step(one.members, ["n2"], ["n2"], policed, 1.0)
    assert (dead.value, "1 of the 2" in dead.warning) == ('ANY 1 ("n2", "n3")', True)
    late = synchronous.step(dead.members, ["n2"], ["n2"], policed, 32.0)
    assert late.value == 'ANY 1 ("n2")'


SLOTS = st.lists(
    st.builds(
        Slot,
        st.sampled_from(["lh_a", "lh_b", "lh_c", "other", "backup"]),
        st.booleans(),
        st.booleans(),
        st.none() | st.floats(0.0, 300.0),
    ),
    unique_by=lambda slot: slot.name,
)
WANTED = st.frozensets(st.sampled_from(["lh_a", "lh_b", "lh_c", "lh_d"]))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(SLOTS, WANTED, st.floats(0.0, 100.0)), min_size=1, max_size=8),
    st.frozensets(st.sampled_from(["lh_a", "lh_b"])),
)
def test_no_history_drops_a_slot_of_others_or_one_that_is_needed(
    history: list[tuple[list[Slot], frozenset[str], float]], protected: frozenset[str]
) -> None:
    now, absent, ttl = 0.0, dict[str, float](), 120.0
    gone_since: dict[str, float] = {}
    for there, wanted, passed in history:
        now += passed
        states = {slot.name: slot for slot in there}
        gone_since = {n: gone_since.get(n, now) for n in states if n not in wanted}
        absent = slots.absences(there, wanted, "lh_", absent, now)
        found = slots.plan(there, wanted, absent, protected, ttl, now)
        for name in found.drop:
            assert name.startswith("lh_")
            assert not states[name].active
            assert name not in protected
            if name not in wanted:
                assert now - gone_since[name] > ttl
            else:
                assert states[name].lost
                assert name in found.create
        assert set(found.create) <= wanted
        assert not (set(found.create) & (states.keys() - set(found.drop)))


@pytest.mark.parametrize(
    ("there", "plan"),
    [
        ([], SlotPlan(create=("lh_n2_5432",))),
        ([Slot("lh_n2_5432", True)], SlotPlan()),
        ([Slot("lh_n2_5432"), Slot("lh_old")], SlotPlan()),
        ([Slot("lh_n2_5432"), Slot("lh_gone")], SlotPlan(("lh_gone",))),
        ([Slot("lh_n2_5432"), Slot("lh_gone", True)], SlotPlan()),
        ([Slot("lh_n2_5432"), Slot("lh_gone", idle=5.0)], SlotPlan()),
        ([Slot("lh_n2_5432"), Slot("lh_kept")], SlotPlan()),
    ],
)
def test_what_is_done_about_slots(there: list[Slot], plan: SlotPlan) -> None:
    absent = {"lh_gone": 0.0, "lh_kept": 0.0, "lh_old": 90.0}
    assert slots.plan(there, {"lh_n2_5432"}, absent, {"lh_kept"}, 60.0, 100.0) == plan


def test_a_slot_that_was_invalidated_is_made_anew_and_told() -> None:
    found = slots.plan([Slot("lh_a", lost=True)], {"lh_a"}, {}, (), 60.0, 0.0)
    assert (found.drop, found.create) == (("lh_a",), ("lh_a",))
    assert "slots that were invalidated are made anew: lh_a;" in found.warning


@pytest.mark.parametrize(
    ("host", "name"),
    [("n2", "lh_n2_5432"), ("db-2.example", "lh_db_2_example_5432_"), ("x" * 63, "lh_xxx")],
)
def test_names_of_slots(host: str, name: str) -> None:
    found = slot_name("lh_", node("10.0.0.2:5432", host=host))
    assert found.startswith(name)
    assert len(found) <= 63
    assert set(found) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")


def test_members_of_similar_names_have_slots_of_their_own() -> None:
    hosts = ("db-2", "db.2", "db2", "DB-2")
    places = [("10.0.0.2:5432", host) for host in hosts] + [("10.0.0.2:5433", "db2")]
    found = {slot_name("lh_", node(place, host=host)) for place, host in places}
    assert len(found) == len(places)


def test_who_keeps_logical_replication_waiting_is_named() -> None:
    there = [Slot("a", True), Slot("b"), Slot("c", True, True)]
    assert slots.blocking(there, ["a"]) == ""
    for name, state in (("b", "not in use"), ("c", "lost"), ("d", "missing")):
        assert f"names {name}, which is {state}" in slots.blocking(there, ["a", name])
