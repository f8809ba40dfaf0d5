"""A cluster of ZooKeeper, however lists, reads and events race."""

from collections import deque
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from kazoo.exceptions import NoNodeError
from kazoo.protocol.connection import CHANGED_EVENT, CREATED_EVENT, DELETED_EVENT
from kazoo.protocol.states import ZnodeStat

from lighthouse.record import decode
from lighthouse.zookeeper.cluster import KnownCluster
from lighthouse.zookeeper.loop_calls import LoopCalls
from lighthouse.zookeeper.reads import Reads
from lighthouse.zookeeper.watch_events import WatchEvents

NAMES = ("a", "b", "c")


def data(port: int) -> bytes:
    return b'{"ip": "10.0.0.1", "port": %d}' % port


def stat(modified: int) -> ZnodeStat:
    return ZnodeStat(0, modified, 0, 0, 0, 0, 0, 0, 0, 0, 0)


class World:
    """A server, and the one stream on which its answers and events reach a cluster.

    Reads are answered from what is there when the server comes to them; an event may overtake
    the answer to a read that the server made before it, as it does in an ensemble.
    """

    def __init__(self, children: dict[str, int]) -> None:
        self.zxid = 1
        self.children = {name: (port, 1) for name, port in children.items()}  # port, modified
        self.unread: deque[Any] = deque()  # requests that the server has not come to
        self.stream: deque[Any] = deque()
        self.calls = LoopCalls()
        self.events = WatchEvents("/s", self.calls, self.send, self)
        self.cluster = KnownCluster("webapp", "/s/webapp", decode)
        self.events.followed["/s/webapp"] = self.cluster
        self.leaving: list[str] = []
        self.relist()

    # The client's side.

    def send(self, request: Any, done: Any) -> None:
        self.unread.append((request.path.rpartition("/")[2], done))

    def relist(self, full: bool = False) -> None:
        self.cluster.full = self.cluster.full or full
        self.cluster.begin()
        self.unread.append((None, self._listed))

    def appeared(self) -> None: ...

    def deleted(self, cluster: KnownCluster, name: str) -> None:
        cluster.leave(name)
        self.leaving.append(name)

    def read(self, cluster: KnownCluster, name: str, found: Any, error: Any) -> None:
        cluster.take(name, error or found)

    def _listed(self, found: Any, error: None) -> None:
        wanted = self.cluster.listed(found)
        self.cluster.asked(wanted)
        if wanted:
            self.unread.append((tuple(wanted), lambda found, _: self._many(wanted, found)))

    def _many(self, names: list[str], found: Any) -> None:
        for name, one in zip(names, found, strict=True):
            if self.cluster.answered(name, one):
                self.events.read(self.cluster, name)

    def settle(self) -> None:
        """The time for which a deleted child may come back is over."""
        self.calls.drain()
        for name in self.leaving:
            if self.cluster.leaving(name) and not self.events.reading(f"/s/webapp/{name}"):
                self.cluster.drop(name)
        self.leaving = [name for name in self.leaving if self.cluster.leaving(name)]

    # The server's side.

    def change(self, name: str, port: int, overtakes: bool) -> None:
        """Something happens to a child; the event may be written before the last answer."""
        self.zxid += 1
        there = name in self.children
        if port:
            self.children[name] = (port, self.zxid)
        elif not there:
            return
        else:
            del self.children[name]
        kind = (CHANGED_EVENT if there else CREATED_EVENT) if port else DELETED_EVENT
        late = None
        if overtakes and self.stream and len(self.stream[-1]) == 3:  # events keep their order
            late = self.stream.pop()
        self.stream.append((kind, name))
        if late is not None:
            self.stream.append(late)

    def answer(self) -> None:
        """Come to the next request."""
        if not self.unread:
            return
        what, done = self.unread.popleft()
        if what is None:
            found: Any = set(self.children)
            self.stream.append((done, found, None))
        elif isinstance(what, tuple):
            found = [self._found(name) for name in what]
            self.stream.append((done, found, None))
        else:
            found = self._found(what)
            failed = isinstance(found, NoNodeError)
            self.stream.append((done, None, found) if failed else (done, found, None))

    def deliver(self) -> None:
        if not self.stream:
            return
        first, *rest = self.stream.popleft()
        if len(rest) == 1:
            self.events.on_event(first, f"/s/webapp/{rest[0]}")
        else:
            first(*rest)
        self.calls.drain()

    def _found(self, name: str) -> Any:
        if name not in self.children:
            return NoNodeError()
        port, modified = self.children[name]
        return data(port), stat(modified)


