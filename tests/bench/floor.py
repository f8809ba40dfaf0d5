"""The least that can be done for one change: a bare watch, and bare runtime commands.

One process, one cluster, one held connection: reads a node when the source names it, and
tells HAProxy. It has none of Lighthouse's promises; it is what they are compared with.
"""

import base64
import json
import queue
import socket
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
from inotify_simple import INotify, flags
from kazoo.client import KazooClient
from kazoo.protocol.states import EventType, WatchedEvent

DONE = b"\n> "

Change = tuple[str, bytes | None]
"""A node's name and its record, None if it is gone."""


def main(haproxy: Path, backend: str, source: str, *where: str) -> None:
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(haproxy))
    ask(sock, "prompt")
    ask(sock, "set timeout cli 1h")
    for name, record in SOURCES[source](backend, *where):
        server = f"{backend}/floor-{name}"
        if record is None:
            ask(sock, f"set server {server} state maint")
            ask(sock, f"del server {server}")
            continue
        node = json.loads(record)
        ident = zlib.crc32(name.encode()) % 2**30 + 1
        ask(sock, f"add server {server} {node['ip']}:{node['port']} id {ident}")
        ask(sock, f"set server {server} state ready")


def ask(sock: socket.socket, command: str) -> bytes:
    sock.sendall(command.encode() + b"\n")
    answer = b""
    while not answer.endswith(DONE):
        answer += sock.recv(65536)
    return answer


def files(cluster: str, root: str) -> Iterator[Change]:
    directory = Path(root, cluster)
    watch = INotify()
    watch.add_watch(str(directory), flags.MOVED_TO | flags.DELETE)
    print("ready", flush=True)
    while True:
        for event in watch.read():
            name = event.name.removesuffix(".json")
            if event.name.startswith(".") or name == event.name:
                continue
            if event.mask & flags.DELETE:
                yield name, None
                continue
            try:
                record = (directory / event.name).read_bytes()
            except FileNotFoundError:
                continue
            yield name, record


def zookeeper(cluster: str, hosts: str, path: str) -> Iterator[Change]:
    """A child watch that is set again with each list, and one read for each new child."""
    client = KazooClient(hosts=hosts)
    client.start(timeout=30)
    events: queue.SimpleQueue[None] = queue.SimpleQueue()

    def stirred(event: WatchedEvent) -> None:
        if event.type == EventType.CHILD:
            events.put(None)

    known = set(client.get_children(f"{path}/{cluster}", watch=stirred))
    print("ready", flush=True)
    while True:
        events.get()
        now = set(client.get_children(f"{path}/{cluster}", watch=stirred))
        for name in now - known:
            yield name, client.get(f"{path}/{cluster}/{name}")[0]
        for name in known - now:
            yield name, None
        known = now


def etcd(cluster: str, endpoint: str, path: str) -> Iterator[Change]:
    """One streamed watch, whose events carry the values."""
    prefix = f"{path}/{cluster}/"
    asked = {"key": coded(prefix), "range_end": coded(f"{path}/{cluster}0")}
    with (
        httpx.Client(base_url=endpoint, timeout=None) as client,
        client.stream("POST", "/v3/watch", json={"create_request": asked}) as answer,
    ):
        lines = answer.iter_lines()
        next(lines)
        print("ready", flush=True)
        for line in lines:
            events: list[dict[str, Any]] = json.loads(line)["result"].get("events", [])
            for event in events:
                name = base64.b64decode(event["kv"]["key"]).decode().removeprefix(prefix)
                gone = event.get("type") == "DELETE"
                yield name, None if gone else base64.b64decode(event["kv"]["value"])


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


SOURCES: dict[str, Callable[..., Iterator[Change]]] = {
    "file": files,
    "zookeeper": zookeeper,
    "etcd": etcd,
}

if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
