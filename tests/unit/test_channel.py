"""Messages and payloads over real sockets."""

import errno
import fcntl
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighthouse.balancer import Withheld
from lighthouse.discovery import Reading, Refusal
from lighthouse.ipc import messages
from lighthouse.ipc.channel import INLINE, Channel, Closed, Listener, Memory
from lighthouse.ipc.control import (
    BeginMaintenance,
    EndMaintenance,
    Explanation,
    GetExplanation,
    GetHistory,
    GetMembers,
    GetRemoved,
    GetServed,
    GetStatus,
    GetVersions,
    HistoryAnswer,
    Leave,
    Leaving,
    Maintained,
    MembersAnswer,
    NoRight,
    PauseWorker,
    PinBalancer,
    Removed,
    RestartingWorker,
    RestartWorker,
    ResumeWorker,
    Served,
    StatusAnswer,
    UnpinBalancer,
    VersionsAnswer,
    WorkerOrdered,
)
from lighthouse.ipc.messages import (
    MAX_FRAME,
    Alive,
    Answered,
    Applied,
    Asked,
    Connected,
    Counted,
    Deliver,
    Describe,
    Described,
    Failed,
    Frame,
    Message,
    Observed,
    Probed,
    Ready,
    Registered,
    Rehearse,
    Rehearsed,
    Reported,
    StatusGiven,
    StatusWanted,
    Stop,
    Unreached,
    Validate,
    Validated,
    VerdictsSaid,
    Working,
    decode,
    decode_as,
    encode,
)
from lighthouse.ipc.payloads import Registration
from lighthouse.ipc.plugin_report import PluginReport
from lighthouse.ipc.program import ProgramTold, TellProgram
from lighthouse.ipc.snapshot import (
    BalancerSnapshot,
    CheckSnapshot,
    DiscoverySnapshot,
    Membership,
    Part,
    PluginSettings,
    Snapshot,
    WatchedCluster,
    pack,
    unpack,
)
from lighthouse.node import Node
from lighthouse.schema import Problem, Rejection
from lighthouse.service import Probe, Service, Verdict

REJECTION = Rejection((Problem(("global", 3), "is wrong"),), cluster="webapp")
HELD = Withheld("web", "in maintenance", (("10.0.0.1", 80),), True, False)
MESSAGES: list[Message] = [
    Deliver(5),
    Validate(),
    Stop(2.5),
    Ready(),
    Reported(PluginReport("python")),
    Alive({"reloads": 3}),
    Working("retry"),
    Applied(
        1, "failed", 12.5, "why", "Traceback", (REJECTION,), {"a": [1, None]}, (), 3, (HELD,), 2
    ),
    Validated((REJECTION,), "reason", (REJECTION,)),
    Rehearse(),
    Rehearsed(),
    Observed("webapp", "t1", 1.5, 2),
    Unreached(),
    Describe(),
    Described(),
    Counted(),
    StatusWanted(0.25, 2.0),
    StatusGiven(),
    Asked(3, RestartWorker("balancer", "haproxy")),
    Answered(3, Leaving(12.5)),
    Connected("suspended", "refused"),
    Registered(),
    VerdictsSaid(),
    Probed(),
    Failed("cannot be imported", "Traceback"),
    GetStatus(),
    StatusAnswer(),
    GetMembers(),
    MembersAnswer(),
    GetExplanation("web", "a:1"),
    Explanation("no such cluster"),
    BeginMaintenance("web", 80, "upgrade", 12.5, "alice"),
    EndMaintenance("web", None, "alice", True),
    TellProgram("web", 80, "stops", "alice"),
    ProgramTold("no service web", ("discovery files: has not deregistered web:80 yet",), (80,)),
    Maintained("no service web; there are: none", True, "the disk is full"),
    GetRemoved("web", 80),
    Removed(("discovery files: has not deregistered web:80 yet",)),
    GetServed("web", "a:80", True),
    Served("no cluster web", ("balancer haproxy: failed",)),
    Leave(True),
    RestartWorker("balancer", "haproxy"),
    RestartingWorker("balancer", "haproxy", 7),
    PauseWorker("", "haproxy", "goes mad", 7.5, "alice"),
    ResumeWorker("balancer", "haproxy"),
    WorkerOrdered("balancer", "haproxy", "", True, "not on disk"),
    PinBalancer("haproxy", 3, "bad", None, "alice"),
    UnpinBalancer("haproxy"),
    GetHistory("haproxy", 7),
    HistoryAnswer("no balancer x"),
    GetVersions("haproxy", {"haproxy": 3}),
    VersionsAnswer("no balancer x"),
    Leaving(12.5),
    NoRight("only to read"),
]
NODE = Node("web01", "10.0.0.1", 80, 5, {"zone": "a"})


