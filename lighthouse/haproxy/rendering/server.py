"""One member of a backend: the same record gives its line in the file and its command.

Dynamic servers inherit nothing and HAProxy derives nothing for them, so every option is
spelled out on both.
"""

import functools
import hashlib
import ipaddress
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from lighthouse.haproxy.schema.node_options import read
from lighthouse.haproxy.schema.server_options import in_force, spelled_out
from lighthouse.node import Node

IDS: Final = 2**20
"""Ids are 1 to this. HAProxy hashes no more of an id: servers whose ids are the same modulo this
share their places on the ring, and so the load of one."""

_NAME_LENGTH: Final = 63
_POOL: Final = ("pool-purge-delay", "5s", "pool-max-conn", "-1")
"""Without both of these a dynamic server never reuses a connection."""


class ServerLine(msgspec.Struct, frozen=True):
    """A server as wanted; ``options`` are the backend's, then the node's own.

    ``cookie`` is its value, if it has one; ``spare``: a slot that waits for a node.
    """

    name: str
    id: int
    ip: str
    port: int
    weight: int
    options: tuple[str, ...] = ()
    cookie: str = ""
    spare: bool = False

    @property
    def checked(self) -> bool:
        """Return True if HAProxy checks it."""
        return in_force(self.options, "check")

    @property
    def has_agent(self) -> bool:
        """Return True if HAProxy asks an agent about it."""
        return in_force(self.options, "agent-check")

    def words(self) -> tuple[str, ...]:
        """What follows the name, in the file and in ``add server`` alike."""
        numbers = ("id", str(self.id), "weight", str(self.weight))
        cookie = ("cookie", self.cookie) if self.cookie else ()
        return (address(self.ip, self.port), *numbers, *_POOL, *spelled_out(self.options), *cookie)

    def line(self) -> str:
        state = " disabled" if self.spare else ""
        return f"    server {self.name} {' '.join(self.words())}{state}\n"


class Need(msgspec.Struct, frozen=True):
    """What a node asks of its server: options of its own, and a name that changes with them.

    A server's options cannot be changed while it runs, so other options make another server.
    """

    node: Node
    options: tuple[str, ...] = ()
    mark: str = ""


def need(node: Node, allowed: tuple[str, ...], http: bool = True) -> Need:
    """The need of a node that may set the ``allowed`` options, in a backend that is ``http``."""
    if not allowed or not node.metadata:
        return Need(node)
    options, _ = read(allowed, node.metadata, http)
    digest = hashlib.blake2b(" ".join(options).encode(), digest_size=3).hexdigest()
    return Need(node, options, f"_{digest}") if options else Need(node)


def address(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


@functools.lru_cache(maxsize=65536)
def name_of(host: str, ip: str, port: int, mark: str = "") -> str:
    """``host_ip_port`` (``ip_port`` if there is no host name), at most 63 characters.

    Two nodes that listen at different places never share a name, however long their hosts.
    """
    tail = f"{ip.replace(':', '-')}_{port}{mark}"
    if tail.startswith("-"):
        tail = f"0{tail}"
    label = ipaddress.ip_address(ip).exploded.replace(":", "-")
    start = host[: _NAME_LENGTH - len(tail) - 1]
    return tail if host == label or not start[:1].isalnum() else f"{start}_{tail}"


@functools.lru_cache(maxsize=65536)
def id_of(name: str) -> int:
    """The id of a server whose place on the ring is free, the same for a name on every host."""
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % IDS + 1


def roster(
    needs: Iterable[Need], options: tuple[str, ...], cookie: bool, live: Mapping[str, int]
) -> dict[str, ServerLine]:
    """The servers of one backend by name, sorted.

    ``live`` are the ids in use in the running backend, by name: they win, and whoever would
    share a place on the ring with one moves on to the next free id; only those of earlier
    versions, which may share one, are given up. ``cookie``: each has one of its own.
    """
    named = sorted(
        ((name_of(n.node.host, n.node.ip, n.node.port, n.mark), n) for n in needs),
        key=lambda pair: pair[0],
    )
    ids = {name: number for name, number in live.items() if number <= IDS}
    taken = {number % IDS for number in live.values()}
    servers = {}
    for name, wanted in named:
        if name not in ids:
            number = id_of(name)
            while number % IDS in taken:
                number = number % IDS + 1
            ids[name] = number
            taken.add(number % IDS)
        node = wanted.node
        own = (*options, *wanted.options)
        value = address(node.ip, node.port) if cookie else ""
        servers[name] = ServerLine(name, ids[name], node.ip, node.port, node.weight, own, value)
    return servers
