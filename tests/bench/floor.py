"""The least that can be done for one change: a bare watch, and bare runtime commands.

One process, one directory, one held connection: reads a node's file when inotify names it,
and tells HAProxy. It has none of Lighthouse's promises; it is what they are compared with.
"""

import json
import socket
import sys
import zlib
from pathlib import Path

from inotify_simple import INotify, flags

DONE = b"\n> "


def main(directory: Path, haproxy: Path, backend: str) -> None:
    watch = INotify()
    watch.add_watch(str(directory), flags.MOVED_TO | flags.DELETE)
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(haproxy))
    ask(sock, "prompt")
    ask(sock, "set timeout cli 1h")
    print("ready", flush=True)
    while True:
        for event in watch.read():
            name = event.name.removesuffix(".json")
            if event.name.startswith(".") or name == event.name:
                continue
            server = f"{backend}/floor-{name}"
            if event.mask & flags.DELETE:
                ask(sock, f"set server {server} state maint")
                ask(sock, f"del server {server}")
                continue
            try:
                node = json.loads((directory / event.name).read_bytes())
            except FileNotFoundError:
                continue
            ident = zlib.crc32(name.encode()) % 2**30 + 1
            address = f"{node['ip']}:{node['port']}"
            ask(sock, f"add server {server} {address} id {ident}")
            ask(sock, f"set server {server} state ready")


def ask(sock: socket.socket, command: str) -> bytes:
    sock.sendall(command.encode() + b"\n")
    answer = b""
    while not answer.endswith(DONE):
        answer += sock.recv(65536)
    return answer


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
