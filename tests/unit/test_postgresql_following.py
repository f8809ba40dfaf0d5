"""Whom a standby follows, what is written for it, and what its receiver shows: pure decisions."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from lighthouse.node import Node
from lighthouse.postgresql import ha_manager
from lighthouse.postgresql.following import (
    OwnServer,
    follow,
    known_timelines,
    one_cluster,
)
from lighthouse.postgresql.parameter_file import MOST, TooLong, primary_conninfo, render
from lighthouse.postgresql.receiver import Judgement, ReceiverLook, ReceiverLooks, told
from lighthouse.postgresql.settings import ReplicationSettings, parse_settings
from lighthouse.schema import Invalid
from lighthouse.testing import cluster, node

OWN = OwnServer(5432, ("*",), frozenset({"10.0.0.3"}), "77", 3)


def member(ip: str, role: str = "replica", timeline: int | None = 3, system: str = "77") -> Node:
    facts = {"role": role, "timeline": timeline, "system": system}
    given_facts: dict[str, Any] = {key: value for key, value in facts.items() if value}
    return node(f"{ip}:5432", host=f"h{ip[-1]}", **given_facts)


A = member("10.0.0.1", "primary")
B = member("10.0.0.2")
ME = member("10.0.0.3")


@pytest.mark.parametrize(
    ("nodes", "wanted", "words"),
    [
        ((A, B, ME), "10.0.0.1", ""),
        ((A,), "10.0.0.1", ""),
        ((B, ME), None, "no other member of db says that it is the primary"),
        ((), None, "db has no members"),
        ((node("10.0.0.1:5432"),), None, "publish no role"),
        ((B, member("10.0.0.3", "primary")), None, "names this server as the primary"),
        ((A, member("10.0.0.3", "primary")), "10.0.0.1", ""),
        ((A, member("10.0.0.2", "primary", 4)), "10.0.0.2", "timeline 4 has begun elsewhere"),
        ((A, member("10.0.0.2", "primary")), None, "are the primary on timeline 3: none is"),
        ((member("10.0.0.1", "primary", 2),), None, "timeline 3 has begun elsewhere"),
        ((A, member("10.0.0.2", "primary", 9, "88")), "10.0.0.1", "belong to another database"),
        ((member("10.0.0.1", "primary", 9, "88"), B), None, "belong to another database"),
        (
            (member("10.0.0.1", "primary", None), member("10.0.0.2", "primary", None)),
            None,
            "publish no timeline",
        ),
    ],
)
def test_who_is_followed(nodes: tuple[Node, ...], wanted: str | None, words: str) -> None:
    given_ = cluster("db", *nodes, config={})
    found = follow(given_, OWN, known_timelines(given_, OWN, {}))
    assert (found.primary.ip if found.primary else None) == wanted, found
    assert words in found.reason
    assert bool(found.reason) == bool(words)


@pytest.mark.parametrize("how", [{"known": False}, {"stale": True}])
def test_nothing_is_done_by_what_is_not_known(how: dict[str, Any]) -> None:
    given_ = cluster("db", A, B, config={}, **how)
    assert follow(given_, OWN, {}).primary is None


def test_a_timeline_that_was_seen_is_remembered() -> None:
    promoted = cluster("db", A, member("10.0.0.2", "primary", 4), config={})
    known = known_timelines(promoted, OWN, {})
    returned = cluster("db", A, ME, config={})
    assert follow(returned, OWN, known_timelines(returned, OWN, known)).primary is None


def test_one_server_belongs_to_one_cluster() -> None:
    first, other = cluster("db", config={}), cluster("web")
    assert one_cluster([first, other]) == (first, "")
    assert "no cluster has a section" in one_cluster([other])[1]
    assert "the clusters db, d2 have" in one_cluster([first, cluster("d2", config={})])[1]


@pytest.mark.parametrize(
    ("listens", "ip", "own"),
    [
        (("*",), "10.0.0.3", True),
        (("*",), "127.0.0.1", True),
        (("*",), "10.0.0.4", False),
        (("0.0.0.0", "::"), "10.0.0.3", True),
        (("db.example",), "10.0.0.3", True),
        (("127.0.0.1",), "127.0.0.1", True),
        (("127.0.0.1",), "127.0.0.2", False),
        (("localhost", "10.0.0.4"), "127.0.0.1", True),
        (("localhost", "10.0.0.4"), "10.0.0.4", True),
        (("localhost",), "10.0.0.3", False),
    ],
)
def test_which_address_is_the_own_one(listens: tuple[str, ...], ip: str, own: bool) -> None:
    server = OwnServer(5432, listens, frozenset({"10.0.0.3"}))
    assert server.is_at(node(f"{ip}:5432")) is own
    assert not server.is_at(node(f"{ip}:5433"))


SETTINGS = st.builds(
    ReplicationSettings,
    user=st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=20),
    dbname=st.text(
        st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=20
    ),
    extra=st.dictionaries(
        st.sampled_from(["passfile", "sslmode", "sslrootcert", "connect_timeout"]),
        st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=400),
    ),
)


@settings(max_examples=50, deadline=None)
@given(SETTINGS, st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1))
def test_a_conninfo_says_what_was_meant_or_is_refused(
    wanted_settings: ReplicationSettings, name: str
) -> None:
    try:
        text = primary_conninfo(A, name, wanted_settings)
    except TooLong:
        return
    assert len(text.encode()) <= MOST
    wanted = {"host": "10.0.0.1", "port": "5432", "user": wanted_settings.user}
    wanted |= {"dbname": wanted_settings.dbname, "application_name": name}
    wanted |= {key: str(value) for key, value in wanted_settings.extra.items()}
    assert conninfo_to_dict(text) == wanted
    assert unquoted(render({"primary_conninfo": text})) == text


def unquoted(content: bytes) -> str:
    """The value of the file's only setting, read as PostgreSQL reads it."""
    (line,) = [row for row in content.decode().split("\n") if row and not row.startswith("#")]
    quoted = line.removeprefix("primary_conninfo = ")
    assert quoted[0] == quoted[-1] == "'"
    inner, value, index = quoted[1:-1], "", 0
    while index < len(inner):
        if inner[index] in "\\'":
            index += 1
        value += inner[index]
        index += 1
    return value