PORTS = st.integers(1, 3)
STEPS = st.one_of(
    st.tuples(st.just("change"), st.sampled_from(NAMES), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("relist"), st.booleans()),
    st.tuples(st.sampled_from(["answer", "deliver", "settle"])),
)


ANSWER, DELIVER = ("answer",), ("deliver",)
FIRST = [ANSWER, DELIVER]

CHANGED_WHILE_READ = [
    *FIRST,
    *FIRST,
    ("change", "a", 2, False),
    DELIVER,
    ANSWER,
    ("change", "a", 3, True),
]
DELETED_WHILE_READ = [*CHANGED_WHILE_READ[:-1], ("change", "a", 0, True)]
DELETED_WHILE_LISTED = [*FIRST, ANSWER, ("change", "a", 0, True)]
CREATED_WHILE_LISTED = [ANSWER, ("change", "b", 2, True), DELIVER]
REPLACED = [*FIRST, *FIRST, ("change", "a", 0, False), ("change", "a", 2, False)]


@example({"a": 1}, CHANGED_WHILE_READ)
@example({"a": 1}, DELETED_WHILE_READ)
@example({"a": 1}, DELETED_WHILE_LISTED)
@example({"a": 1}, CREATED_WHILE_LISTED)
@example({"a": 1}, REPLACED)
@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), PORTS), st.lists(STEPS, max_size=30))
def test_in_the_end_a_cluster_is_what_the_server_holds(
    children: dict[str, int], steps: list[tuple[Any, ...]]
) -> None:
    world = World(children)
    for what, *arguments in steps:
        getattr(world, what)(*arguments)
    while world.unread or world.stream or world.leaving:
        world.answer()
        world.deliver()
        world.settle()
    assert world.cluster.whole
    reading = world.cluster.reading()
    assert sorted(node.port for node in reading.nodes) == sorted(
        port for port, _ in world.children.values()
    )
    assert world.cluster.counts() == (len(world.children), 0)


def test_a_session_that_counts_anew_is_believed() -> None:
    cluster = KnownCluster("webapp", "/s/webapp", decode)
    cluster.begin()
    cluster.listed({"a"})
    cluster.take("a", (data(1), stat(100)))
    cluster.begin()
    cluster.distrust()
    cluster.listed({"a"})
    cluster.take("a", (data(2), stat(3)))
    assert [node.port for node in cluster.reading().nodes] == [2]


def test_nothing_is_a_reading_until_all_of_it_is_known() -> None:
    cluster = KnownCluster("webapp", "/s/webapp", decode)
    cluster.begin()
    cluster.take("a", (data(1), stat(1)))
    assert not cluster.whole
    assert cluster.listed({"a", "b"}) == ["b"]
    assert not cluster.whole
    cluster.take("b", (b"nonsense", stat(2)))
    assert (cluster.whole, cluster.changed, cluster.counts()) == (True, True, (1, 1))
    assert cluster.listed({"b"}) == []
    assert cluster.counts() == (0, 1)


class Questions:
    """A connection whose answers come when the test gives them, in order."""

    def __init__(self) -> None:
        self.asked: deque[Any] = deque()

    def ask(self, request: Any, done: Any) -> None:
        self.asked.append(done)


def test_a_list_that_was_asked_for_before_a_refresh_says_nothing() -> None:
    questions: Any = Questions()
    reads = Reads(questions, World({}).events)
    cluster = reads.clusters["webapp"] = KnownCluster("webapp", "/s/webapp", decode)
    told: list[list[str]] = []

    def listed(cluster: KnownCluster, found: Any, _error: Exception | None) -> None:
        told.append(list(found))
        cluster.listed(found)

    cluster.begin()
    reads.list(cluster, listed)
    cluster.full = True
    cluster.begin()
    reads.list(cluster, listed)
    questions.asked.popleft()([], None)
    assert (told, cluster.whole) == ([], False)
    questions.asked.popleft()(["a"], None)
    assert (told, cluster.whole) == ([["a"]], False)
