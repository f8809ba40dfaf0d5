"""The services that authors test checks against."""

import socket

import pytest

from lighthouse.testing.services import DENIED, FakeService


@pytest.mark.parametrize(
    ("said", "heard"),
    [(b"AUTH right\r\n", b"+OK\r\n"), (b"AUTH wrong\r\n", DENIED), (b"", DENIED)],
)
def test_a_wrong_password_is_turned_away(said: bytes, heard: bytes) -> None:
    with (
        FakeService("answers", b"+OK\r\n", password=b"right") as service,
        socket.create_connection((service.host, service.port), 5) as client,
    ):
        client.sendall(said)
        client.shutdown(socket.SHUT_WR)
        assert client.makefile("rb").read() == heard


def test_without_a_password_nothing_need_be_said() -> None:
    with (
        FakeService("answers", b"+OK\r\n") as service,
        socket.create_connection((service.host, service.port), 5) as client,
    ):
        assert client.makefile("rb").read() == b"+OK\r\n"