@pytest.fixture
def pair() -> Iterator[tuple[Channel, Channel]]:
    left, right = Channel.pair()
    yield left, right
    left.close()
    right.close()


def received(channel: Channel) -> tuple[Message, bytes]:
    found = channel.receive()
    assert found is not None
    return found[0], bytes(found[1])


def test_every_message_there_is_is_in_the_table() -> None:
    assert {type(message) for message in MESSAGES} == set(messages.Message.__args__)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
@pytest.mark.parametrize("payload", [None, [], [b""], [b"some", b"", b" bytes"]])
def test_round_trips(
    pair: tuple[Channel, Channel], message: Message, payload: list[bytes] | None
) -> None:
    for sender, receiver in (pair, pair[::-1]):
        assert sender.send(message, payload)
        assert received(receiver) == (message, b"".join(payload or []))
        assert receiver.receive() is None


def test_messages_keep_their_order_and_their_payloads(pair: tuple[Channel, Channel]) -> None:
    left, right = pair
    for version in range(20):
        assert left.send(Deliver(version), [b"%d" % version] if version % 2 else None)
    for version in range(20):
        assert received(right) == (Deliver(version), b"%d" % version if version % 2 else b"")


def test_large_payloads_do_not_wait_for_a_reader(pair: tuple[Channel, Channel]) -> None:
    left, right = pair
    pieces = [bytes([number % 256]) * 997 for number in range(40_000)]
    assert left.send(Deliver(1), pieces)
    _, payload = received(right)
    assert payload == b"".join(pieces)


def test_memory_may_be_sent_again_and_is_not_looked_at_again(
    pair: tuple[Channel, Channel],
) -> None:
    left, right = pair
    memory = Memory([b"content"])
    for message in (Deliver(1, 5), Deliver(2, 5), Deliver(3, 6), Ready()):
        assert left.send(message, memory)
    memory.close()
    assert received(right) == (Deliver(1, 5), b"content")
    found = [right.receive(held=5) for _ in range(3)]
    payloads = [(type(one[0]), bytes(one[1])) for one in found if one is not None]
    assert payloads == [(Deliver, b""), (Deliver, b"content"), (Ready, b"content")]


@pytest.mark.parametrize("size", [0, 1, INLINE - 1, INLINE, INLINE + 1, MAX_FRAME, 10 * MAX_FRAME])
def test_payloads_of_any_size(pair: tuple[Channel, Channel], size: int) -> None:
    left, right = pair
    assert left.send(Deliver(1), [b"x" * size])
    assert received(right) == (Deliver(1), b"x" * size)


def test_a_payload_is_sealed(pair: tuple[Channel, Channel]) -> None:
    left, right = pair
    left.send(Deliver(1), [b"content" * INLINE])
    with socket.fromfd(right.fileno(), socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        _, (memory,), _, _ = socket.recv_fds(sock, 65536, 1)
    try:
        for refused in (
            lambda: os.write(memory, b"x"),
            lambda: os.ftruncate(memory, 1),
            lambda: os.ftruncate(memory, 1000),
            lambda: fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL),
        ):
            with pytest.raises(PermissionError):
                refused()
    finally:
        os.close(memory)


