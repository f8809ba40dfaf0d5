"""No member is forgotten by mistake, whatever snapshots and clusters are seen."""

import itertools
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lighthouse.cluster import Cluster
from lighthouse.rabbitmq.balancer import RabbitmqPeers
from lighthouse.rabbitmq.changes.forget import Evidence, Replicas, missing, refusal, replicas
from lighthouse.rabbitmq.changes.ledger import DAY, GAP, LONGEST, Ledger, LedgerFile, advance
from lighthouse.rabbitmq.topology import NodeVersion, Topology, UnreadableAnswer
from lighthouse.testing.values import cluster, node
from tests.software.fake_rabbitmqctl import FakeControl, printed

A, B, C, D = (f"r{n}@localhost" for n in (1, 2, 3, 4))
NAMES = (A, B, C, D)
AFTER = 200.0
V3 = NodeVersion("3.10.8")


def topology(running: str, members: str = "1234", **others: Any) -> Topology:
    disk, up = (tuple(f"r{n}@localhost" for n in which) for which in (members, running))
    return Topology(disk, up, versions=dict.fromkeys(up, V3), **others)


GOOD = Evidence(
    me=A,
    topology=topology("134"),
    seen=frozenset((A, C, D)),
    absent={B: AFTER},
    after=AFTER,
    quota=1,
    queues=(Replicas("q", (A, B, C), (A, C)), Replicas("s", (A,), (A,))),
)


def test_a_member_is_forgotten_if_all_guards_agree() -> None:
    assert missing(GOOD) == [B]
    assert refusal(B, GOOD) == ""


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"me": None}, "not known how"),
        ({"topology": None}, "not known how"),
        ({"topology": topology("34")}, "not known how"),
        ({"seen": None}, "source is away"),
        ({"seen": frozenset(NAMES)}, "in the snapshot"),
        ({"absent": {B: AFTER - 1}}, "not absent for long enough"),
        ({"absent": {}}, "not absent for long enough"),
        ({"topology": topology("134", "134")}, "no member"),
        ({"topology": topology("1234")}, "it runs"),
        ({"seen": frozenset((A, C))}, "not this cluster's"),
        ({"topology": topology("13", "1234"), "seen": frozenset((A, C))}, "half"),
        ({"topology": topology("134", partitions={A: (C,)})}, "partitioned"),
        ({"topology": msgspec.structs.replace(topology("134"), versions={})}, "release"),
        ({"me": C}, f"for {A} to do"),
        ({"quota": 0}, "max_per_day"),
        ({"queues": None}, "which queues"),
        ({"queues": (Replicas("q", (A, B, C), (A, B)),)}, "no majority"),
        ({"queues": (Replicas("q", (B,), ()),)}, "no majority"),
    ],
)
def test_each_guard_forbids_by_itself(changed: dict[str, Any], told: str) -> None:
    assert told in refusal(B, msgspec.structs.replace(GOOD, **changed))


SOME = st.frozensets(st.sampled_from(NAMES))
USUAL = frozenset((A, C, D))
STEPS = st.lists(
    st.tuples(
        st.sampled_from((250.0, 1.0, 100.0, 250.0, 100_000.0)),
        st.one_of(st.just(USUAL), st.none(), SOME),
        st.one_of(st.just(USUAL), SOME),
        st.one_of(st.just(frozenset(NAMES)), st.frozensets(st.sampled_from(NAMES), min_size=3)),
        st.sampled_from((False, False, False, True)),
    ),
    min_size=4,
    max_size=14,
)


