"""The ladder: from wanted and live servers to the least that makes them equal. Pure.

Nothing if they are equal; then state, weight and address of servers that are there; then
``add server``; then, where the runtime API cannot do it, the reason for a reload.
"""

from collections.abc import Mapping

import msgspec

from lighthouse.haproxy.rendering.live import Live
from lighthouse.haproxy.rendering.server import ServerLine
from lighthouse.haproxy.rendering.stanza import Stanza
from lighthouse.haproxy.runtime.changes import Climb, Rung, ServerChange
from lighthouse.haproxy.runtime.socket import Command

Servers = Mapping[str, ServerLine]


def climb(stanza: Stanza, wanted: Servers, live: Mapping[str, Live]) -> Climb:
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
                lose.append(_retire(stanza, name, there))
        elif weight := _out_of_reach(stanza, server, there):
            reload = f"{stanza.cluster}: {weight}"
        elif there != (after := _after(server, there)):
            rung, commands = _mend(stanza, server, there)
            gain.append(ServerChange(stanza.cluster, name, rung, commands, after))
    gone = (n for n in live if n not in wanted and live[n].state != "maint")
    lose += [_retire(stanza, name, live[name]) for name in gone if not stanza.owns(name)]
    return Climb(tuple(gain), tuple(lose), reload)


def excuse(
    stanza: Stanza, wanted: Servers, live: Mapping[str, Live], adopted: bool = False
) -> dict[str, Live]:
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


def _retire(stanza: Stanza, name: str, there: Live) -> ServerChange:
    path = f"{stanza.cluster}/{name}"
    commands: list[Command] = [("set", "server", path, "state", "maint")]
    if stanza.facts.cuts:
        commands.append(("shutdown", "sessions", "server", path))
    after = msgspec.structs.replace(there, state="maint")
    return ServerChange(stanza.cluster, name, "maintenance", tuple(commands), after)
