"""Which connections carry a request, by what the kernel tells of them."""

import socket
import time

import pytest

from lighthouse.net.connections import Connection, connections
from tests.waiting import eventually


@pytest.mark.parametrize(
    ("connection", "busy"),
    [
        (Connection(9.0, 9.0, 9.0, False, 0), False),  # nothing was ever sent by it
        (Connection(2.0, 3.0, 2.0, False, 9), True),  # a request without an answer
        (Connection(600.0, 700.0, 600.0, False, 9), True),  # for however long
        (Connection(3.0, 2.0, 2.0, False, 9), False),  # answered
        (Connection(3.0, 0.5, 0.5, False, 9), True),  # something has moved just now
        (Connection(9.0, 9.0, 9.0, True, 9), True),  # it lies unread or unsent
        (Connection(2.0, 2.0, 1.9, False, 9), False),  # the answer was confirmed by itself
        (Connection(2.0, 2.0, 2.0, False, 9), True),  # it cannot be told,
        (Connection(6.0, 6.0, 6.0, False, 9), False),  # and does not count for ever
    ],
)
def test_what_is_busy(connection: Connection, busy: bool) -> None:
    assert connection.busy(1.0) == busy


@pytest.mark.parametrize(
    "address", ["127.0.0.1", pytest.param("::1", marks=pytest.mark.needs("ipv6"))]
)
def test_a_request_counts_until_it_is_answered(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as server:
        port = server.getsockname()[1]

        def busy() -> bool:
            (one,) = connections([port])
            return one.busy(0.05)

        assert connections([port]) == []
        with socket.create_connection((address, port)) as client:
            eventually(lambda: not busy(), 5, "it is only open")
            accepted = server.accept()[0]
            with accepted:
                for _ in range(3):
                    client.sendall(b"GET /")
                    accepted.recv(100)
                    over = time.monotonic() + 0.2
                    eventually(lambda over=over: time.monotonic() > over)
                    assert busy(), "one request came right after another's answer"
                    accepted.sendall(b"200")
                    client.recv(100)
                client.sendall(b"GET /")
                accepted.recv(100)
                accepted.sendall(b"200")
                client.recv(100)
                eventually(lambda: not busy(), 3)
