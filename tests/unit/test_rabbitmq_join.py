"""No node with data joins anybody, whatever is seen; a blank one does, and is always started."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lighthouse.cluster import Cluster
from lighthouse.rabbitmq.balancer import RabbitmqPeers
from lighthouse.rabbitmq.changes.blank import fullness
from lighthouse.rabbitmq.changes.join import Witness, choose
from lighthouse.rabbitmq.changes.ledger import Ledger, LedgerFile
from lighthouse.rabbitmq.topology import NodeVersion, Topology
from lighthouse.testing.values import cluster, node
from tests.software.fake_rabbitmqctl import FakeControl, printed, transcript

NAMES = tuple(f"r{n}@localhost" for n in (1, 2, 3, 4, 5))
A, B, C, D, E = NAMES
ME = "r4@localhost"
NOTHING = "[]"
OPENING = {"suspend_listeners": "", "resume_listeners": "", "list_connections": NOTHING}
"""What shuts clients out of a node and lets them in, and what each prints."""


def of(*names: str, running: tuple[str, ...] = (), **others: Any) -> Topology:
    versions = dict.fromkeys(names, NodeVersion("3.10.8"))
    return Topology(names, running or names, versions=versions, **others)


def those(*names: str) -> list[Witness]:
    """One cluster of all of these."""
    return [Witness(name, of(*names)) for name in names]


def test_a_blank_node_joins_the_largest_cluster_that_two_agree_on() -> None:
    assert choose(D, of(D), frozenset(NAMES), those(A, B, C), "").target == A
    found = [*those(C, E), *those(A, B)[:1]]
    assert choose(D, of(D), frozenset(NAMES), found, "").target == C
    assert choose(A, of(A), frozenset(NAMES), those(B, C), "").target == B


@pytest.mark.parametrize(
    ("me", "own", "seen", "witnesses", "holds", "told"),
    [
        (D, of(D), NAMES, those(A, B), "it has queues (1)", "not blank"),
        (D, Topology((D,), (D,)), NAMES, those(A, B), "", "which release"),
        (D, of(A, D), NAMES, those(A, B), "", ""),
        (D, of(D), None, those(A, B), "", "nobody knows for sure"),
        (D, of(D), (A, B), those(A, B), "", "not in the cluster's list"),
        (D, of(D), NAMES, [], "", "no other node answers"),
        (D, of(D), NAMES, those(A, B)[:1], "", "no two"),
        (D, of(D), NAMES, [Witness(A, of(A, B)), Witness(B, of(B))], "", "no two"),
        (D, of(D), NAMES, [*those(A, B), *those(C, E)], "", "two clusters"),
        (D, of(D), NAMES, those(A, B, D)[:2], "", "as a member still"),
        (A, of(A), (A, B), those(B), "", "first by name"),
        (B, of(B), (A, B, C), those(A), "", "no two"),
        (D, of(D), NAMES, [Witness(A, of(A, B, C, running=(A,)))] * 2, "", "no two"),
        (D, of(D), NAMES, [Witness(n, of(A, B, partitions={A: (B,)})) for n in (A, B)], "", "two"),
    ],
)
def test_nobody_is_joined_where_one_thing_is_amiss(
    me: str, own: Topology, seen: Any, witnesses: list[Witness], holds: str, told: str
) -> None:
    found = choose(me, own, seen, witnesses, holds)
    assert found.target is None
    assert told in found.why


def test_a_member_that_stands_alone_by_its_own_account_is_not_the_one_that_is_joined() -> None:
    witnesses = [Witness(A, of(A)), Witness(B, of(A, B, C)), Witness(C, of(A, B, C))]
    assert choose(D, of(D), frozenset(NAMES), witnesses, "").target == B


def test_of_two_blank_nodes_the_higher_joins_the_lower() -> None:
    assert choose(B, of(B), (A, B), those(A), "").target == A
    assert choose(A, of(A), (A, B), those(B), "").target is None


SOME = st.frozensets(st.sampled_from(NAMES), min_size=1, max_size=3)
WORLDS: list[list[tuple[str, ...]]] = [
    [(A, B, C)],
    [(A, B), (C,)],
    [(A,), (B,), (C,)],
    [(A,), (B,)],
    [(B, C)],
]


@st.composite
def topologies(draw: st.DrawFn) -> Topology:
    members = sorted(draw(SOME))
    running = sorted(draw(SOME) & set(members))
    partitions = draw(st.sampled_from([{}, {}, {A: (B,)}]))
    return Topology(tuple(members), tuple(running), partitions=dict(partitions))


@st.composite
def answers(draw: st.DrawFn) -> dict[str, Topology]:
    """What the others say: often what is so, now and then something else."""
    world: list[tuple[str, ...]] = draw(st.sampled_from(WORLDS))
    said = {name: of(*members) for members in world for name in members}
    for name in draw(st.sampled_from([(), (), (A,), (A, B)])):
        said[name] = draw(topologies())
    for name in draw(st.sampled_from([(), (), (), (C,)])):
        said.pop(name, None)
    return said


@given(
    st.sampled_from((D, D, *NAMES)),
    st.sampled_from((None, None, None, None, of(A, D), of(B))),
    st.one_of(st.sampled_from([frozenset(NAMES)] * 4 + [frozenset((A, B, C, D)), None]), SOME),
    answers(),
    st.sampled_from(["", "", "", "it has queues (1)"]),
)
@settings(max_examples=80, deadline=None)
def test_nothing_that_is_seen_leads_to_a_forbidden_join(
    me: str,
    other: Topology | None,
    seen: frozenset[str] | None,
    said: dict[str, Topology],
    holds: str,
) -> None:
    own = other or of(me)
    witnesses = [Witness(name, found) for name, found in said.items()]
    target = choose(me, own, seen, witnesses, holds).target
    if target is None:
        return
    assert holds == ""
    assert own.members == {me}
    assert seen is not None
    assert {me, target} <= seen
    cluster_of_it = said[target].members
    assert me not in cluster_of_it
    if len(cluster_of_it) == 1:
        assert target < me
        assert seen - {me} <= said.keys()
    else:
        agree = [name for name in cluster_of_it & said.keys() if said[name].members >= {target}]
        assert len(agree) >= 2
        assert all(said[name].partitioned == () for name in agree if name == target)


@pytest.mark.parametrize("name", ["3.10/export_blank", "4.x/export_blank"])
def test_a_node_is_blank_only_if_it_shows_that(name: str) -> None:
    text = printed(name)[1]
    assert fullness(text, NOTHING) == ""
    assert "queues (1)" in fullness(text, '[{"name":"transient"}]')
    assert "could not be read" in fullness(text, "")
    full = json.loads(text)
    for key in ("vhosts", "users", "queues", "exchanges", "bindings", "policies", "parameters"):
        told = fullness(json.dumps({**full, key: [*full[key], {"name": "x"}]}), NOTHING)
        assert told
        assert "hash" not in told
        lacking = {other: value for other, value in full.items() if other != key}
        assert "could not be read" in fullness(json.dumps(lacking), NOTHING)
    assert fullness(json.dumps({**full, "global_parameters": [{"name": "mine"}]}), NOTHING)
    assert "queues (1)" in fullness(printed("3.10/export_with_queue")[1], NOTHING)


@pytest.fixture
def fake(tmp_path: Path) -> FakeControl:
    """A blank node, alone, beside a cluster of three; every command of a join goes well."""
    found = FakeControl(tmp_path / "fake")
    found.answers("cluster_status", "3.10/alone", ME)
    for name in (A, B, C):
        found.answers("cluster_status", "3.10/three", name)
    found.answers("list_queues", "3.10/queues_none")
    found.answers("export_definitions", "3.10/export_blank")
    for command, text in OPENING.items():
        found.says(command, f"exit status 0\n{text}")
    found.answers("stop_app", "3.10/stop_app", then=_now(found, "3.10/booting"))
    found.answers("join_cluster", "3.10/join")
    found.answers("start_app", "3.10/start_app", then=_now(found, "3.10/alone"))
    return found


def _now(fake: FakeControl, name: str) -> str:
    """Shell that has the node answer so from then on."""
    kept = fake.root / name.replace("/", "-")
    kept.write_text(transcript(name))
    return f"cp {kept} {fake.root}/{ME}/cluster_status"


def joining(fake: FakeControl, **others: Any) -> RabbitmqPeers:
    made = RabbitmqPeers()
    join = {"enabled": True, "jitter": 0, **others}
    made.apply_config(fake.settings(join=join, local_node=ME))
    return made


def events(*numbers: int, **options: Any) -> Cluster:
    nodes = [node(f"10.0.0.{n}:5672", erlang_node=f"r{n}@localhost") for n in numbers]
    return cluster("events", *nodes, config={}, **options)


def acts(fake: FakeControl) -> list[str]:
    changing = ("stop_app", "join_cluster", "start_app", "reset", "force_boot")
    return [call.partition(" ")[2] for call in fake.calls if call.split()[1] in changing]


def test_a_blank_node_joins(fake: FakeControl) -> None:
    said = joining(fake).sync_file([events(1, 2, 3, 4)])
    assert (said.kind, said.reason) == ("applied", f"joined the cluster of {A}")
    assert acts(fake) == ["stop_app", f"join_cluster {A}", "start_app"]
    stopped = fake.commands().index("stop_app")
    assert fake.commands()[stopped - 1] == "export_definitions"
    assert all(call.startswith(ME) for call in fake.calls if call.split()[1] != "cluster_status")


def test_nobody_can_give_it_anything_between_the_proof_and_the_join(fake: FakeControl) -> None:
    joining(fake).sync_file([events(1, 2, 3, 4)])
    done = fake.commands()
    closed, stopped = done.index("suspend_listeners"), done.index("stop_app")
    between = ["list_connections", "list_queues", "export_definitions"]
    assert done[closed + 1 : stopped] == between
    assert {*between} <= {*done[:closed]}, "one that is in use is not shut at all"
    assert done[-1] == "resume_listeners"
    assert done.count("suspend_listeners") == 1


@pytest.mark.parametrize(
    ("command", "answer", "told"),
    [
        ("list_connections", 'exit status 0\n[{"pid":"<a.1.2.3>"}]', "clients are connected"),
        ("list_connections", "exit status 0\n{", "clients are connected to it (None)"),
        ("list_connections", "exit status 70\nError: no\n", "cannot be listed"),
        ("suspend_listeners", "exit status 70\nError: no\n", "cannot be suspended"),
    ],
)
def test_a_node_that_somebody_may_use_is_left_alone_and_open(
    fake: FakeControl, command: str, answer: str, told: str
) -> None:
    fake.says(command, answer)
    said = joining(fake).sync_file([events(1, 2, 3, 4)])
    assert (said.kind, acts(fake)) == ("held", [])
    assert told in said.reason
    shut = "suspend_listeners" in fake.commands()
    assert shut is (command == "suspend_listeners")
    assert (fake.commands()[-1] == "resume_listeners") is shut
    assert not LedgerFile(str(fake.root / "state.json")).load().joining


CONNECTED = 'exit status 0\n[{"pid":"<a.1.2.3>"}]'


def test_one_that_is_filled_or_used_in_the_last_moment_is_opened_again(fake: FakeControl) -> None:
    """What comes between the first look and the suspension is seen by the second look."""
    connected = fake.root / "connected"
    connected.write_text(CONNECTED)
    late = f"cp {connected} {fake.root}/any/list_connections"
    fake.says("suspend_listeners", "exit status 0\n", then=late)
    said = joining(fake).sync_file([events(1, 2, 3, 4)])
    assert (said.kind, "clients are connected to it (1)" in said.reason) == ("held", True)
    fake.says("list_connections", "exit status 0\n[]")
    full = fake.root / "full"
    full.write_text(transcript("3.10/export_with_queue"))
    late = f"cp {full} {fake.root}/any/export_definitions"
    fake.says("suspend_listeners", "exit status 0\n", then=late)
    said = joining(fake).sync_file([events(1, 2, 3, 4)])
    assert (said.kind, "queues (1)" in said.reason) == ("degraded", True)
    assert acts(fake) == []
    assert fake.commands()[-1] == "resume_listeners"
    assert fake.commands().count("resume_listeners") == 2


def test_clients_are_let_in_by_whoever_comes_next(fake: FakeControl) -> None:
    """The worker was killed with its node's listeners suspended, or could not resume them."""
    connected = fake.root / "connected"
    connected.write_text(CONNECTED)
    late = f"cp {connected} {fake.root}/any/list_connections"
    fake.says("suspend_listeners", "exit status 0\n", then=late)
    fake.says("resume_listeners", "exit status 70\nError: no\n")
    said = joining(fake).sync_file([events(1, 2, 3, 4)])
    assert (said.kind, "no client is let in until" in said.reason) == ("degraded", True)
    fake.says("resume_listeners", "exit status 0\n")
    before = len(fake.calls)
    made = RabbitmqPeers()
    made.apply_config(fake.settings(local_node=ME))
    made.sync_file([])
    assert fake.commands()[before:] == ["cluster_status", "resume_listeners"]
    made.sync_file([])
    assert fake.commands().count("resume_listeners") == 2


