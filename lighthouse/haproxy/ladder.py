"""The ladder: from wanted and live servers to the least that makes them equal. Pure.

Nothing if they are equal; then state, weight and address of servers that are there; then
``add server``; then, where the runtime API cannot do it, the reason for a reload.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from lighthouse.haproxy.runtime import Command
from lighthouse.haproxy.server import Server
from lighthouse.haproxy.stanza import Stanza

_FORCED_MAINT: Final = 0x01
_DRAIN: Final = 0x08


class Live(msgspec.Struct, frozen=True):
    """A server as HAProxy runs it. ``state``: as it was last set by us or anyone."""

    id: int
    ip: str
    port: int
    weight: int
    state: str = "ready"


class Step(msgspec.Struct, frozen=True):
    """What brings one server a rung up or takes it out; ``after`` is how it is then."""

    backend: str
    server: str
    commands: tuple[Command, ...]
    after: Live


class Climb(msgspec.Struct, frozen=True):
    """One backend's way: first ``gain`` (all of it must succeed), then ``lose``.

    ``reload`` is why the runtime API does not suffice, empty if it does.
    """

    gain: tuple[Step, ...] = ()
    lose: tuple[Step, ...] = ()
    reload: str = ""

    def __bool__(self) -> bool:
        return bool(self.gain or self.lose or self.reload)


Servers = Mapping[str, Server]
Lives = Mapping[str, Live]


def climb(stanza: Stanza, wanted: Servers, live: Lives) -> Climb:
    """How a backend gets from its live servers to the wanted ones."""
    gain = []
    reload = ""
    for name, server in wanted.items():
        there = live.get(name)
        if there is None:
            if stanza.static:
                reload = f"{stanza.cluster}: {name} is new, and {stanza.static}"
            else:
                gain.append(_add(stanza, server))
        elif there.id != server.id:
            reload = f"{stanza.cluster}: {name} runs with another id"
        elif stanza.static and there.weight != server.weight:
            reload = f"{stanza.cluster}: the weight of {name} changed, and {stanza.static}"
        elif commands := tuple(_mend(stanza.cluster, server, there)):
            gain.append(Step(stanza.cluster, name, commands, _live(server)))
    gone = (n for n in live if n not in wanted and live[n].state != "maint")
    lose = [_retire(stanza.cluster, name, live[name]) for name in gone if not stanza.owns(name)]
    return Climb(tuple(gain), tuple(lose), reload)


def excuse(stanza: Stanza, wanted: Servers, live: Lives) -> dict[str, Live]:
    """The live servers, with what a server's agent may have changed taken as wanted."""
    if not stanza.agent:
        return dict(live)
    return {name: _live(wanted[name]) if name in wanted else there for name, there in live.items()}


def delete(backend: str, server: str) -> Command:
    return ("del", "server", f"{backend}/{server}")


def deletable(stanza: Stanza, version: tuple[int, ...]) -> bool:
    """Whether ``del server`` is safe here: before 2.8 it crashes with random balancing."""
    return version >= (2, 8) or "balance random" not in stanza.text


def succeeded(command: Command, reply: str) -> bool:
    """Whether the text says so; HAProxy has no other sign of it."""
    match command[:2]:
        case ("add", "server"):
            return reply == "New server registered."
        case ("del", "server"):
            return reply == "Server deleted."
        case ("set", "server") if "addr" in command:
            return "changed from" in reply or reply.startswith("no need to change")
        case _:
            return not reply


def read_states(text: str) -> dict[str, dict[str, Live]]:
    """The servers by backend in the reply to ``show servers state``."""
    found: dict[str, dict[str, Live]] = {}
    columns: list[str] = []
    for row in text.splitlines():
        if row.startswith("# "):
            columns = row[2:].split()
            place = {name: columns.index(name) for name in _COLUMNS}
        elif columns and row.strip():
            fields = row.split()
            backend, name, ip, port, number, weight, admin = (fields[place[c]] for c in _COLUMNS)
            state = _state(int(admin))
            live = Live(int(number), _canonical(ip), int(port), int(weight), state)
            found.setdefault(backend, {})[name] = live
    return found


_COLUMNS: Final = (
    "be_name",
    "srv_name",
    "srv_addr",
    "srv_port",
    "srv_id",
    "srv_uweight",
    "srv_admin_state",
)


def _canonical(ip: str) -> str:
    """HAProxy prints IPv4-mapped addresses in another way than nodes are."""
    return str(ipaddress.IPv6Address(ip)) if ":" in ip else ip


def _state(admin: int) -> str:
    if admin & _FORCED_MAINT:
        return "maint"
    return "drain" if admin & _DRAIN else "ready"


def _live(server: Server) -> Live:
    return Live(server.id, server.ip, server.port, server.weight)


def _add(stanza: Stanza, server: Server) -> Step:
    path = f"{stanza.cluster}/{server.name}"
    commands: list[Command] = [("add", "server", path, *server.words())]
    if "check" in server.options:
        commands.append(("enable", "health", path))
    if "agent-check" in server.options:
        commands.append(("enable", "agent", path))
    commands.append(("set", "server", path, "state", "ready"))
    return Step(stanza.cluster, server.name, tuple(commands), _live(server))


def _mend(backend: str, server: Server, there: Live) -> Iterator[Command]:
    path = f"{backend}/{server.name}"
    if (there.ip, there.port) != (server.ip, server.port):
        yield ("set", "server", path, "addr", server.ip, "port", str(server.port))
    if there.weight != server.weight:
        yield ("set", "server", path, "weight", str(server.weight))
    if there.state != "ready":
        yield ("set", "server", path, "state", "ready")


def _retire(backend: str, name: str, there: Live) -> Step:
    command = ("set", "server", f"{backend}/{name}", "state", "maint")
    return Step(backend, name, (command,), msgspec.structs.replace(there, state="maint"))
