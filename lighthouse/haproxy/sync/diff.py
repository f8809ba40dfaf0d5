"""The ladder: from wanted and live servers to the least that makes them equal. Pure.

Nothing if they are equal; then state, weight and address of servers that are there; then
``add server``; then, where the runtime API cannot do it, the reason for a reload.
"""

import contextlib
import ipaddress
from collections.abc import Iterator, Mapping
from typing import Final, Literal

import msgspec

from lighthouse.haproxy.rendering.server import ServerLine
from lighthouse.haproxy.rendering.stanza import Stanza
from lighthouse.haproxy.runtime.socket import Command

_FORCED_MAINT: Final = 0x01
_DRAIN: Final = 0x08

Rung = Literal["state", "weight", "address", "add", "maintenance"]


class Live(msgspec.Struct, frozen=True):
    """A server as HAProxy runs it. ``state``: as it was last set by us or anyone.

    ``initial`` is the weight that its line in the file gave it.
    """

    id: int
    ip: str
    port: int
    weight: int
    state: str = "ready"
    initial: int = 1


class ServerChange(msgspec.Struct, frozen=True):
    """What brings one server a rung up or takes it out; ``after`` is how it is then."""

    backend: str
    server: str
    rung: Rung
    commands: tuple[Command, ...]
    after: Live


class Climb(msgspec.Struct, frozen=True):
    """One backend's way: first ``gain`` (all of it must succeed), then ``lose``.

    ``reload`` is why the runtime API does not suffice, empty if it does.
    """

    gain: tuple[ServerChange, ...] = ()
    lose: tuple[ServerChange, ...] = ()
    reload: str = ""

    def __bool__(self) -> bool:
        return bool(self.gain or self.lose or self.reload)


Servers = Mapping[str, ServerLine]
Lives = Mapping[str, Live]


def climb(stanza: Stanza, wanted: Servers, live: Lives) -> Climb:
    """How a backend gets from its live servers to the wanted ones."""
    gain = []
    lose = []
    reload = ""
    for name, server in wanted.items():
        there = live.get(name)
        if there is not None and there.id != server.id:
            reload = f"{stanza.cluster}: {name} runs with another id"
        if there is None:
            if stanza.facts.growth.way == "add":
                gain.append(_add(stanza, server))
            elif not server.spare:
                reload = f"{stanza.cluster}: {name} is new, and {stanza.facts.growth.why}"
        elif server.spare:
            if there.state != "maint":
                lose.append(_retire(stanza.cluster, name, there))
        elif weight := _out_of_reach(stanza, server, there):
            reload = f"{stanza.cluster}: {weight}"
        elif there != (after := _after(server, there)):
            rung, commands = _mend(stanza, server, there)
            gain.append(ServerChange(stanza.cluster, name, rung, commands, after))
    gone = (n for n in live if n not in wanted and live[n].state != "maint")
    lose += [_retire(stanza.cluster, name, live[name]) for name in gone if not stanza.owns(name)]
    return Climb(tuple(gain), tuple(lose), reload)


def excuse(stanza: Stanza, wanted: Servers, live: Lives, adopted: bool = False) -> dict[str, Live]:
    """The live servers, with what a server's agent may have changed taken as wanted.

    ``adopted``: we did not see who put those that are in maintenance there; it may have been
    us, before their nodes came back.
    """
    if not stanza.agent:
        return dict(live)
    return {
        name: _excused(wanted[name], there, adopted) if name in wanted else there
        for name, there in live.items()
    }


def _excused(server: ServerLine, there: Live, adopted: bool) -> Live:
    state = there.state if adopted and there.state == "maint" else "ready"
    return msgspec.structs.replace(there, weight=server.weight, state=state)


def delete(backend: str, server: str) -> Command:
    return ("del", "server", f"{backend}/{server}")


def deletable(stanza: Stanza, version: tuple[int, ...]) -> bool:
    """Return True if ``del server`` is safe here: before 2.8 it crashes with random balancing."""
    if stanza.facts.growth.way == "slot":
        return False
    return version >= (2, 8) or "balance random" not in stanza.text