@given(STEPS, st.sampled_from((A, A, *NAMES)), st.integers(1, 2))
@settings(max_examples=60, deadline=None)
def test_no_history_leads_to_a_forbidden_forgetting(
    steps: list[tuple[float, frozenset[str] | None, frozenset[str], frozenset[str], bool]],
    me: str,
    most: int,
) -> None:
    """Each step: a snapshot that is in force for so long, then the cluster as it is seen."""
    ledger, now, forgotten = Ledger(), 0.0, []
    history: list[tuple[float, frozenset[str] | None]] = []
    for elapsed, seen, running, members, parted in steps:
        absent = advance(ledger.absent, elapsed, seen, NAMES)
        ledger = msgspec.structs.replace(ledger, absent=absent)
        history.append((elapsed, seen))
        now += elapsed
        found = Topology(
            tuple(sorted(members)),
            tuple(sorted(running & members)),
            partitions={A: (B,)} if parted else {},
            versions=dict.fromkeys(NAMES, V3),
        )
        quota = ledger.quota_left(most, now)
        evidence = Evidence(me, found, seen, absent, AFTER, quota, GOOD.queues)
        for victim in missing(evidence):
            if refusal(victim, evidence):
                continue
            ledger = ledger.spend(now)
            forgotten.append(now)
            assert seen is not None
            assert victim not in running | seen
            assert 2 * len(running & members) > len(members)
            assert not parted
            assert me == min(running & members)
            assert _absent_for(victim, history) >= AFTER
            break
    for one in forgotten:
        assert sum(1 for other in forgotten if one - DAY < other <= one) <= most


def _absent_for(name: str, history: list[tuple[float, frozenset[str] | None]]) -> float:
    """Seconds of fresh snapshots since it was seen last; of each, no more than counts."""
    backwards = (step for step in reversed(history) if step[1] is not None)
    without = itertools.takewhile(lambda step: name not in (step[1] or ()), backwards)
    return sum(min(elapsed, LONGEST) for elapsed, _ in without)


@pytest.mark.parametrize(
    ("passed", "kept"), [(0, True), (GAP, True), (GAP + 1, False), (-1, False)]
)
def test_absences_do_not_outlive_a_long_time_without_a_worker(passed: float, kept: bool) -> None:
    ledger = Ledger({B: 5.0}, 1_000_000.0, (7.0,), True)
    found = ledger.resumed(1_000_000.0 + passed)
    assert found.absent == ({B: 5.0} if kept else {})
    assert (found.forgotten, found.joining) == ((7.0,), True)


def test_a_clock_that_is_put_back_frees_no_quota() -> None:
    ledger = Ledger().spend(1_000_000.0)
    assert ledger.quota_left(1, 0.0) == 0
    assert ledger.quota_left(1, 1_000_000.0 + DAY) == 1


def test_what_is_kept_outlives_the_worker_and_damage_frees_nothing(tmp_path: Path) -> None:
    kept = LedgerFile(str(tmp_path / "state"))
    assert kept.load() == Ledger()
    ledger = Ledger({B: 5.0}, 6.0, (7.0,), True)
    kept.save(ledger)
    assert kept.load() == ledger
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o600
    (tmp_path / "state").write_bytes(b'{"absent"')
    assert kept.load().absent == {}
    assert kept.load().quota_left(100, kept.load().forgotten[0] + 1) < 1


def test_queues_are_understood_and_none_is_overlooked() -> None:
    assert replicas(printed("3.10/queues_none")[1]) == ()
    (found,) = replicas(printed("3.10/queues_one_dead")[1])
    assert found == Replicas("qq", (A, B, C), (A, C))
    assert found.survives(B)
    assert not found.survives(A)
    for wrong in ("", '[{"name":"q","type":"quorum","members":"","online":""}]', '[{"name":1}]'):
        with pytest.raises(UnreadableAnswer):
            replicas(wrong)


@pytest.fixture
def fake(tmp_path: Path) -> FakeControl:
    """Four members, of which the second is dead; every command of a forgetting goes well."""
    found = FakeControl(tmp_path / "fake")
    found.answers("cluster_status", "3.10/one_dead")
    found.answers("list_vhosts", "3.10/list_vhosts")
    found.answers("list_queues", "3.10/queues_one_dead")
    found.answers("forget_cluster_node", "3.10/forget")
    return found


def events(*numbers: int, **options: Any) -> Cluster:
    nodes = [node(f"10.0.0.{n}:5672", erlang_node=f"r{n}@localhost") for n in numbers]
    return cluster("events", *nodes, config={}, **options)


def forgetful(fake: FakeControl, absent: float = 3600.0, **others: Any) -> RabbitmqPeers:
    """With a member that is absent for so long, of which 60 s are too long."""
    kept = Ledger({B: absent}, time.time())
    LedgerFile(str(fake.root / "state.json")).save(kept)
    made = RabbitmqPeers()
    forget = {"enabled": True, "after": 60, **others}
    made.apply_config(fake.settings(forget=forget, min_peers=1))
    return made