def test_clients_are_let_in_though_the_broker_was_slow_when_the_next_worker_looked(
    fake: FakeControl,
) -> None:
    late = f"cp {fake.root}/connected {fake.root}/any/list_connections"
    (fake.root / "connected").write_text(CONNECTED)
    fake.says("suspend_listeners", "exit status 0\n", then=late)
    fake.says("resume_listeners", "exit status 70\nError: no\n")
    joining(fake).sync_file([events(1, 2, 3, 4)])
    fake.says("resume_listeners", "exit status 0\n")
    status, well = fake.root / ME / "cluster_status", fake.root / "well"
    well.write_text(status.read_text())
    status.write_text("exit status 70\nError: operation timed out\n")
    fake.says("start_app", "exit status 0\n", then=f"cp {well} {status}")
    before = len(fake.calls)
    made = RabbitmqPeers()
    made.apply_config(fake.settings(local_node=ME))
    for _ in range(3):
        made.sync_file([])
    assert "resume_listeners" in fake.commands()[before:]


def test_what_was_done_is_said_once(fake: FakeControl) -> None:
    made = RabbitmqPeers()
    join = {"enabled": True, "jitter": 0}
    made.apply_config(fake.settings(join=join, local_node=ME, interval=3600))
    kinds = [made.sync_file([events(1, 2, 3, 4)]).kind for _ in range(3)]
    assert kinds == ["applied", "unchanged", "unchanged"]