def succeeded(command: Command, reply: str) -> bool:
    """Return True if the text says so; HAProxy has no other sign of it."""
    match command[:2]:
        case ("add", "server"):
            return reply.endswith("New server registered.")  # warnings may stand before
        case ("del", "server"):
            return reply == "Server deleted."
        case ("set", "server") if "addr" in command:
            return "changed from" in reply or reply.startswith("no need to change")
        case _:
            return not reply


def read_states(text: str) -> dict[str, dict[str, Live]]:
    """The servers by backend in the reply to ``show servers state``."""
    found: dict[str, dict[str, Live]] = {}
    place: dict[str, int] = {}
    for row in text.splitlines():
        if row.startswith("# "):
            columns = row[2:].split()
            place = {name: columns.index(name) for name in _COLUMNS}
        elif place and row.strip():
            fields = row.split()
            backend, name, ip, *numbers = (fields[place[column]] for column in _COLUMNS)
            with contextlib.suppress(ValueError):  # a server of an operator's own kind
                number, port, weight, initial, admin = map(int, numbers)
                live = Live(number, _canonical(ip), port, weight, state_of(admin), initial)
                found.setdefault(backend, {})[name] = live
    return found


_COLUMNS: Final = (
    *("be_name", "srv_name", "srv_addr", "srv_id", "srv_port"),
    *("srv_uweight", "srv_iweight", "srv_admin_state"),
)


def state_rows(text: str) -> Iterator[dict[str, str]]:
    """The rows of a reply to ``show servers state``, by column."""
    columns: list[str] = []
    for row in text.splitlines():
        if row.startswith("# "):
            columns = row[2:].split()
        elif columns and row.strip():
            yield dict(zip(columns, row.split(), strict=False))


def _canonical(ip: str) -> str:
    """HAProxy prints IPv4-mapped addresses in another way than nodes are."""
    return str(ipaddress.IPv6Address(ip)) if ":" in ip else ip


def state_of(admin: int) -> str:
    """An administrative state in words; a file's own ``disabled`` does not count when lifted."""
    if admin & _FORCED_MAINT:
        return "maint"
    return "drain" if admin & _DRAIN else "ready"


def _after(server: ServerLine, there: Live | None) -> Live:
    number, initial = (server.id, server.weight) if there is None else (there.id, there.initial)
    return Live(number, server.ip, server.port, server.weight, "ready", initial)


def _out_of_reach(stanza: Stanza, server: ServerLine, there: Live) -> str:
    """Why a weight cannot be had at run time, empty if it can."""
    growth = stanza.facts.growth
    if not growth.coarse or server.weight in (there.weight, 0, there.initial):
        return ""
    return f"the weight of {server.name} changed, and {growth.why}"


def _add(stanza: Stanza, server: ServerLine) -> ServerChange:
    """A server is added in maintenance; its agent counts as down until it says ``up``, which
    one that talks of weights only never does.
    """
    path = f"{stanza.cluster}/{server.name}"
    commands: list[Command] = [("add", "server", path, *server.words())]
    if server.checked:
        commands.append(("enable", "health", path))
    if server.has_agent:
        commands.append(("enable", "agent", path))
        commands.append(("set", "server", path, "agent", "up"))
    commands.append(("set", "server", path, "state", "ready"))
    return ServerChange(stanza.cluster, server.name, "add", tuple(commands), _after(server, None))


def _mend(stanza: Stanza, server: ServerLine, there: Live) -> tuple[Rung, tuple[Command, ...]]:
    path = f"{stanza.cluster}/{server.name}"
    commands: list[Command] = []
    rung: Rung = "state"
    if there.weight != server.weight:
        rung = "weight"
        exact = str(server.weight)
        coarse = "100%" if server.weight else "0%"
        weight = coarse if stanza.facts.growth.coarse else exact
        commands.append(("set", "server", path, "weight", weight))
    if (there.ip, there.port) != (server.ip, server.port):
        rung = "address"
        commands.insert(0, ("set", "server", path, "addr", server.ip, "port", str(server.port)))
    if there.state != "ready":
        commands.append(("set", "server", path, "state", "ready"))
    return rung, tuple(commands)


def _retire(backend: str, name: str, there: Live) -> ServerChange:
    command = ("set", "server", f"{backend}/{name}", "state", "maint")
    after = msgspec.structs.replace(there, state="maint")
    return ServerChange(backend, name, "maintenance", (command,), after)
