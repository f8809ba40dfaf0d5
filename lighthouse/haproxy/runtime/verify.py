"""The proof that a worker of HAProxy serves all that its file says."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Final

from lighthouse.haproxy.rendering import binds
from lighthouse.haproxy.rendering.render import generation_in
from lighthouse.haproxy.runtime import process
from lighthouse.haproxy.runtime.instance import Instance

PROOF: Final = 5.0
"""Seconds that the proof may take: less than ``process.STEP``."""

_LOOK: Final = 0.1
"""Seconds between two looks whether there is still an HAProxy to answer."""

_SHOWN: Final = 3
_PROXY: Final = re.compile(r"^(?:frontend|listen) (\S+)\n((?:    .*\n)*)", re.MULTILINE)


def prove(
    path: str, text: str, worker: int | None, former: int | None, has_ended: Callable[[], bool]
) -> Instance:
    """The worker that serves this file; ``former`` is the one that must be replaced by it.

    ``path`` is its socket, ``worker`` is the new one, if that is known; ``has_ended`` tells if
    none will come. Raises ``process.NotReloaded`` or ``OSError``.
    """
    deadline = time.monotonic() + PROOF
    while True:
        left = deadline - time.monotonic()
        try:
            instance = Instance.attach(path, max(0.0, min(left, _LOOK)))
            if not (lack := _lack(instance, text, worker, former)):
                return instance
            instance.close()
        except OSError:
            if left <= 0 and not has_ended():
                raise
            lack = "it does not answer"
        if has_ended():
            raise process.Ended("HAProxy has ended")
        if left <= 0:
            raise process.NotReloaded(lack)
        time.sleep(0.01)


def _lack(instance: Instance, text: str, worker: int | None, former: int | None) -> str:
    if instance.pid == former:
        return f"worker {former} has not been replaced"
    if worker is not None and instance.pid != worker:
        return f"worker {instance.pid} answers, not the new one"
    return missing(instance, text)


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