def test_it_waits_a_random_while_and_nobody_else_is_asked_meanwhile(fake: FakeControl) -> None:
    made = joining(fake, jitter=3600)
    said = made.sync_file([events(1, 2, 3, 4)])
    assert (said.kind, acts(fake)) == ("held", [])
    assert "joins the cluster of" in said.reason


def test_a_node_that_holds_something_is_a_conflict(fake: FakeControl) -> None:
    fake.answers("export_definitions", "3.10/export_with_queue")
    said = joining(fake).sync_file([events(1, 2, 3, 4)])
    assert (said.kind, acts(fake)) == ("degraded", [])
    assert said.reason.startswith("conflict: ")
    assert "queues (1)" in said.reason


@pytest.mark.parametrize("command", ["export_definitions", "list_queues"])
@pytest.mark.parametrize("answer", ["exit status 70\nError: no\n", "exit status 0\n{", "exit 0\n"])
def test_what_is_not_proven_to_be_blank_is_left_alone(
    fake: FakeControl, command: str, answer: str
) -> None:
    fake.says(command, answer)
    joining(fake).sync_file([events(1, 2, 3, 4)])
    assert acts(fake) == []


@pytest.mark.parametrize(
    "snapshot",
    [
        events(1, 2, 3, 4, stale=True),
        events(known=False),
        events(),
        events(1, 2, 3),
        events(1, 4),
        events(4, 5),
    ],
    ids=["stale", "unknown", "empty", "unlisted", "one-witness", "strangers"],
)
def test_no_wrong_snapshot_has_a_node_join(fake: FakeControl, snapshot: Cluster) -> None:
    made = joining(fake)
    for _ in range(3):
        made.sync_file([snapshot])
        made.wake()
    assert acts(fake) == []


