"""What a node's file may say."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighthouse.file.clock import ReaderClock
from lighthouse.file.contents import is_record_name
from lighthouse.file.record import NodeFile, Unfinished, decode, encode
from lighthouse.node import Node, Refused
from lighthouse.peer import Peer

NODE = Node("web-1", "10.0.0.1", 80, 3, {"zone": "a"}, Peer("web-1", "10.0.0.1", 1024))


def content(**keys: Any) -> bytes:
    return json.dumps({"ip": "10.0.0.1", "port": 80, **keys}).encode()


@pytest.mark.parametrize(
    "record",
    [
        NodeFile(NODE, 30.0, "web-1:abc", 7),
        NodeFile(Node("2001-db8--1", "2001:db8::1", 443), 3.0, "h:1", 0),
        NodeFile(NODE),
    ],
)
def test_a_record_comes_back_as_it_was(record: NodeFile) -> None:
    assert decode(encode(record)) == record


def test_plain_nodes_have_no_ttl() -> None:
    assert decode(content()).ttl is None
    assert decode(content(ttl=None)).ttl is None
    assert decode(content(metadata='{"ttl": 5}', peer="")).ttl is None


@pytest.mark.parametrize("ttl", [1, 30, 3600, 2.5])
def test_ttl(ttl: float) -> None:
    assert decode(content(ttl=ttl)).ttl == ttl


@pytest.mark.parametrize(
    ("ttl", "taken", "note"),
    [
        ("30", 30.0, ""),
        (0.5, 1.0, "ttl: expected 1..3600 seconds; it counts as 1"),
        (-1, 1.0, "ttl: expected 1..3600 seconds; it counts as 1"),
        (3601, 3600.0, "ttl: expected 1..3600 seconds; it counts as 3600"),
        ("soon", None, "ttl: expected a number of seconds; it is left out"),
        (True, None, "ttl: expected a number of seconds; it is left out"),
        ([30], None, "ttl: expected a number of seconds; it is left out"),
        ({}, None, "ttl: expected a number of seconds; it is left out"),
    ],
)
def test_a_ttl_that_is_none_costs_no_node(ttl: Any, taken: float | None, note: str) -> None:
    record = decode(content(ttl=ttl))
    assert record.ttl == taken
    assert (record.node.notes[0] if record.node.notes else "").startswith(note)
    assert bool(record.node.notes) is bool(note)


@pytest.mark.parametrize("marks", [{"beat": "x"}, {"beat": None}, {"owner": 1}, {"beat": True}])
def test_odd_marks_do_no_harm(marks: dict[str, Any]) -> None:
    assert decode(content(ttl=30, **marks)).beat == 0


@pytest.mark.parametrize("length", range(len(content(ttl=30))))
def test_every_cut_of_a_record_is_unfinished(length: int) -> None:
    with pytest.raises(Unfinished):
        decode(content(ttl=30)[:length])


@pytest.mark.parametrize(
    "data",
    [b"{}", b"[]", b"null", content(ip="x"), b"[" * 20_000, b" " * 20_000],
)
def test_a_whole_record_that_is_no_node_is_refused_for_good(data: bytes) -> None:
    with pytest.raises(Refused) as caught:
        decode(data)
    assert not isinstance(caught.value, Unfinished)


@given(st.binary(max_size=300))
def test_any_bytes_give_a_record_or_a_reason(data: bytes) -> None:
    with contextlib.suppress(Refused):
        assert decode(data).node.port


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("a.json", True),
        ("10.0.0.1_80.json", True),
        (".a.json", False),
        (".json", False),
        ("a.json~", False),
        ("a.json.tmp", False),
        ("a", False),
        ("..data", False),
    ],
)
def test_names_of_records(name: str, taken: bool) -> None:
    assert is_record_name(name) is taken


def test_the_clock_counts_only_what_was_looked_at() -> None:
    clock = ReaderClock(longest=6.0)
    assert [clock.tick(at) for at in (100.0, 101.0, 105.0)] == [0.0, 1.0, 5.0]
    assert clock.tick(1000.0) == 11.0
    clock.skip(2000.0)
    assert clock.tick(2001.0) == 12.0
