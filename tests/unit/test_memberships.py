"""A cluster's view, from what its sources say and from time that passes."""

import itertools
from typing import Any

import msgspec
import pytest

from lighthouse.config.schema.policy import (
    Failover,
    GuardPolicy,
    Loss,
    MetadataCondition,
    Percent,
    Policy,
    Selection,
)
from lighthouse.config.schema.types import ClusterFile
from lighthouse.discovery import Reading
from lighthouse.membership.memberships import Memberships
from lighthouse.membership.source import SourceConnection, SourceReading
from lighthouse.membership.view import View
from lighthouse.node import Node
from lighthouse.supervisor.answers.cluster_status import sources

SPARE = Node("spare", "10.9.9.9", 80)


def node(n: int, weight: int = 1, **metadata: Any) -> Node:
    return Node(f"n{n}", f"10.0.0.{n}", 80, weight, metadata)


def nodes(*numbers: Any) -> tuple[Node, ...]:
    return tuple(node(n) for n in numbers)


class World:
    """One cluster, ``web``, of the sources ``a`` and ``b``, and the time."""

    def __init__(
        self,
        remembered: Any = None,
        age: float = 0.0,
        sources: tuple[str, ...] = ("a", "b"),
        **policy: Any,
    ) -> None:
        self.now = 1000.0
        self.memberships = Memberships()
        self.answers = dict.fromkeys(sources, 0)
        if remembered is not None:
            readings = {name: Reading(found) for name, found in remembered.items()}
            ages = dict.fromkeys(readings, age)
            self.memberships.remember("web", readings, 5.0, ages)
        self.configure(sources, **policy)

    def configure(self, sources: tuple[str, ...] = ("a", "b"), **policy: Any) -> None:
        file = ClusterFile("web", sources, None, Policy(**policy), {}, "clusters/web.yaml")
        self.memberships.configure({"web": file}, self.now)

    def says(self, source: str, *found: Any) -> None:
        reading = Reading(tuple(n if isinstance(n, Node) else node(n) for n in found))
        said = SourceReading(reading, self.now, self.answers.get(source, 0))
        self.memberships.observe(source, "web", said, self.now)

    def answers_afresh(self, source: str, *found: Any) -> None:
        (watch,) = self.memberships.watches(source)
        self.answers[source] = watch.reread
        self.says(source, *found)

    def is_lost(self, source: str) -> None:
        self.memberships.link(source, SourceConnection("suspended", "gone", self.now))

    def is_back(self, source: str) -> None:
        self.memberships.link(source, SourceConnection("connected", "", self.now))

    def passes(self, seconds: float | int) -> None:
        """Every deadline on the way is kept, and none comes again and again."""
        until = self.now + seconds
        for _ in range(50):
            due = self.memberships.next_due(self.now)
            if due is None or due > until:
                break
            self.now = due
            self.memberships.pass_time(due)
        else:
            raise AssertionError("a deadline that never passes")
        self.now = until

    @property
    def view(self) -> View:
        return self.memberships.views["web"]

    @property
    def served(self) -> dict[int, int]:
        return {int(n.host.removeprefix("n")): n.weight for n in self.view.nodes}

    def events(self) -> list[Any]:
        return [event.text for event in self.memberships.take_events()]


def test_a_loss_is_held_read_again_and_obeyed() -> None:
    world = World(sources=("a",))
    world.says("a", 1, 2, 3)
    world.says("a")
    assert set(world.served) == {1, 2, 3}
    world.passes(1.9)
    assert world.memberships.watches("a")[0].reread == 0
    world.passes(0.2)
    assert world.memberships.watches("a")[0].reread == 1
    world.answers_afresh("a")
    world.passes(2.8)
    assert set(world.served) == {1, 2, 3}
    world.passes(0.2)
    assert world.served == {}
    trip = world.memberships.cluster_sources["web"].guard.history.last
    assert (trip.lost, trip.whole, trip.outcome, trip.ended_at) == (3, 3, "confirmed", 1005.0)
    assert world.memberships.trips == 1
    assert [e.split(";")[0] for e in world.events()] == [
        "3 of 3 nodes vanished at once",
        "the loss of 3 nodes was confirmed by a fresh read and is obeyed",
    ]