def test_nobody_joins_unless_it_is_asked_for(fake: FakeControl) -> None:
    made = RabbitmqPeers()
    made.apply_config(fake.settings(local_node=ME))
    made.sync_file([events(1, 2, 3, 4)])
    assert fake.commands() == ["cluster_status"]


@pytest.mark.parametrize("answer", ["3.10/join_absent", "4.x/join_minority", "3.10/join_self"])
def test_a_join_that_fails_has_the_node_started_again(fake: FakeControl, answer: str) -> None:
    fake.answers("join_cluster", answer)
    said = joining(fake).sync_file([events(1, 2, 3, 4)])
    assert said.kind == ("held" if "minority" in answer else "degraded")
    assert acts(fake)[-1] == "start_app"
    assert "hash" not in said.reason


def test_a_node_that_cannot_be_stopped_is_not_joined(fake: FakeControl) -> None:
    fake.says("stop_app", "exit status 70\nError: no\n")
    joining(fake).sync_file([events(1, 2, 3, 4)])
    assert acts(fake) == ["stop_app", "start_app"]


def test_from_4_1_on_the_node_is_not_stopped_by_us(fake: FakeControl) -> None:
    fake.answers("cluster_status", "4.x/alone", ME)
    for name in (A, B, C):
        fake.answers("cluster_status", "4.x/three", name)
    fake.answers("export_definitions", "4.x/export_blank")
    fake.answers("join_cluster", "4.x/join")
    assert joining(fake).sync_file([events(1, 2, 3, 4)]).kind == "applied"
    assert acts(fake) == [f"join_cluster {A}"]


