"""What is sent of a snapshot, and that it is the whole snapshot each time."""

import contextlib
import os
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lighthouse.ipc.channel import Channel
from lighthouse.ipc.messages import Deliver
from lighthouse.ipc.snapshot import (
    BalancerSnapshot,
    DiscoverySnapshot,
    Part,
    PluginSettings,
    WantedServices,
    WatchedCluster,
    unpack,
)
from lighthouse.node import Node
from lighthouse.service import Service
from lighthouse.supervisor.pool.delivery import FEW, ROOM, Base, since

SETTINGS = PluginSettings({"x": 1})


def parts(*bodies: Any) -> tuple[Part, ...]:
    return tuple(Part(f"c{n:03}", n, body) for n, body in enumerate(bodies))


def replaced(
    snapshot: BalancerSnapshot, place: int, body: bytes, revision: int = 1000
) -> BalancerSnapshot:
    clusters = list(snapshot.clusters)
    clusters[place] = Part(clusters[place].name, revision, body)
    return BalancerSnapshot(snapshot.settings, tuple(clusters))


MANY = BalancerSnapshot(SETTINGS, parts(*[b"body"] * 100))


def test_the_clusters_that_differ_are_known_by_identity() -> None:
    now = replaced(MANY, 7, b"new")
    assert since(MANY, now) == (now.clusters[7],)
    assert since(MANY, MANY) == ()


def test_whatever_else_differs_needs_a_new_base() -> None:
    assert since(MANY, BalancerSnapshot(PluginSettings(), MANY.clusters)) is None
    assert since(MANY, BalancerSnapshot(SETTINGS, MANY.clusters[1:])) is None
    renamed = (Part("b", 0, b"body"), *MANY.clusters[1:])
    assert since(MANY, BalancerSnapshot(SETTINGS, renamed)) is None


WATCH = (WatchedCluster("web"),)
WATCHING = DiscoverySnapshot(SETTINGS, WATCH)


def service(name: str, metadata: str = "") -> Service:
    return Service(name, 80, Node("h", "10.0.0.1", 80, metadata={"m": metadata}))


def test_services_are_told_without_the_watch_list() -> None:
    base = Base()
    first, memory = base.deliver(WATCHING, 1)
    assert (first.base, first.services) == (1, None)
    flipped = DiscoverySnapshot(SETTINGS, WATCH, (service("a"),), (service("b"),), ("s",))
    second, again = base.deliver(flipped, 2)
    assert (second.base, again) == (1, memory)
    assert second.services == WantedServices(flipped.up, flipped.down, ("s",))
    back, _ = base.deliver(WATCHING, 3)
    assert (back.base, back.services) == (1, WantedServices())
    many = tuple(service(f"s{n}", "x" * 2000) for n in range(20))
    large, _ = base.deliver(DiscoverySnapshot(SETTINGS, WATCH, many), 4)
    assert (large.base, large.services) == (2, None)
    other, _ = base.deliver(DiscoverySnapshot(SETTINGS, (WatchedCluster("web", 1),)), 5)
    assert (other.base, other.services) == (3, None)
    base.close()


def test_a_base_goes_with_every_delivery_until_too_much_has_changed() -> None:
    base = Base()
    first, memory = base.deliver(MANY, 1)
    assert (first.version, first.fresh) == (1, ())
    snapshot, bases = MANY, []
    for place in range(20):
        snapshot = replaced(snapshot, place, b"new")
        message, memory = base.deliver(snapshot, place + 2)
        bases.append(message.base)
    assert bases == [first.base] * 12 + [first.base + 1] * 8
    message, again = base.deliver(replaced(snapshot, 99, b"x" * (ROOM + 1)), 99)
    assert (message.base, message.fresh) == (first.base + 2, ())
    assert again is not memory
    base.close()


def test_a_few_of_few_clusters_may_change() -> None:
    base = Base()
    snapshot = BalancerSnapshot(SETTINGS, parts(*[b""] * 10))
    first, _ = base.deliver(snapshot, 1)
    for place in range(FEW):
        snapshot = replaced(snapshot, place, b"new")
        assert base.deliver(snapshot, 2)[0].base == first.base
    assert base.deliver(replaced(snapshot, 9, b"new"), 3)[0].base != first.base
    base.close()


def test_no_memory_is_left_open() -> None:
    before = len(os.listdir("/proc/self/fd"))
    base = Base()
    for body in range(30):
        base.deliver(BalancerSnapshot(PluginSettings({"x": body}), MANY.clusters), 1)
    base.close()
    base.close()
    assert len(os.listdir("/proc/self/fd")) == before


@given(st.randoms(use_true_random=False))
def test_every_delivery_is_the_whole_snapshot(chance: random.Random) -> None:
    with contextlib.ExitStack() as stack:
        left, right = map(stack.enter_context, map(contextlib.closing, Channel.pair()))
        base, held, taken = stack.enter_context(contextlib.closing(Base())), 0, {}
        snapshot = BalancerSnapshot(SETTINGS, parts(*[b"body"] * 30))
        for version in range(1, 30):
            if chance.random() < 0.8:
                place = chance.randrange(len(snapshot.clusters))
                body = bytes(chance.choice([1, 100, 5000]))
                snapshot = replaced(snapshot, place, body, 1000 + version)
            else:
                snapshot = BalancerSnapshot(SETTINGS, snapshot.clusters[1:])
            assert left.send(*base.deliver(snapshot, version))
            received = right.receive(held)
            assert received is not None
            message, payload = received
            assert isinstance(message, Deliver)
            if message.base != held:
                held, taken = message.base, {p.name: p for p in unpack(payload).clusters}
            else:
                assert not payload
            found = {**taken, **{part.name: part for part in message.fresh}}
            assert tuple(found.values()) == snapshot.clusters
