"""A cluster of ZooKeeper, however lists, reads and events race."""

from collections import deque
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from kazoo.exceptions import NoNodeError
from kazoo.protocol.connection import CHANGED_EVENT, CREATED_EVENT, DELETED_EVENT
from kazoo.protocol.states import ZnodeStat

from lighthouse.record import decode
from lighthouse.zookeeper.cluster import Cluster
from lighthouse.zookeeper.feed import Feed
from lighthouse.zookeeper.mailbox import Mailbox

NAMES = ("a", "b", "c")


def data(port: int) -> bytes:
    return b'{"ip": "10.0.0.1", "port": %d}' % port


def stat(created: int, modified: int, children: int = 0) -> ZnodeStat:
    return ZnodeStat(created, modified, 0, 0, 0, 0, 0, 0, 0, 0, children)


class World:
    """A server, and the one stream on which its answers and events reach a cluster.

    Reads are answered from what is there when the server comes to them; an event may overtake
    the answer to a read that the server made before it, as it does in an ensemble.
    """

    def __init__(self) -> None:
        self.zxid = 0
        self.changed = 0
        self.children: dict[str, tuple[int, int, int]] = {}  # port, created, modified
        self.unread: deque[Any] = deque()  # requests that the server has not come to
        self.stream: deque[Any] = deque()
        self.mailbox = Mailbox()
        self.feed = Feed(self.mailbox, self.send, self)
        self.cluster = Cluster("webapp", "/s/webapp", decode)
        self.feed.followed["/s/webapp"] = self.cluster
        self.leaving: list[str] = []
        self.relist()

    # The client's side.

    def send(self, request: Any, done: Any) -> None:
        self.unread.append((request.path.rpartition("/")[2], done))

    def relist(self) -> None:
        self.cluster.begin()
        self.unread.append((None, self._listed))

    def appeared(self, cluster: Cluster) -> None: ...

    def deleted(self, cluster: Cluster, name: str, after: int) -> None:
        cluster.leave(name)
        self.leaving.append(name)

    def read(self, cluster: Cluster, name: str, found: Any, error: Any) -> None:
        cluster.take(name, error or found)

    def _listed(self, found: Any, error: None) -> None:
        names, changed = found
        wanted = self.cluster.listed(names, changed)
        self.cluster.asked(wanted)
        if wanted:
            self.unread.append((tuple(wanted), lambda found, _: self._many(wanted, found)))

    def _many(self, names: list[str], found: Any) -> None:
        for name, one in zip(names, found, strict=True):
            if self.cluster.answered(name, one):
                self.feed.read(self.cluster, name)

    def settle(self) -> None:
        """The time for which a deleted child may come back is over."""
        self.mailbox.drain()
        for name in self.leaving:
            if self.cluster.leaving(name) and not self.feed.reading(f"/s/webapp/{name}"):
                self.cluster.drop(name)
        self.leaving = [name for name in self.leaving if self.cluster.leaving(name)]

    # The server's side.

    def change(self, name: str, port: int) -> None:
        self.zxid += 1
        if port == 0 and name in self.children:
            del self.children[name]
            self.changed = self.zxid
            self.stream.append((DELETED_EVENT, name))
        elif port and name in self.children:
            self.children[name] = (port, self.children[name][1], self.zxid)
            self.stream.append((CHANGED_EVENT, name))
        elif port:
            self.children[name] = (port, self.zxid, self.zxid)
            self.changed = self.zxid
            self.stream.append((CREATED_EVENT, name))

    def answer(self) -> None:
        """Come to the next request."""
        if not self.unread:
            return
        what, done = self.unread.popleft()
        if what is None:
            found: Any = (set(self.children), self.changed)
            self.stream.append((done, found, None))
        elif isinstance(what, tuple):
            found = [self._found(name) for name in what]
            self.stream.append((done, found, None))
        else:
            found = self._found(what)
            failed = isinstance(found, NoNodeError)
            self.stream.append((done, None, found) if failed else (done, found, None))

    def overtake(self) -> None:
        """The last event is written before the answer that stands right before it."""
        if len(self.stream) >= 2 and len(self.stream[-1]) == 2 and len(self.stream[-2]) == 3:
            self.stream[-1], self.stream[-2] = self.stream[-2], self.stream[-1]

    def deliver(self) -> None:
        if not self.stream:
            return
        first, *rest = self.stream.popleft()
        if len(rest) == 1:
            self.feed.on_event(first, f"/s/webapp/{rest[0]}")
        else:
            first(*rest)
        self.mailbox.drain()

    def _found(self, name: str) -> Any:
        if name not in self.children:
            return NoNodeError()
        port, created, modified = self.children[name]
        return data(port), stat(created, modified)


STEPS = st.one_of(
    st.tuples(st.just("change"), st.sampled_from(NAMES), st.integers(0, 3)),
    st.tuples(st.sampled_from(["answer", "deliver", "settle", "overtake", "relist"])),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_in_the_end_a_cluster_is_what_the_server_holds(steps: list[tuple[Any, ...]]) -> None:
    world = World()
    for step in steps:
        match step:
            case ("change", name, port):
                world.change(name, port)
            case (what,):
                getattr(world, what)()
    while world.unread or world.stream or world.leaving:
        world.answer()
        world.deliver()
        world.settle()
    assert world.cluster.whole
    reading = world.cluster.reading()
    assert sorted(node.port for node in reading.nodes) == sorted(
        port for port, _, _ in world.children.values()
    )
    assert world.cluster.counts() == (len(world.children), 0)


def test_a_session_that_counts_anew_is_believed() -> None:
    cluster = Cluster("webapp", "/s/webapp", decode)
    cluster.begin()
    cluster.listed({"a"}, 100)
    cluster.take("a", (data(1), stat(100, 100)))
    cluster.begin()
    cluster.distrust()
    cluster.listed({"a"}, 3)
    cluster.take("a", (data(2), stat(3, 3)))
    assert [node.port for node in cluster.reading().nodes] == [2]


def test_nothing_is_a_reading_until_all_of_it_is_known() -> None:
    cluster = Cluster("webapp", "/s/webapp", decode)
    cluster.begin()
    cluster.take("a", (data(1), stat(1, 1)))
    assert not cluster.whole
    assert cluster.listed({"a", "b"}, 2) == ["b"]
    assert not cluster.whole
    cluster.take("b", (b"nonsense", stat(2, 2)))
    assert (cluster.whole, cluster.changed, cluster.counts()) == (True, True, (1, 1))