def test_a_trip_counts_all_that_vanished_with_it() -> None:
    world = World(sources=("a",))
    world.says("a", *range(1, 11))
    for n in range(2, 11):
        world.says("a", *range(n + 1, 11), 1)
    trip = world.memberships.cluster_sources["web"].guard.history.last
    assert (trip.lost, trip.whole, len(world.memberships.held_back("web"))) == (9, 10, 9)


def test_a_replacement_of_all_is_told_now_and_then() -> None:
    world = World(sources=("a",))
    for n in range(0, 10, 2):
        world.says("a", n, n + 1)
        assert set(world.served) == {n, n + 1}
    assert [e.split(";")[0] for e in world.events()] == [
        "all 2 nodes were replaced at once, by 2 others"
    ]
    world.passes(601)
    world.says("a", 1, 2)
    assert len(world.events()) == 1
    assert world.memberships.trips == 0


def test_a_loss_that_nobody_confirms_is_obeyed_too() -> None:
    world = World(sources=("a",))
    world.says("a", 1, 2, 3)
    world.says("a")
    world.passes(5.1)
    assert world.served == {}
    assert world.memberships.cluster_sources["web"].guard.history.last.outcome == "unconfirmed"


def test_nodes_that_return_within_the_bound_are_never_missed() -> None:
    world = World(sources=("a",))
    world.says("a", *range(1, 11))
    before = world.view
    world.says("a", 1)
    world.passes(4.5)
    world.says("a", *range(1, 11))
    world.passes(60)
    assert world.view == before
    assert world.memberships.cluster_sources["web"].guard.history.last.outcome == "refuted"
    assert world.memberships.held_back("web") == ()


def test_a_loss_before_an_outage_is_not_obeyed_during_it() -> None:
    world = World(sources=("a",))
    world.says("a", 1, 2, 3)
    world.says("a")
    world.passes(1)
    world.is_lost("a")
    world.passes(600)
    assert set(world.served) == {1, 2, 3}
    world.is_back("a")
    world.passes(3.9)
    assert set(world.served) == {1, 2, 3}
    world.passes(0.2)
    assert world.served == {}


def test_in_a_union_only_what_no_source_names_is_lost() -> None:
    world = World()
    world.says("a", 1, 2, 3, 4)
    world.says("b", 1, 2, 3)
    world.says("a")
    assert (set(world.served), world.memberships.trips) == ({1, 2, 3}, 0)
    world.says("b")
    assert (set(world.served), world.memberships.trips) == ({1, 2, 3, 4}, 1)


def test_the_trips_of_a_cluster_that_is_no_more_still_count() -> None:
    world = World(sources=("a",))
    world.says("a", 1, 2, 3)
    world.says("a")
    world.memberships.configure({}, world.now)
    assert (world.memberships.trips, world.memberships.next_due(world.now)) == (1, None)


def test_a_filter_that_leaves_little_is_obeyed_at_once() -> None:
    world = World(sources=("a",))
    replicas = tuple(node(n, role="replica") for n in range(2, 10))
    world.says("a", node(1, role="primary"), *replicas)
    selection = Selection((MetadataCondition("role", ("primary",)),))
    world.configure(("a",), selection=selection)
    assert set(world.served) == {1}
    world.says("a", node(1, role="replica"), node(2, role="primary"), *replicas[1:])
    assert set(world.served) == {2}
    assert world.memberships.trips == 0


