"""What is known of etcd's keys: by loading, by events, and by reading beside them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighthouse.etcd.keyspace import Keyspace, LastChanges
from lighthouse.etcd.protocol import Event, KeyValue
from lighthouse.node import MAX_RECORD
from lighthouse.record import decode


def value(port: int, **fields: Any) -> bytes:
    return json.dumps({"ip": "10.0.0.1", "port": port, **fields}).encode()


def kv(name: str, revision: int, data: bytes | None = None, lease: int = 0) -> KeyValue:
    data = value(revision) if data is None else data
    return KeyValue(f"/l/{name}".encode(), data, revision, lease)


def put(name: str, revision: int) -> Event:
    return Event(kv(name, revision))


def gone(name: str, revision: int) -> Event:
    return Event(KeyValue(f"/l/{name}".encode(), mod_revision=revision), "DELETE")


def table(*kvs: KeyValue, revision: int = 10) -> Keyspace:
    made = Keyspace(b"/l/", decode)
    made.load(kvs, revision)
    return made


def ports(made: Keyspace, cluster: str = "a") -> list[int]:
    return sorted(node.port for node in made.reading(cluster).nodes)


def test_keys_belong_to_clusters() -> None:
    made = table(kv("a/x", 1), kv("a/y", 2), kv("b/x", 3))
    assert (ports(made), ports(made, "b"), ports(made, "c")) == ([1, 2], [3], [])
    assert (made.keys, made.revision, made.loaded) == (3, 10, True)


@pytest.mark.parametrize(
    "key", [b"/l/a", b"/l/", b"/l//x", b"/l/a/", b"/l/a/b/c", b"/other/a/x", b"/l/a/\xff", b""]
)
def test_other_keys_are_nobodys(key: bytes) -> None:
    made = table(KeyValue(key, value(1), 1))
    assert made.keys == 0
    assert made.apply([Event(KeyValue(key, value(1), 11))]) == set()
    assert made.get(key) is None


def test_events_change_what_they_are_about() -> None:
    made = table(kv("a/x", 1))
    assert made.apply([put("a/y", 11), put("b/z", 12)]) == {"a", "b"}
    assert made.apply([gone("a/x", 13), put("a/y", 14)]) == {"a"}
    assert (ports(made), ports(made, "b")) == ([14], [12])
    assert made.apply([gone("a/y", 15)]) == {"a"}
    assert ports(made) == []


def test_an_event_that_is_older_than_what_is_known_does_nothing() -> None:
    made = table(kv("a/x", 9))
    assert made.apply([put("a/x", 9), put("a/x", 8), gone("a/x", 7), gone("a/y", 3)]) <= {"a"}
    assert ports(made) == [9]


def test_a_broken_record_costs_only_itself() -> None:
    made = table(
        kv("a/good", 1),
        kv("a/broken", 2, b"{"),
        kv("a/long", 3, b"x" * (MAX_RECORD + 1)),
        kv("a/bad\nname", 4, b"[]"),
    )
    reading = made.reading("a")
    assert [node.port for node in reading.nodes] == [1]
    reasons = {refusal.record: refusal.reason for refusal in reading.refused}
    assert reasons.keys() == {"broken", "long", "bad name"}
    assert "16384" in reasons["long"]
    assert made.refused == 3
    made.forget("a")
    assert made.refused == 0


def test_the_same_value_is_decoded_once() -> None:
    decoded: list[bytes] = []

    def counting(data: bytes) -> Any:
        decoded.append(data)
        return decode(data)

    made = Keyspace(b"/l/", counting)
    same = value(5)
    made.load([kv("a/x", 1, same), kv("a/y", 2)], 5)
    made.reading("a")
    made.apply([Event(kv("a/x", 6, same, lease=9))])
    made.reading("a")
    made.load([kv("a/x", 6, same, lease=9), kv("a/y", 2)], 7)
    made.reading("a")
    assert decoded == [same, value(2)]
    entry = made.get(b"/l/a/x")
    assert entry is not None
    assert (entry.revision, entry.lease) == (6, 9)


def test_a_read_beside_the_watch_gives_way_to_it() -> None:
    made = table(kv("a/old", 1), kv("a/kept", 2), kv("a/lost", 3))
    since = made.begin()
    made.apply([put("a/new", 12), gone("a/old", 13)])
    made.merge("a", [kv("a/old", 1), kv("a/kept", 2), kv("a/missed", 9)], 11, since)
    made.end(since)
    assert ports(made) == [2, 9, 12]
    made.merge("a", [], 20, set())
    assert ports(made) == []


@pytest.mark.parametrize(
    ("found", "differs"),
    [
        ({"a/x": 1, "a/y": 2}, False),
        ({"a/x": 1, "a/y": 2, "a": 3}, False),  # the last one is no node's key
        ({"a/x": 1}, True),
        ({"a/x": 1, "a/y": 4}, True),
        ({"a/x": 1, "a/y": 2, "b/z": 5}, True),
    ],
)
def test_an_audit_sees_what_was_never_told(found: dict[str, int], differs: bool) -> None:
    made = table(kv("a/x", 1), kv("a/y", 2))
    keys: LastChanges = {}
    made.sort([kv(name, revision) for name, revision in found.items()], keys)
    assert made.differs(keys, set()) is differs
    since = {f"/l/{name}".encode() for name in ("a/x", "a/y", "b/z")}
    assert not made.differs(keys, since)


NAMES = ["a/x", "a/y", "b/x"]
CHANGES = st.lists(st.tuples(st.sampled_from(NAMES), st.booleans()), max_size=30)


@given(CHANGES, st.integers(0, 30), st.integers(0, 30), st.data())
def test_whatever_is_read_in_between_the_end_is_as_etcd_has_it(
    changes: list[tuple[str, bool]], at: int, began: int, data: st.DataObject
) -> None:
    """Events come in order; a cluster is read at any moment, as of any revision around it."""
    events = [
        put(name, index) if up else gone(name, index)
        for index, (name, up) in enumerate(changes, 1)
    ]

    def truth(revision: int) -> dict[bytes, KeyValue]:
        state: dict[bytes, KeyValue] = {}
        for event in events[:revision]:
            if event.type == "PUT":
                state[event.kv.key] = event.kv
            else:
                state.pop(event.kv.key, None)
        return state

    made = table(revision=0)
    began = min(began, at)
    since: set[bytes] | None = None
    for index, event in enumerate(events, 1):
        if index == began:
            since = made.begin()
        made.apply([event])
        if index == at and since is not None:
            seen = data.draw(st.integers(began, len(events)))
            kvs = [one for key, one in truth(seen).items() if key.startswith(b"/l/a/")]
            made.merge("a", kvs, seen, since)
            made.end(since)
    final = truth(len(events))
    held = {key for key in (f"/l/{name}".encode() for name in NAMES) if made.get(key)}
    assert held == final.keys()
    read: LastChanges = {}
    made.sort(final.values(), read)
    assert not made.differs(read, set())
