"""Whether the addresses of a candidate can be bound, tried before HAProxy is told to.

A reload whose new address is taken pauses the live listeners for seconds, and ``haproxy -c``
does not see it coming.
"""

import socket
from collections.abc import Iterable, Iterator

import psutil

from lighthouse.haproxy.directive import words
from lighthouse.haproxy.render import Chunk


def binds(chunks: Iterable[Chunk]) -> Iterator[tuple[str, str, int]]:
    """(owner, address, port) of each TCP address that a configuration binds; "" is all."""
    for chunk in chunks:
        for line in chunk.text.splitlines():
            found = words(line)
            if found[:1] == ("bind",) and len(found) > 1:
                for spot in found[1].split(","):
                    yield from ((chunk.owner, host, port) for host, port in _spots(spot))


def taken(chunks: Iterable[Chunk], pid: int | None) -> dict[str, str]:
    """Why an owner's addresses cannot be bound; ``pid`` is the HAProxy that may hold them."""
    held = _held(pid) if pid is not None else frozenset()
    faults = {}
    if held is not None:
        for owner, host, port in binds(chunks):
            if port not in held and (reason := _fault(host, port)):
                faults[owner] = f"cannot bind {host or '*'}:{port}: {reason}"
    return faults


def _spots(spot: str) -> Iterator[tuple[str, int]]:
    host, colon, ports = spot.rpartition(":")
    host = host.removeprefix("ipv4@").removeprefix("ipv6@").strip("[]")
    low, _, high = ports.partition("-")
    if colon and "@" not in host and "/" not in spot and low.isdigit():
        last = int(high) if high.isdigit() else int(low)
        for port in range(int(low), min(last, int(low) + 1000) + 1):
            yield ("" if host == "*" else host), port


def _held(pid: int) -> frozenset[int] | None:
    """The ports on which a process or a child of it listens; None if it cannot be told."""
    try:
        process = psutil.Process(pid)
        family = (process, *process.children(recursive=True))
        connections = [c for member in family for c in member.net_connections(kind="tcp")]
    except (psutil.Error, OSError):
        return None
    return frozenset(c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN)


def _fault(host: str, port: int) -> str:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            if family == socket.AF_INET6:
                trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            trial.bind((host, port))
            trial.listen(1)
        except OSError as error:
            return error.strerror or str(error)
    return ""