def test_keep_serves_the_last_known_for_ever() -> None:
    world = World(sources=("a",))
    world.says("a", 1, 2)
    world.is_lost("a")
    assert world.view == View(nodes(1, 2), True, False)
    world.passes(5.1)
    assert world.view == View(nodes(1, 2), True, True)
    world.passes(9e6)
    assert world.view == View(nodes(1, 2), True, True)
    world.is_back("a")
    assert world.view == View(nodes(1, 2), True, False)


@pytest.mark.parametrize(("deed", "after"), [("drain", {1: 0, 2: 0}), ("fence", {})])
def test_drain_and_fence_begin_late_and_end_with_a_confirmation(
    deed: Any, after: dict[int, int]
) -> None:
    world = World(sources=("a",), loss=Loss(deed, 30.0))
    world.says("a", 1, 2)
    world.is_lost("a")
    world.passes(29.9)
    assert world.served == {1: 1, 2: 1}
    world.passes(0.2)
    assert (world.served, world.view.known) == (after, True)
    assert world.memberships.trips == 0
    world.is_back("a")
    assert world.served == after
    world.answers_afresh("a", 1, 2, 3)
    assert world.served == {1: 1, 2: 1, 3: 1}
    assert world.view.stale is False
    world.passes(600)
    assert world.served == {1: 1, 2: 1, 3: 1}


def test_a_source_that_is_back_before_the_time_starts_anew() -> None:
    world = World(sources=("a",), loss=Loss("fence", 30.0))
    world.says("a", 1)
    for _ in range(5):
        world.is_lost("a")
        world.passes(29)
        world.is_back("a")
        world.passes(1)
        assert world.served == {1: 1}


def test_a_held_back_node_is_fenced_with_its_source() -> None:
    world = World(sources=("a",), loss=Loss("fence", 30.0))
    world.says("a", 1, 2)
    world.says("a")
    world.is_lost("a")
    world.passes(31)
    assert (world.served, world.view.known) == ({}, True)


def test_the_loss_of_one_of_two_sources_takes_only_its_own() -> None:
    world = World(loss=Loss("fence", 30.0))
    world.says("a", 1, 2)
    world.says("b", 2, 3)
    world.is_lost("a")
    world.passes(31)
    assert set(world.served) == {2, 3}


def test_a_worker_that_does_not_run_is_a_loss_of_its_source() -> None:
    world = World(sources=("a",), loss=Loss("fence", 30.0))
    world.says("a", 1)
    world.is_back("a")
    world.memberships.work("a", "crashed", world.now)
    world.passes(31)
    assert world.served == {}
    assert world.memberships.connections.present() == []
    world.memberships.work("a", "", world.now)
    assert world.served == {}
    world.says("a", 1)
    assert world.served == {1: 1}


def test_a_worker_that_crashes_again_and_again_is_a_loss_too() -> None:
    world = World(sources=("a",), loss=Loss("fence", 30.0))
    world.says("a", 1)
    for _ in range(10):
        world.memberships.work("a", "crashed", world.now)
        world.passes(5)
        world.memberships.work("a", "", world.now)
        world.passes(0.1)
    assert world.served == {}


def test_the_guard_does_not_hold_what_a_source_says_after_a_fence() -> None:
    world = World(sources=("a",), loss=Loss("fence", 30.0))
    world.says("a", *range(1, 11))
    world.is_lost("a")
    world.passes(31)
    world.is_back("a")
    world.answers_afresh("a", 1)
    assert (world.served, world.memberships.trips) == ({1: 1}, 0)


def test_what_is_remembered_is_stale_until_its_source_answers() -> None:
    world = World({"a": nodes(1, 2)}, sources=("a",))
    assert world.view == View(nodes(1, 2), True, True)
    world.is_back("a")
    assert world.view.stale
    world.says("a", 1, 2)
    assert world.view == View(nodes(1, 2), True, False)