def forgets(fake: FakeControl) -> int:
    return fake.commands().count("forget_cluster_node")


def test_who_is_gone_is_forgotten_once_and_leaves_the_file(fake: FakeControl) -> None:
    made = forgetful(fake)
    assert made.sync_file([events(1, 2, 3, 4)]).kind == "applied"
    made = forgetful(fake)
    said = made.sync_file([events(1, 3, 4)])
    assert (said.kind, B in said.reason) == ("applied", True)
    assert fake.calls[-2].endswith(f"forget_cluster_node {B}")
    assert B in (fake.root / "conf.d" / "90-lighthouse.conf").read_text()
    said = made.sync_file([events(1, 3, 4)])
    assert ("max_per_day" in said.reason, forgets(fake)) == (True, 1)
    fake.answers("cluster_status", "3.10/after_forget")
    made.sync_file([events(1, 3, 4)])
    made.sync_file([events(1, 3, 4)])
    assert B not in (fake.root / "conf.d" / "90-lighthouse.conf").read_text()
    assert forgets(fake) == 1


def test_the_quota_outlives_the_worker(fake: FakeControl) -> None:
    made = forgetful(fake)
    made.sync_file([events(1, 3, 4)])
    successor = RabbitmqPeers()
    successor.apply_config(fake.settings(forget={"enabled": True, "after": 60}, min_peers=1))
    said = successor.sync_file([events(1, 3, 4)])
    assert ("max_per_day" in said.reason, forgets(fake)) == (True, 1)


@pytest.mark.parametrize(
    "snapshot",
    [
        events(1, 2, 3, 4),
        events(1, 3, 4, stale=True),
        events(known=False),
        events(),
        events(1, 3),
        events(2, 7, 8),
    ],
    ids=["listed", "stale", "unknown", "empty", "not-ours", "other-cluster"],
)
def test_no_wrong_snapshot_has_anybody_forgotten(fake: FakeControl, snapshot: Cluster) -> None:
    made = forgetful(fake)
    for _ in range(3):
        made.sync_file([snapshot])
        made.wake()
    assert forgets(fake) == 0


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("list_queues", "exit status 70\nError: no\n"),
        ("list_queues", "exit status 0\n[]x"),
        ("list_vhosts", "exit status 64\n"),
        ("cluster_status", f"exit status {printed('3.10/down')[0]}\n{printed('3.10/down')[1]}"),
    ],
)
def test_what_cannot_be_read_forbids(fake: FakeControl, command: str, answer: str) -> None:
    fake.says(command, answer if "x" not in answer[-1:] else "exit status 0\n{")
    forgetful(fake).sync_file([events(1, 3, 4)])
    assert forgets(fake) == 0


def test_a_cluster_in_minority_is_held_and_costs_the_quota(fake: FakeControl) -> None:
    fake.answers("forget_cluster_node", "4.x/forget_minority")
    made = forgetful(fake)
    said = made.sync_file([events(1, 3, 4)])
    assert (said.kind, "minority" in said.reason) == ("held", True)
    made.sync_file([events(1, 3, 4)])
    assert forgets(fake) == 1


def test_nobody_is_forgotten_unless_it_is_asked_for(fake: FakeControl) -> None:
    forgetful(fake)
    made = RabbitmqPeers()
    made.apply_config(fake.settings(min_peers=1))
    assert made.sync_file([events(1, 3, 4)]).kind == "applied"
    assert set(fake.commands()) == {"cluster_status"}


def test_without_a_place_for_the_quota_nobody_is_forgotten(fake: FakeControl) -> None:
    place = fake.root / "kept"
    place.mkdir()
    LedgerFile(str(place / "state")).save(Ledger({B: 3600.0}, time.time()))
    made = RabbitmqPeers()
    forget = {"enabled": True, "after": 60}
    made.apply_config(fake.settings(forget=forget, min_peers=1, state_file=f"{place}/state"))
    made.sync_file([events(1, 3, 4, stale=True)])
    place.rename(fake.root / "elsewhere")
    said = made.sync_file([events(1, 3, 4)])
    assert (said.kind, "nothing is done" in said.reason) == ("failed", True)
    assert forgets(fake) == 0
    (fake.root / "elsewhere").rename(place)
    assert made.sync_file([events(1, 3, 4)]).kind == "applied"
    assert forgets(fake) == 1