def test_exactly_1023_bytes_are_taken() -> None:
    def sized(count: int) -> ReplicationSettings:
        return ReplicationSettings(user="u" * count)

    size = len(primary_conninfo(A, "n", sized(1)).encode())
    assert len(primary_conninfo(A, "n", sized(MOST - size + 1))) == MOST
    with pytest.raises(TooLong, match="1024 bytes"):
        primary_conninfo(A, "n", sized(MOST - size + 2))


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"include_file": "x.conf"}, "include_file"),
        ({"include_file": "/etc/pg/.x.conf"}, "include_file"),
        ({"include_file": "/etc/pg/x.txt"}, "include_file"),
        ({"include_file": "/etc/pg/postgresql.auto.conf"}, "include_file"),
        ({"conninfo": "host=10.0.0.1"}, "conninfo"),
        ({"conninfo": "hots=/run"}, "conninfo"),
        ({"conninfo": "password=x"}, "conninfo"),
        ({"node_name": "é"}, "node_name"),
        ({"replication": {"user": ""}}, "replication.user"),
        ({"replication": {"extra": {"host": "x"}}}, "replication.extra.host"),
        ({"replication": {"extra": {"sslmod": "x"}}}, "replication.extra.sslmod"),
        ({"replication": {"extra": {"sslmode": "a\nb"}}}, "replication.extra.sslmode"),
    ],
)
def test_wrong_settings_are_named(config: dict[str, Any], place: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_settings({"include_file": "/etc/pg/x.conf", **config})
    places = [".".join(map(str, one.path)) for one in refused.value.problems]
    assert places == [place]


LIVE = ReceiverLook(7, "streaming", "0/1")
WAITS = ReceiverLook(7, "waiting", "0/1")
GONE = ReceiverLook(0, "", "0/1")


@pytest.mark.parametrize(
    ("looks", "judgement"),
    [
        ([LIVE], "unsettled"),
        ([LIVE] * 3, "streaming"),
        ([GONE] * 20 + [LIVE] * 3, "streaming"),
        ([WAITS] * 5, "unsettled"),
        ([WAITS] * 20, "diverged"),
        ([GONE] * 20, "unreachable"),
        ([ReceiverLook(n, "starting") for n in range(1, 21)], "unreachable"),
        ([ReceiverLook(n // 4 + 1, "streaming" if n % 4 else "", "0/1") for n in range(20)], ""),
        ([GONE, GONE, LIVE, LIVE] * 5, "unsettled"),
        ([ReceiverLook(n // 2 + 1, "streaming", f"0/{n}") for n in range(20)], "unsettled"),
    ],
)
def test_what_looks_at_a_receiver_show(looks: list[ReceiverLook], judgement: Judgement) -> None:
    kept = ReceiverLooks()
    found = [kept.take(look, float(second)) for second, look in enumerate(looks)][-1]
    assert found == (judgement or found)
    if not judgement:
        assert "diverged" in [kept.take(look, 20.0 + n) for n, look in enumerate(looks)]


def test_what_cannot_be_mended_by_a_reload_is_told_with_what_can() -> None:
    assert "pg_rewind" in told("diverged", "n2:5432")
    assert "does not stream from n2:5432" in told("unreachable", "n2:5432")
    assert told("streaming", "n2:5432") == told("unsettled", "n2:5432") == ""


@pytest.mark.parametrize(
    ("files", "settings", "conninfo", "dynamic", "manager"),
    [
        ((), {}, "", False, ""),
        (("/etc/pg/postgresql.conf",), {"shared_preload_libraries": "repmgrx"}, "", False, ""),
        ((), {}, "host=a application_name=n2", False, ""),
        ((), {}, "", True, "Patroni"),
        (("/data/postgresql.base.conf",), {}, "", False, "Patroni"),
        (("/data/stolon-temp-postgresql.conf",), {}, "", False, "stolon"),
        ((), {"shared_preload_libraries": "auto_explain, repmgr"}, "", False, "repmgr"),
        ((), {}, "host=a user=repmgr application_name=n2", False, "repmgr"),
        ((), {}, "user=repluser application_name=stolon_1a2b", False, "stolon"),
        (("/data/postgresql-auto-failover.conf",), {}, "", False, "pg_auto_failover"),
    ],
)
def test_traces_of_an_ha_manager(
    files: tuple[str, ...], settings: dict[str, str], conninfo: str, dynamic: bool, manager: str
) -> None:
    assert ha_manager.evidence(files, settings, conninfo, dynamic)[0] == manager