def test_the_end(pair: tuple[Channel, Channel]) -> None:
    left, right = pair
    assert right.receive() is None
    left.send(Deliver(1))
    left.close()
    assert received(right)[0] == Deliver(1)
    with pytest.raises(Closed, match="end of file") as caught:
        right.receive()
    assert caught.value.is_end
    with pytest.raises(Closed):
        right.send(Ready())
    with pytest.raises(Closed):
        right.send(Ready(), [b"payload"])


def test_a_reader_that_does_not_read_is_noticed_and_loses_nothing(
    pair: tuple[Channel, Channel],
) -> None:
    left, right = pair
    sent = 0
    while left.send(Working("x" * 1000), [b"payload"] if sent % 10 == 0 else None):
        sent += 1
        assert sent < 100_000
    assert not left.send(Ready())
    taken = 0
    while (found := right.receive()) is not None:
        assert bytes(found[1]) == (b"payload" if taken % 10 == 0 else b"")
        taken += 1
    assert taken == sent
    assert left.send(Ready())


def raw(pair: tuple[Channel, Channel]) -> socket.socket:
    return socket.fromfd(pair[0].fileno(), socket.AF_UNIX, socket.SOCK_SEQPACKET)


@pytest.mark.parametrize(
    "frame",
    [
        b"\xc1",
        b"{}",
        b"\x80",
        encode([{"type": "Nonsense"}]),
        encode([{"type": "Deliver"}]),
        b"x" * 90_000,
        encode([{"type": "Deliver", "version": "five"}]),
        encode([1, 2]),
        encode([]),
        encode(Ready()),
        encode([Ready(), "text"]),
        encode(Frame(Ready()))[:-1],
    ],
)
def test_what_no_lighthouse_says_closes(pair: tuple[Channel, Channel], frame: bytes) -> None:
    with raw(pair) as sock:
        sock.send(frame)
    with pytest.raises(Closed) as caught:
        pair[1].receive()
    assert not caught.value.is_end


def test_a_payload_that_could_still_change_is_refused(pair: tuple[Channel, Channel]) -> None:
    memory = os.memfd_create("test", os.MFD_ALLOW_SEALING)
    os.write(memory, b"content")
    with raw(pair) as sock:
        socket.send_fds(sock, [encode(Frame(Deliver(1)))], [memory])
    os.close(memory)
    with pytest.raises(Closed, match="not sealed"):
        pair[1].receive()


def test_a_descriptor_that_is_no_memory_is_refused(pair: tuple[Channel, Channel]) -> None:
    reader, writer = os.pipe()
    with raw(pair) as sock:
        socket.send_fds(sock, [encode(Frame(Deliver(1)))], [reader])
    os.close(reader)
    os.close(writer)
    with pytest.raises(Closed):
        pair[1].receive()


def test_no_descriptor_is_left_open(pair: tuple[Channel, Channel]) -> None:
    left, right = pair

    def count() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = count()
    for version in range(50):
        left.send(Deliver(version), [b"payload" * INLINE])
        received(right)
    with raw(pair) as sock:
        for _ in range(5):
            socket.send_fds(sock, [b"nonsense"], [0])
            with pytest.raises(Closed):
                right.receive()
            socket.send_fds(sock, [encode(Frame(Ready()))], [0, 1, 2])
            with pytest.raises(Closed):
                right.receive()
    assert count() == before


def test_one_can_wait_for_a_message(pair: tuple[Channel, Channel]) -> None:
    left, right = pair
    assert select.select([right], [], [], 0)[0] == []
    left.send(Ready())
    assert select.select([right], [], [], 5)[0] == [right]


CHILD = """
import os, sys, socket, select
from lighthouse.ipc.channel import Channel, Closed
from lighthouse.ipc.messages import Failed
channel = Channel(socket.socket(fileno=int(sys.argv[1])))
while True:
    select.select([channel], [], [])
    try:
        message, payload = channel.receive()
    except Closed:
        sys.exit(7)
    channel.send(Failed(type(message).__name__), [bytes(payload)[::-1]])
"""