def test_what_is_too_old_to_be_trusted_waits_for_its_source_and_is_then_fenced() -> None:
    world = World({"a": nodes(1)}, age=3600.0, sources=("a",), loss=Loss("fence", 60.0))
    assert (world.view.nodes, world.view.known) == ((), False)
    world.passes(4.9)
    assert world.view.known is False
    world.passes(0.2)
    assert (world.view.nodes, world.view.known) == ((), True)
    world.is_back("a")
    world.says("a", 1)
    assert world.served == {1: 1}
    young = World({"a": nodes(1)}, age=3600.0, sources=("a",), loss=Loss("fence", 7200.0))
    assert young.served == {1: 1}
    young.passes(3599)
    assert young.served == {1: 1}
    young.passes(2)
    assert young.served == {}


def test_with_neither_source_nor_memory_it_waits_and_says_so() -> None:
    world = World(sources=("a",))
    world.passes(4.9)
    assert (world.view, world.events()) == (View(), [])
    world.passes(600)
    assert (world.view, world.memberships.cluster_sources["web"].waits) == (View(), True)
    assert world.events() == ["no source has answered yet, and none is remembered; it waits"]
    world.says("a", 1)
    assert (world.served, world.memberships.cluster_sources["web"].waits) == ({1: 1}, False)


def test_a_fence_around_nobody_is_shown_too() -> None:
    world = World(sources=("a",), loss=Loss("fence", 30.0))
    world.passes(31)
    assert (world.view.nodes, world.view.known) == ((), True)
    shown = sources(world.memberships.cluster_sources["web"], world.now)
    assert [(s.stage, s.away_seconds) for s in shown] == [("fence", 31.0)]
    world.says("a", 1)
    assert world.served == {1: 1}
    shown = sources(world.memberships.cluster_sources["web"], world.now)
    assert [(s.stage, s.away_seconds) for s in shown] == [("keep", None)]


def test_default_nodes_stand_in_for_nobody() -> None:
    world = World(sources=("a",), default_nodes=(SPARE,))
    assert world.view == View()
    world.passes(5.1)
    assert world.view.nodes == (SPARE,)
    world.says("a", 1)
    assert world.served == {1: 1}
    world.says("a")
    assert world.served == {1: 1}
    world.passes(5.1)
    assert world.view.nodes == (SPARE,)


def test_default_nodes_do_not_open_a_fence() -> None:
    world = World(sources=("a",), default_nodes=(SPARE,), loss=Loss("fence", 10.0))
    world.says("a", 1)
    world.is_lost("a")
    world.passes(11)
    assert world.view == View((), True, True)
    drained = World(sources=("a",), default_nodes=(SPARE,), loss=Loss("drain", 10.0))
    drained.says("a", 1)
    drained.is_lost("a")
    drained.passes(11)
    assert drained.served == {1: 0}


def test_failover_takes_over_late_and_gives_back_later() -> None:
    world = World(combine=Failover(10.0, 20.0))
    world.says("a", 1)
    world.says("b", 2)
    assert world.served == {1: 1}
    world.is_lost("a")
    world.passes(9.9)
    assert world.served == {1: 1}
    world.passes(0.2)
    assert (world.served, world.view.stale) == ({2: 1}, False)
    world.is_back("a")
    world.passes(19)
    assert world.served == {2: 1}
    world.passes(1.1)
    assert world.served == {1: 1}
    assert world.events() == ["b takes over from a", "a takes over from b"]


def test_failover_believes_an_empty_source_only_once_its_guard_does() -> None:
    world = World(combine=Failover())
    world.says("a", 1, 2)
    world.says("b", 3)
    world.says("a")
    assert set(world.served) == {1, 2}
    world.passes(5.1)
    assert set(world.served) == {3}
    world.says("b")
    assert set(world.served) == {3}


def test_failover_with_all_sources_away_is_a_loss() -> None:
    world = World(combine=Failover(10.0, 20.0), loss=Loss("fence", 30.0))
    world.says("a", 1)
    world.says("b", 2)
    world.is_lost("b")
    world.is_lost("a")
    world.passes(29)
    assert world.served == {1: 1}
    world.passes(2)
    assert world.served == {}


