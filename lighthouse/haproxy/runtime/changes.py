"""What is done to the servers of a running HAProxy, as commands and with what they lead to."""

from typing import Literal

import msgspec

from lighthouse.haproxy.rendering.live import Live
from lighthouse.haproxy.runtime.socket import Command

Rung = Literal["state", "weight", "address", "add", "maintenance"]


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


def delete(backend: str, server: str) -> Command:
    return ("del", "server", f"{backend}/{server}")


def succeeded(command: Command, reply: str) -> bool:
    """Return True if the text says so: HAProxy has no other sign of it."""
    match command[:2]:
        case ("add", "server"):
            return reply.endswith("New server registered.")  # warnings may stand before
        case ("del", "server"):
            return reply == "Server deleted."
        case ("set", "server") if "addr" in command:
            return "changed from" in reply or reply.startswith("no need to change")
        case _:
            return not reply
