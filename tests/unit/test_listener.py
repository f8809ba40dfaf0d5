"""The control socket under too many clients."""

import selectors
from pathlib import Path

from lighthouse.ipc.channel import Channel
from lighthouse.ipc.control import Leave, Leaving
from lighthouse.supervisor.listener import MAX_CLIENTS, ControlListener


def turn(selector: selectors.BaseSelector) -> None:
    for key, _ in selector.select(1.0):
        key.data()


def test_a_client_that_is_dropped_as_it_speaks_is_no_harm(tmp_path: Path) -> None:
    with selectors.DefaultSelector() as selector:
        control = ControlListener(tmp_path / "s", selector, lambda *_: (Leaving(1.0), b""))
        clients = []
        for _ in range(MAX_CLIENTS):
            clients.append(Channel.connect(tmp_path / "s"))
            turn(selector)
        clients.append(Channel.connect(tmp_path / "s"))
        clients[0].send(Leave())
        clients[1].send(Leave())
        turn(selector)
        assert clients[1].receive() == (Leaving(1.0), memoryview(b""))
        control.close()
        for client in clients:
            client.close()