def test_percent_by_source() -> None:
    world = World(combine=Percent({"a": 90, "b": 10}))
    world.says("a", 1, 2, 3)
    assert set(world.served.values()) == {256}
    world.says("b", 3, 4)
    assert world.served == {1: 256, 2: 256, 3: 256, 4: 85}
    world.says("a")
    assert world.served == {1: 256, 2: 256, 3: 256, 4: 85}
    world.passes(5.1)
    assert world.served == {3: 256, 4: 256}


def test_percent_without_a_source_that_is_fenced() -> None:
    world = World(combine=Percent({"a": 90, "b": 10}), loss=Loss("fence", 10.0))
    world.says("a", 1)
    world.says("b", 2)
    world.is_lost("a")
    world.passes(11)
    assert world.served == {2: 256}


def test_another_source_that_has_not_answered_leaves_the_nodes_alone() -> None:
    world = World(sources=("a",))
    world.says("a", 1, 2, 3)
    world.configure(("b",))
    assert (set(world.served), world.view.stale) == ({1, 2, 3}, True)
    world.passes(600)
    assert set(world.served) == {1, 2, 3}
    world.says("b", 1, 2, 3)
    assert (set(world.served), world.view.stale) == ({1, 2, 3}, False)


def test_a_change_costs_its_own_cluster_only() -> None:
    memberships = Memberships()
    files = {
        f"c{n}": ClusterFile(f"c{n}", ("a",), None, Policy(), {}, f"c{n}.yaml") for n in range(50)
    }
    memberships.configure(files, 0.0)
    for name in files:
        memberships.observe("a", name, SourceReading(Reading(nodes(1, 2)), 1.0), 0.0)
    before = dict(memberships.views)
    memberships.observe("a", "c7", SourceReading(Reading(nodes(1, 2, 3)), 1.0), 1.0)
    assert [n for n in files if memberships.views[n] is not before[n]] == ["c7"]
    assert memberships.next_due(1.0) is None


def test_every_policy_stands_any_order_of_events() -> None:
    """No combination of policies and events raises, and each comes to rest."""
    combines = (None, Failover(1.0, 1.0), Percent({"a": 50, "b": 50}))
    losses = (Loss(), Loss("drain", 2.0), Loss("fence", 2.0))
    guards = (None, GuardPolicy(0.5, 1.0, 2.0))
    acts = (
        lambda w: w.says("a", 1, 2),
        lambda w: w.says("b", 2, 3),
        lambda w: w.says("a"),
        lambda w: w.is_lost("a"),
        lambda w: (w.is_back("a"), w.answers_afresh("a", 4)),
    )
    for combine, loss, guard in itertools.product(combines, losses, guards):
        for order in itertools.permutations(acts, 3):
            world = World({"b": nodes(9)}, 1.0, combine=combine, loss=loss, guard=guard)
            for act in order:
                act(world)  # type: ignore[no-untyped-call]
                world.passes(1.3)
            world.passes(100)
            assert all(msgspec.convert(n.weight, int) in range(257) for n in world.view.nodes)


def _clusters(**names: str) -> dict[str, ClusterFile]:
    """Clusters of discovery ``a`` by name, and the name that each is registered under."""
    return {
        name: ClusterFile(name, ("a",), None, Policy(), {}, f"clusters/{name}.yaml", looked_up)
        for name, looked_up in names.items()
    }


def _reading(*numbers: int, answer: int = 0) -> SourceReading:
    return SourceReading(Reading(nodes(*numbers)), 1.0, answer)


def _served(memberships: Memberships) -> dict[str, int]:
    return {name: len(view.nodes) for name, view in memberships.views.items()}