def test_a_process_at_the_other_end() -> None:
    left, right = Channel.pair()
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(right.fileno())], pass_fds=[right.fileno()]
    )
    right.close()
    try:
        for text in (b"abc", b"x" * 1_000_000):
            left.send(Validate(), [text])
            assert select.select([left], [], [], 30)[0]
            assert received(left) == (Failed("Validate"), text[::-1])
    finally:
        left.close()
    assert child.wait(30) == 7


def test_a_named_socket_however_deep_it_lies(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    path = deep / "control.sock"
    listener = Listener(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert listener.accept() is None
    client = Channel.connect(path)
    server = listener.accept()
    assert server is not None
    client.send(GetStatus())
    assert received(server)[0] == GetStatus()
    server.send(StatusAnswer(), [b"{}"])
    assert received(client) == (StatusAnswer(), b"{}")
    client.close()
    server.close()
    listener.close()
    assert not path.exists()
    with pytest.raises(FileNotFoundError):
        Channel.connect(path)


def test_a_socket_that_a_dead_daemon_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as dead:
        dead.bind(str(path))
    with pytest.raises(OSError, match="refused") as caught:
        Channel.connect(path)
    assert caught.value.errno == errno.ECONNREFUSED
    listener = Listener(path)
    Channel.connect(path).close()
    listener.close()


SETTINGS = PluginSettings({"port": 1, "list": ["a", None, 1.5]}, {"port": 2})
MEMBERSHIP = Membership(
    settings=SETTINGS,
    nodes=msgspec.Raw(encode((NODE,))),
    known=True,
    stale=False,
    observed_at=1.5,
    meta_cluster=None,
)
SNAPSHOTS: list[Snapshot] = [
    BalancerSnapshot(PluginSettings()),
    BalancerSnapshot(SETTINGS, (Part("a", 1, b"one"), Part("b", 2, b""), Part("c", 3, b"three"))),
    BalancerSnapshot(SETTINGS, (Part("a", 1, encode(MEMBERSHIP)),)),
    DiscoverySnapshot(SETTINGS, (WatchedCluster("a", 3),), (Service("a", 80, NODE),), ()),
    CheckSnapshot((Probe("a", "localhost", 80, {"uri": "/"}, passing=None),)),
]


@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_snapshots_cross_whole(pair: tuple[Channel, Channel], snapshot: Snapshot) -> None:
    left, right = pair
    left.send(Deliver(1), pack(snapshot))
    found = right.receive()
    assert found is not None
    assert unpack(found[1]) == snapshot


def test_what_a_reader_knows_is_not_read_again() -> None:
    snapshot = BalancerSnapshot(
        SETTINGS, (Part("a", 1, b"one"), Part("b", 2, b"two"), Part("c", 3, b"three"))
    )
    payload = memoryview(b"".join(pack(snapshot)))
    found = unpack(payload, {"a": 1, "b": 1, "x": 9})
    assert isinstance(found, BalancerSnapshot)
    assert [part.body for part in found.clusters] == [b"", b"two", b"three"]
    assert [part.revision for part in found.clusters] == [1, 2, 3]


@given(st.lists(st.tuples(st.text(max_size=20), st.integers(0, 9), st.binary(max_size=50))))
def test_any_clusters_cross_whole(parts: list[tuple[str, int, bytes]]) -> None:
    snapshot = BalancerSnapshot(PluginSettings(), tuple(Part(*part) for part in parts))
    assert unpack(memoryview(b"".join(pack(snapshot)))) == snapshot


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Reading, Reading((NODE,), (Refusal("a.json", "record: not JSON"),))),
        (Membership, MEMBERSHIP),
        (
            tuple[Registration, ...],
            (Registration(("a", "h", "10.0.0.1", 80), False, "refused", True),),
        ),
        (tuple[Verdict, ...], (Verdict("a", 80, None, "", {"role": "primary"}, 1.5, 0.1),)),
    ],
)
def test_payloads_of_a_known_kind(kind: Any, value: Any) -> None:
    assert decode_as(kind, encode(value)) == value


@given(st.binary(max_size=100))
def test_no_frame_raises_anything_but_a_decode_error(frame: bytes) -> None:
    try:
        decode(frame)
    except msgspec.DecodeError:
        return
