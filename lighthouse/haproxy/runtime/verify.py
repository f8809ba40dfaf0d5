"""Whether a worker of HAProxy serves all that its file says."""

import re
from collections.abc import Iterator
from typing import Final

from lighthouse.haproxy.rendering import binds
from lighthouse.haproxy.rendering.render import generation_in
from lighthouse.haproxy.runtime.instance import Instance

_SHOWN: Final = 3
_PROXY: Final = re.compile(r"^(?:frontend|listen) (\S+)\n((?:    .*\n)*)", re.MULTILINE)


def missing(instance: Instance, text: str) -> str:
    """What of a file its worker lacks, in words; empty if it serves all of it."""
    if instance.generation != generation_in(text):
        return f"worker {instance.pid} runs another configuration"
    closed = _listeners(text) - instance.open_frontends()
    if closed:
        return f"it does not listen for {_some(closed)}"
    held = binds.held_by(instance.pid)
    if held is not None:
        claims = binds.Claims(held)
        unbound = {
            str(spot)
            for spot in binds.spots(text)
            if spot.port and spot.trial and claims.owner(spot) is None
        }
        if unbound:
            return f"nothing listens at {_some(unbound)}"
    lost = {
        f"{backend}/{name}"
        for backend, name in _servers(text)
        if name not in instance.backends.get(backend, {})
    }
    return f"it has no server {_some(lost)}" if lost else ""


def _listeners(text: str) -> set[str]:
    """The proxies that a file says to listen."""
    return {
        name
        for name, lines in _PROXY.findall(text)
        if "    bind " in lines and "    disabled\n" not in lines
    }


def _servers(text: str) -> Iterator[tuple[str, str]]:
    backend = ""
    for line in text.splitlines():
        if line.startswith("    server "):
            if backend:
                yield backend, line.split(None, 2)[1]
        elif line[:1] not in (" ", "#", ""):
            section, _, name = line.partition(" ")
            backend = name.strip() if section == "backend" else ""


def _some(names: set[str]) -> str:
    shown = ", ".join(sorted(names)[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
