"""What answers in etcd's place and never comes to an end: it is left within a bounded time."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import msgspec
import pytest

from lighthouse.etcd import client as etcd_client
from lighthouse.etcd.auth import Authentication
from lighthouse.etcd.client import EtcdClient
from lighthouse.etcd.counts import EtcdCounts
from lighthouse.etcd.errors import Trouble
from lighthouse.etcd.protocol import encode
from lighthouse.etcd.settings import Endpoint, read

Serve = Callable[[socket.socket, threading.Event], None]


@contextlib.contextmanager
def answering(serve: Serve) -> Iterator[EtcdClient]:
    """A client of a server that deals with each connection as told, until the block ends."""
    over = threading.Event()
    threads: list[threading.Thread] = []

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threads.append(threading.Thread(target=run, args=(connection,)))
                threads[-1].start()

    def run(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            serve(connection, over)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        threads.append(threading.Thread(target=accept))
        threads[0].start()
        settings = read({"endpoints": [f"http://127.0.0.1:{port}"], "path": "/services"})
        client = EtcdClient(
            Endpoint(False, "127.0.0.1", port), Authentication(settings), EtcdCounts()
        )
        try:
            yield client
        finally:
            client.close()
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


def test_a_list_that_does_not_go_on_ends() -> None:
    page = encode({"header": {"revision": "7"}, "kvs": [{"key": b"/services/a/b"}], "more": True})

    def serve(connection: socket.socket, _over: threading.Event) -> None:
        while connection.recv(65536):
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(page)}\r\n\r\n".encode()
            connection.sendall(head + page)

    assert msgspec.json.decode(page)["more"] is True
    with answering(serve) as client:
        pages = client.pages(b"/services/")
        assert len(next(pages).kvs) == 1
        with pytest.raises(Trouble, match="does not go on"):
            next(pages)


def test_a_watch_that_does_not_begin_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(etcd_client, "WATCH", 1.0)

    def serve(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(65536)
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 1000:
            connection.sendall(bytes([byte]))
            if over.wait(0.02):
                return

    with answering(serve) as client, pytest.raises(Trouble, match=r"no answer|timed out|time"):
        client.watch(b"/services/", 1)