def test_a_join_that_was_cut_short_is_mended_by_whoever_comes_next(fake: FakeControl) -> None:
    """Though it may not join any more, and though nobody knows the cluster."""
    state = fake.root / "state.json"
    LedgerFile(str(state)).save(Ledger(joining=True))
    fake.answers("cluster_status", "3.10/booting", ME)
    made = RabbitmqPeers()
    made.apply_config(fake.settings(local_node=ME))
    made.sync_file([])
    assert acts(fake) == ["start_app"]
    assert not LedgerFile(str(state)).load().joining
    made.sync_file([])
    assert acts(fake) == ["start_app"]


def test_one_that_starts_slowly_is_not_told_again(fake: FakeControl) -> None:
    fake.answers("start_app", "3.10/start_app")
    made = joining(fake)
    said = made.sync_file([events(1, 2, 3, 4)])
    assert (said.kind, said.reason) == ("applied", f"joined the cluster of {A}")
    said = made.sync_file([events(1, 2, 3, 4)])
    assert (said.kind, "slow is not broken" in said.reason) == ("unchanged", True)
    assert acts(fake) == ["stop_app", f"join_cluster {A}", "start_app"]


def test_an_application_that_somebody_else_stopped_stays_stopped(fake: FakeControl) -> None:
    fake.answers("cluster_status", "3.10/booting", ME)
    made = joining(fake)
    for _ in range(3):
        made.sync_file([events(1, 2, 3, 4)])
    assert acts(fake) == []