def test_clusters_of_one_name_are_one_watch_and_know_the_same() -> None:
    memberships = Memberships()
    memberships.configure(_clusters(web="web", batch="web", api=""), 0.0)
    assert [watch.cluster for watch in memberships.watches("a")] == ["api", "web"]
    assert memberships.observe("a", "web", _reading(1, 2), 0.0) == {"web", "batch"}
    assert memberships.observe("a", "batch", _reading(3), 0.0) == set()
    assert _served(memberships) == {"web": 2, "batch": 2, "api": 0}


def test_a_cluster_that_comes_later_knows_what_another_of_its_name_knows() -> None:
    memberships = Memberships()
    memberships.configure(_clusters(web=""), 0.0)
    memberships.observe("a", "web", _reading(1, 2), 0.0)
    assert memberships.configure(_clusters(web="", batch="web"), 1.0) == {"batch"}
    assert _served(memberships) == {"web": 2, "batch": 2}
    assert memberships.views["batch"].known


def test_a_cluster_that_is_registered_under_another_name_knows_nothing_of_the_old_one() -> None:
    memberships = Memberships()
    memberships.configure(_clusters(web=""), 0.0)
    memberships.observe("a", "web", _reading(1, 2), 0.0)
    memberships.configure(_clusters(web="other"), 1.0)
    assert not memberships.views["web"].known
    assert [watch.cluster for watch in memberships.watches("a")] == ["other"]
    memberships.observe("a", "other", _reading(3), 1.0)
    assert _served(memberships) == {"web": 1}


def test_what_is_remembered_of_another_name_is_not_served() -> None:
    memberships = Memberships()
    memberships.remember("web", {"a": Reading(nodes(1))}, 1.0, {}, "old")
    memberships.remember("batch", {"a": Reading(nodes(1, 2))}, 1.0, {}, "web")
    memberships.configure(_clusters(web="", batch="web"), 0.0)
    assert _served(memberships) == {"web": 0, "batch": 2}


def test_each_of_two_guards_asks_for_a_fresh_read_of_its_own() -> None:
    memberships = Memberships()
    guarded = {
        name: msgspec.structs.replace(file, policy=Policy(guard=GuardPolicy(confirm_after=after)))
        for (name, file), after in zip(_clusters(web="", batch="web").items(), (1, 2), strict=True)
    }
    memberships.configure(guarded, 0.0)
    memberships.observe("a", "web", _reading(1, 2, 3, 4), 0.0)
    memberships.observe("a", "web", _reading(1), 1.0)
    memberships.pass_time(2.0)
    (first,) = memberships.watches("a")
    memberships.pass_time(3.0)
    (second,) = memberships.watches("a")
    assert second.reread > first.reread > 0
    memberships.pass_time(6.0)
    assert _served(memberships) == {"web": 1, "batch": 1}


PRIMARY = Selection((MetadataCondition("role", ("primary",)),))


def db(n: int, role: str, timeline: int) -> Node:
    return node(n, role=role, timeline=timeline)


def test_an_old_primary_is_ignored_from_its_first_reading_on() -> None:
    world = World(sources=("a",), selection=PRIMARY, guard=None)
    old, new = db(1, "primary", 11), db(2, "primary", 12)
    world.says("a", old, db(2, "replica", 11))
    assert world.view.nodes == (old,)
    world.says("a", new)
    assert world.view.nodes == (new,)
    world.says("a", old, new)
    assert world.view.nodes == (new,)
    world.says("a", old)  # the discovery blinks
    assert world.served == {}
    assert world.view.known
    told = [event.text for event in world.memberships.take_events()]
    assert any("timeline 12 has begun elsewhere" in text for text in told)


def test_what_an_earlier_run_knew_of_timelines_counts() -> None:
    remembered = {"a": (db(2, "primary", 12),)}
    world = World(remembered, sources=("a",), selection=PRIMARY, guard=None)
    world.says("a", db(1, "primary", 11))
    assert world.view.nodes == ()
