"""Hosts of a test's own: network namespaces on one switch, whose cables can be pulled.

Everything is on this machine and gone with the ``Network``. A pulled cable swallows packets
without a word, as a partition does: neither end is told.
"""

import ctypes
import itertools
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

_numbers: Final = itertools.count(1)
_libc: Final = ctypes.CDLL(None, use_errno=True)


class Network:
    """One namespace for each name, at 10.213.0.1 and the following addresses."""

    def __init__(self, names: Sequence[str]) -> None:
        self._prefix = f"lh{os.getpid()}n{next(_numbers)}"
        self._addresses = {name: f"10.213.0.{n}" for n, name in enumerate(names, 1)}
        self._made: list[str] = []

    def open(self) -> None:
        hub = self._add("hub")
        _ip("-n", hub, "link", "add", "switch", "type", "bridge")
        _ip("-n", hub, "link", "set", "switch", "up")
        for number, name in enumerate(self._addresses, 1):
            self._plug_in(self._add(name), hub, name, number)
        for name, host in ((name, self.space(name)) for name in self._addresses):
            for other in self._addresses.keys() - {name}:
                where = ("to", self._addresses[other], "lladdr", self._mac(other))
                _ip("-n", host, "neigh", "replace", *where, "dev", "eth0", "nud", "permanent")

    def close(self) -> None:
        for space in self._made:
            _ip("netns", "del", space)
        self._made.clear()

    def address(self, name: str) -> str:
        return self._addresses[name]

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Sockets, threads and processes that this thread makes meanwhile are on this host."""
        with (
            open("/proc/thread-self/ns/net", "rb") as here,
            open(f"/run/netns/{self.space(name)}", "rb") as there,
        ):
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(here.fileno())

    def ip(self, name: str, *words: str) -> None:
        """Run the ``ip`` command on this host, to change its addresses and routes."""
        _ip("-n", self.space(name), *words)

    def cut(self, name: str) -> None:
        """Pull the host's cable."""
        _ip("-n", self.space("hub"), "link", "set", f"port-{name}", "down")

    def heal(self, name: str) -> None:
        """Plug it in again."""
        _ip("-n", self.space("hub"), "link", "set", f"port-{name}", "up")

    def _add(self, name: str) -> str:
        space = self.space(name)
        _ip("netns", "add", space)
        self._made.append(space)
        _ip("-n", space, "link", "set", "lo", "up")
        return space

    def _plug_in(self, host: str, hub: str, name: str, number: int) -> None:
        cable = ("type", "veth", "peer", "name", f"port-{name}", "netns", hub)
        _ip("-n", hub, "link", "add", "eth0", "netns", host, *cable)
        _ip("-n", host, "link", "set", "eth0", "address", self._mac(name))
        _ip("-n", host, "addr", "add", f"{self._addresses[name]}/24", "dev", "eth0")
        _ip("-n", host, "link", "set", "eth0", "up")
        _ip("-n", hub, "link", "set", f"port-{name}", "master", "switch", "up")

    def space(self, name: str) -> str:
        """What ``ip netns`` calls this host."""
        return f"{self._prefix}-{name}"

    def _mac(self, name: str) -> str:
        return f"02:00:00:00:00:{int(self._addresses[name].rpartition('.')[2]):02x}"


@contextmanager
def network(*names: str) -> Iterator[Network]:
    """Hosts of these names (8 characters at most), and no trace of them afterwards."""
    found = Network(names)
    try:
        found.open()
        yield found
    finally:
        found.close()


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, 0) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=30)
