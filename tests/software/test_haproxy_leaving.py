"""What becomes of the sessions of a node that leaves: kept, or ended at once."""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator

import pytest

from lighthouse.cluster import Cluster
from tests.ports import free_ports
from tests.software.haproxy_world import World, cluster, node
from tests.waiting import eventually

TCP = ["mode tcp"]


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(1024):
            self.request.sendall(data)


@pytest.fixture
def servers() -> Iterator[list[int]]:
    """The ports of two servers that send back what they are sent."""
    with contextlib.ExitStack() as stack:
        ports = []
        for _ in range(2):
            server = stack.enter_context(socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Echo))
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
            ports.append(server.server_address[1])
        yield ports


class Session:
    """A TCP session through HAProxy."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 5)
        self._socket.settimeout(5)

    def close(self) -> None:
        self._socket.close()

    @property
    def works(self) -> bool:
        try:
            self._socket.sendall(b"x")
            return self._socket.recv(1) == b"x"
        except ConnectionError:
            return False


def database(port: int, *ports: int, on_leave: str) -> Cluster:
    nodes = [node(one, host=f"db{one}") for one in ports]
    return cluster("db", port, nodes, backend=TCP, on_leave=on_leave)


@pytest.mark.parametrize(("on_leave", "goes_on"), [("keep", True), ("shutdown-sessions", False)])
def test_sessions_of_a_node_that_leaves(
    world: World, servers: list[int], on_leave: str, goes_on: bool
) -> None:
    (port,) = free_ports(1)
    world.sync(database(port, servers[0], on_leave=on_leave))
    with contextlib.closing(Session(port)) as session:
        assert session.works
        assert world.sync(database(port, servers[1], on_leave=on_leave)).kind == "applied"
        assert session.works is goes_on
    with contextlib.closing(Session(port)) as session:
        assert session.works
    assert world.plugin.status()["reloads"] == 0


def test_sessions_of_replaced_workers_are_ended_too(world: World, servers: list[int]) -> None:
    port, other = free_ports(2)
    first = database(port, *servers[:1], on_leave="shutdown-sessions")
    world.sync(first)
    with contextlib.closing(Session(port)) as session:
        assert session.works
        worker = world.worker
        world.sync(first, cluster("web", other, [node(servers[1])], backend=TCP))
        eventually(lambda: world.wake(0.1) or world.worker != worker, 20)
        assert session.works, "a reload ends nothing"
        world.sync(
            database(port, servers[1], on_leave="shutdown-sessions"),
            cluster("web", other, [node(servers[1])], backend=TCP),
        )
        assert not session.works
