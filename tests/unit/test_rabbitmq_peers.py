"""The peer list of RabbitMQ's first boot, and what is understood of rabbitmqctl's answers."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighthouse.balancer import Outcome
from lighthouse.cluster import Cluster
from lighthouse.rabbitmq.balancer import RabbitmqPeers
from lighthouse.rabbitmq.control import Condition, judge
from lighthouse.rabbitmq.peers import NotOurs, listed, name_of, render, wanted
from lighthouse.rabbitmq.settings import parse_settings, seconds
from lighthouse.rabbitmq.topology import NodeVersion, Release, Topology, UnreadableAnswer, read
from lighthouse.testing.values import cluster, node
from tests.software.fake_rabbitmqctl import TRANSCRIPTS, FakeControl, printed

NAMES = st.sets(st.sampled_from([f"rabbit@mq{n}" for n in range(8)]))


def mq(*hosts: str, **options: Any) -> Cluster:
    nodes = [node(f"10.0.0.{n}:5672", host=host) for n, host in enumerate(hosts, 1)]
    return cluster("events", *nodes, config={}, **options)


@pytest.fixture
def fake(tmp_path: Path) -> FakeControl:
    found = FakeControl(tmp_path / "fake")
    found.answers("cluster_status", "3.10/three")
    return found


def balancer(fake: FakeControl, **settings: Any) -> RabbitmqPeers:
    made = RabbitmqPeers()
    made.apply_config(fake.settings(**settings))
    return made


def file_of(fake: FakeControl) -> set[str] | None:
    path = fake.root / "conf.d" / "90-lighthouse.conf"
    return set(listed(path.read_bytes())) if path.exists() else None


@given(NAMES)
def test_what_is_rendered_is_read_back(names: set[str]) -> None:
    assert listed(render(names)) == names
    assert render(names) == render(sorted(names, reverse=True))


@given(NAMES, NAMES, NAMES)
def test_only_who_is_gone_leaves_the_list(seen: set[str], kept: set[str], gone: set[str]) -> None:
    found = wanted(seen, kept, gone)
    assert seen <= found
    assert kept - found <= gone


def test_the_list_is_as_rabbitmq_reads_it() -> None:
    lines = render({"rabbit@b", "rabbit@a"}).decode().splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        "cluster_formation.peer_discovery_backend = classic_config",
        "cluster_formation.classic_config.nodes.1 = rabbit@a",
        "cluster_formation.classic_config.nodes.2 = rabbit@b",
    ]


def test_a_file_of_somebody_else_is_not_ours() -> None:
    assert listed(None) == listed(b"\n") == frozenset()
    with pytest.raises(NotOurs):
        listed(b"cluster_formation.classic_config.nodes.1 = rabbit@a\n")


@pytest.mark.parametrize(
    ("metadata", "name"),
    [
        ({}, "rabbit@mq1"),
        ({"erlang_node": "other@mq1.example"}, "other@mq1.example"),
        ({"erlang_node": "x@y z"}, None),
        ({"erlang_node": "x@y = z"}, None),
        ({"erlang_node": 5}, None),
    ],
)
def test_what_a_node_says_of_its_name_wins_if_it_is_one(
    metadata: dict[str, Any], name: str | None
) -> None:
    assert name_of(node("10.0.0.1:5672", host="mq1", **metadata), "rabbit@{host}") == name


@pytest.mark.parametrize(("text", "found"), [("24h", 86400), ("1.5m", 90), ("7", 7), (3.5, 3.5)])
def test_times_have_units(text: str | float, found: float) -> None:
    assert seconds(text) == found


def test_settings_are_refused_with_every_fault() -> None:
    wrong = {
        "peers_file": "/etc/rabbitmq/peers",
        "node_name": "rabbit@host",
        "local_node": "mq1",
        "cookie_file": "cookie",
        "join": {"jitter": "soon"},
        "forget": {"after": "1s"},
    }
    with pytest.raises(ValueError, match="peers_file") as refused:
        parse_settings(wrong)
    assert all(key in str(refused.value) for key in ("node_name", "local_node", "cookie_file"))
    assert all(place in str(refused.value) for place in ("join.jitter", "forget.after"))


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        ("3.10/three", "ok"),
        ("3.10/down", "down"),
        ("3.10/booting", "booting"),
        ("3.10/wrong_cookie", "cookie"),
        ("3.10/forget_running", "failed"),
        ("3.10/forget_again", "failed"),
        ("3.10/join_running", "failed"),
        ("3.10/join_self", "failed"),
        ("4.x/join_minority", "minority"),
        ("4.x/forget_minority", "minority"),
        ("4.x/status_timeout", "slow"),
        ("4.x/three", "ok"),
    ],
)
def test_answers_are_understood(name: str, condition: Condition) -> None:
    answer = judge(*printed(name))
    assert answer.condition == condition
    assert answer.told
    assert len(answer.told) < 250


def test_a_command_whose_time_was_up_is_slow() -> None:
    assert judge(None, "").condition == "slow"


@pytest.mark.parametrize("path", sorted(TRANSCRIPTS.glob("*/*.txt")), ids=lambda path: path.stem)
def test_no_hash_of_a_cookie_is_passed_on(path: Path) -> None:
    told = judge(*printed(f"{path.parent.name}/{path.stem}")).told
    assert "hash" not in told
    assert "password" not in told


def test_a_cluster_is_understood() -> None:
    found = read(printed("3.10/one_dead")[1])
    assert found.disk_nodes == tuple(f"r{n}@localhost" for n in (1, 2, 3, 4))
    assert found.running_nodes == ("r1@localhost", "r3@localhost", "r4@localhost")
    assert found.has_majority
    assert found.partitioned == ()
    assert found.release("r1@localhost") == Release(3, 10)
    assert read("warning: x\n" + printed("4.x/three")[1]).release("r1@localhost").joins_alone


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"disk_nodes":["a"],"running_nodes":[]}', "x{"])
def test_what_is_no_cluster_is_unreadable(text: str) -> None:
    with pytest.raises(UnreadableAnswer):
        read(text)


@pytest.mark.parametrize(
    ("version", "joins_alone", "sees_partitions"),
    [
        ("3.10.8", False, True),
        ("4.0.9", False, True),
        ("4.1.0", True, True),
        ("4.3.0", True, False),
    ],
)
def test_releases_differ(version: str, joins_alone: bool, sees_partitions: bool) -> None:
    found = Topology(("r@a",), ("r@a",), versions={"r@a": NodeVersion(version)}).release("r@a")
    assert (found.joins_alone, found.sees_partitions) == (joins_alone, sees_partitions)


def test_there_is_no_file_before_enough_names_were_seen(fake: FakeControl) -> None:
    made = balancer(fake)
    assert made.sync_file([mq("a", "b")]).kind == "held"
    assert file_of(fake) is None
    assert made.sync_file([mq("a", "b", "c")]).kind == "applied"
    assert made.sync_file([mq("d")]).kind == "applied"
    assert file_of(fake) == {f"rabbit@{host}" for host in "abcd"}


@pytest.mark.parametrize("options", [{"known": False}, {"stale": True}, {}])
def test_nothing_new_leaves_the_file_as_it_is(fake: FakeControl, options: Any) -> None:
    made = balancer(fake)
    made.sync_file([mq("a", "b", "c")])
    before = os.stat(fake.root / "conf.d" / "90-lighthouse.conf")
    said = made.sync_file([mq(*(["d"] if options.get("stale") else []), **options)])
    assert said.kind in ("unchanged", "held")
    assert "stays as it is" in said.reason
    assert os.stat(fake.root / "conf.d" / "90-lighthouse.conf") == before


def test_no_section_touches_nothing_and_two_are_a_mistake(fake: FakeControl) -> None:
    made = balancer(fake)
    assert made.sync_file([]).kind == "unchanged"
    said = made.sync_file([mq("a", "b", "c"), cluster("other", "10.0.0.9:1", config={})])
    assert said.kind == "failed"
    assert said.findings[0].cluster == "other"
    assert file_of(fake) is None


def test_a_file_of_somebody_else_is_never_replaced(fake: FakeControl) -> None:
    path = fake.root / "conf.d" / "90-lighthouse.conf"
    path.write_text("log.console = true\n")
    said = balancer(fake).sync_file([mq("a", "b", "c")])
    assert said.kind == "failed"
    assert "move it away" in said.reason
    assert path.read_text() == "log.console = true\n"


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("3.10/down", "applied", "does not run"),
        ("3.10/booting", "applied", "slow is not broken"),
        ("3.10/wrong_cookie", "degraded", "cookie"),
        ("3.10/forget_again", "degraded", "exit status 69"),
    ],
)
def test_what_the_broker_says_is_told_and_costs_no_file(
    fake: FakeControl, name: str, kind: str, words: str
) -> None:
    fake.answers("cluster_status", name)
    made = balancer(fake)
    said = made.sync_file([mq("a", "b", "c")])
    assert (said.kind, file_of(fake)) == (kind, {f"rabbit@{host}" for host in "abc"})
    assert words in said.reason
    assert set(fake.commands()) == {"cluster_status"}


def test_the_cluster_is_shown(fake: FakeControl) -> None:
    made = balancer(fake)
    made.sync_file([mq("a", "b", "c")])
    found = made.status()
    assert found["running"] == [f"r{n}@localhost" for n in (1, 2, 3)]
    assert (found["partitions"], found["versions"]) == ([], ["3.10.8"])


def test_a_partition_is_told_and_nothing_is_done(fake: FakeControl) -> None:
    text = printed("3.10/three")[1].replace(
        '"partitions":{}', '"partitions":{"r1@localhost":["r2@localhost"]}'
    )
    fake.says("cluster_status", f"exit status 0\n{text}")
    said = balancer(fake).sync_file([mq("a", "b", "c")])
    assert said.kind == "degraded"
    assert "r1@localhost, r2@localhost" in said.reason


def test_a_wrong_cookie_is_not_tried_again_until_it_changes(fake: FakeControl) -> None:
    fake.answers("cluster_status", "3.10/wrong_cookie")
    made = balancer(fake)
    for _ in range(5):
        assert made.sync_file([mq("a", "b", "c")]).kind == "degraded"
    assert len(fake.calls) == 1
    fake.cookie.chmod(0o600)
    fake.cookie.write_text("ANOTHERTESTCOOKIE")
    fake.answers("cluster_status", "3.10/three")
    assert made.sync_file([mq("a", "b", "c")]).kind == "unchanged"
    assert len(fake.calls) == 2


def test_without_a_proper_cookie_no_command_is_run(fake: FakeControl) -> None:
    fake.cookie.chmod(0o444)
    said = balancer(fake).sync_file([mq("a", "b", "c")])
    assert (said.kind, "chmod 0400" in said.reason) == ("degraded", True)
    fake.cookie.unlink()
    said = balancer(fake).sync_file([mq("a", "b", "c")])
    assert (said.kind, "no Erlang cookie" in said.reason) == ("degraded", True)
    assert fake.calls == []
    assert not fake.cookie.exists()


def test_missing_tools_are_told(fake: FakeControl) -> None:
    made = balancer(fake, rabbitmqctl="/nonexistent/rabbitmqctl")
    assert made.examine([])[0].path == ("rabbitmqctl",)
    said: Outcome = made.sync_file([mq("a", "b", "c")])
    assert (said.kind, "install rabbitmq-server" in said.reason) == ("degraded", True)
    assert file_of(fake) is not None


def test_the_broker_is_asked_no_more_often_than_its_interval(fake: FakeControl) -> None:
    made = balancer(fake, interval=3600)
    for hosts in ("abc", "abcd", "abcde"):
        made.sync_file([mq(*hosts)])
        assert made.wake() is None
    assert fake.commands() == ["cluster_status"]


def test_what_somebody_else_wrote_is_put_right(fake: FakeControl) -> None:
    made = balancer(fake, interval=3600)
    made.sync_file([mq("a", "b", "c")])
    (fake.root / "conf.d" / "90-lighthouse.conf").write_bytes(render({"rabbit@a"}))
    said = made.wake()
    assert said is not None
    assert said.kind == "applied"
    assert file_of(fake) == {f"rabbit@{host}" for host in "abc"}


def test_nothing_but_the_file_is_ever_in_its_directory(fake: FakeControl) -> None:
    """RabbitMQ may read all that is there."""
    made = balancer(fake)
    for hosts in ("abc", "abcd", "abcde"):
        made.sync_file([mq(*hosts)])
        assert os.listdir(fake.root / "conf.d") == ["90-lighthouse.conf"]
    assert (fake.root / ".90-lighthouse.conf.1").exists()
