"""One member of a backend: the same record gives its line in the file and its command.

Dynamic servers inherit nothing, so every option is spelled out on both. Names and ids depend
on the node alone, never on its siblings, so that logs, stick tables and hash rings hold still.
"""

import functools
import hashlib
import ipaddress
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from lighthouse.node import Node

MAX_ID: Final = 2**31 - 1
_NAME_LENGTH: Final = 63
_POOL: Final = ("pool-purge-delay", "5s", "pool-max-conn", "-1")
"""Without both of these a dynamic server never reuses a connection."""


class Server(msgspec.Struct, frozen=True):
    """A server as wanted. ``options`` are the backend's, the same for all its servers."""

    name: str
    id: int
    ip: str
    port: int
    weight: int
    options: tuple[str, ...] = ()

    def words(self) -> tuple[str, ...]:
        """What follows the name, in the file and in ``add server`` alike."""
        numbers = ("id", str(self.id), "weight", str(self.weight))
        return (address(self.ip, self.port), *numbers, *_POOL, *self.options)

    def line(self) -> str:
        return f"    server {self.name} {' '.join(self.words())}\n"


def address(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


@functools.lru_cache(maxsize=65536)
def name_of(host: str, ip: str, port: int) -> str:
    """``host_ip_port`` (``ip_port`` if there is no host name), at most 63 characters.

    Two nodes that listen at different places never share a name, however long their hosts.
    """
    tail = f"{ip.replace(':', '-')}_{port}"
    if tail.startswith("-"):
        tail = f"0{tail}"
    label = ipaddress.ip_address(ip).exploded.replace(":", "-")
    start = host[: _NAME_LENGTH - len(tail) - 1]
    return tail if host == label or not start[:1].isalnum() else f"{start}_{tail}"


@functools.lru_cache(maxsize=65536)
def id_of(name: str) -> int:
    """1..2^31-1, the same for a name on every host and for ever."""
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % MAX_ID + 1


def roster(
    nodes: Iterable[Node], options: tuple[str, ...], live: Mapping[str, int]
) -> dict[str, Server]:
    """The servers of one backend by name, sorted.

    ``live`` are the ids in use in the running backend, by name: they win, and whoever would
    collide with one moves on to the next free id.
    """
    named = sorted((name_of(node.host, node.ip, node.port), node) for node in nodes)
    ids = dict(live)
    taken = set(live.values())
    servers = {}
    for name, node in named:
        if name not in ids:
            number = id_of(name)
            while number in taken:
                number = number % MAX_ID + 1
            ids[name] = number
            taken.add(number)
        servers[name] = Server(name, ids[name], node.ip, node.port, node.weight, options)
    return servers
