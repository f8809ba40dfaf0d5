"""The HAProxy that runs, as its socket shows it: which worker, which generation, what servers.

What is known of the servers is kept up with every command, so that a change costs commands and
no question; a full comparison finds what others did.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from lighthouse.haproxy.rendering.live import Live, Lives
from lighthouse.haproxy.rendering.render import MARKER
from lighthouse.haproxy.runtime.changes import Climb, ServerChange, delete, succeeded
from lighthouse.haproxy.runtime.server_states import backend_number, read_states
from lighthouse.haproxy.runtime.socket import Lost, Runtime

log: Final = logging.getLogger(__name__)

_POLL: Final = 0.01
_DISABLED: Final = "Proxy is disabled."
"""What a worker answers that has been replaced."""

_PATIENCE: Final = 0.8
"""Seconds that a worker gets to say that it is alive."""


class InstanceFailure(msgspec.Struct, frozen=True):
    """A server that could not be brought to where it should be, in HAProxy's words."""

    backend: str
    server: str
    reason: str


class Instance:
    """One worker of HAProxy, and the held connection to it; ``took``: seconds to read it all.

    ``backends`` are all that it has, with their servers as they were when it was attached.
    ``live`` are those among them that are ours, kept up with every command: none, until they
    are claimed.
    """

    def __init__(self, runtime: Runtime) -> None:
        began = time.monotonic()
        self.runtime: Final = runtime
        info, env, states, backends = runtime.ask(
            [("show", "info"), ("show", "env", MARKER), _STATES, ("show", "backend")]
        )
        facts = dict(row.split(": ", 1) for row in info.splitlines() if ": " in row)
        self.stopping: Final = facts.get("Stopping") == "1"
        self.pid: Final = int(facts.get("Pid", 0))
        self.version: Final = facts.get("Version", "")
        self.generation: Final = env.partition("=")[2] if env.startswith(f"{MARKER}=") else ""
        self.live: dict[str, dict[str, Live]] = {}
        self._claimed = False
        self.backends: Final = read_states(states)
        for name in backends.splitlines()[1:]:
            self.backends.setdefault(name.strip(), {})
        self.took: Final = time.monotonic() - began

    @classmethod
    def attach(cls, path: str, within: float = 0.0) -> "Instance":
        """The worker that serves now, waited for up to ``within`` seconds.

        Raises ``OSError`` if there is none.
        """
        deadline = time.monotonic() + within
        while True:
            try:
                instance = cls(Runtime(path))
                if not instance.stopping and instance.pid:
                    return instance
                instance.close()
                reason: OSError = Lost("a worker that is about to end still answers")
            except OSError as error:
                reason = error
            if time.monotonic() >= deadline:
                raise reason
            time.sleep(_POLL)

    def close(self) -> None:
        self.runtime.close()

    def claim(self, ours: Iterable[str]) -> None:
        """Take these backends for ours, if they are there; all others are let alone."""
        there = self.backends.keys() & set(ours)
        self.live = {name: self.live.get(name, self.backends[name]) for name in there}
        self._claimed = True

    @property
    def members(self) -> Lives:
        """The servers to go by where a cluster's own are not heard of.

        Of all backends while nobody knows which are ours: better those than none.
        """
        return self.live if self._claimed else self.backends

    def confirm(self) -> None:
        """Raises ``Lost`` unless this is still the worker that serves, alive and well."""
        (info,) = self.runtime.ask([("show", "info")], _PATIENCE)
        self._same(info)

    def refresh(self, backends: Sequence[str]) -> list[str]:
        """Read the servers of these afresh; their statistics, one text for each.

        Raises ``Lost`` if the worker has been replaced.
        """
        questions = [(*_STATES, backend) for backend in backends]
        info, *states = self.runtime.ask([("show", "info"), *questions])
        self._same(info)
        for backend, text in zip(backends, states, strict=True):
            self.live[backend] = read_states(text).get(backend, {})
        numbers = [backend_number(text) for text in states]
        asked = [("show", "stat", number, "4", "-1") for number in numbers if number]
        told = iter(self.runtime.ask(asked) if asked else ())
        return [next(told) if number else "" for number in numbers]

    def states(self) -> str:
        """All servers, as a file of states has them."""
        return self.runtime.ask([_STATES])[0]

    def open_frontends(self) -> set[str]:
        """The names of the frontends that take connections."""
        (text,) = self.runtime.ask([("show", "stat", "-1", "1", "-1")])
        header, *rows = text.splitlines()
        columns = header.removeprefix("# ").split(",")
        found = [dict(zip(columns, row.split(","), strict=False)) for row in rows if row]
        return {row["pxname"] for row in found if row["status"] == "OPEN"}

    def climb(self, climbs: Sequence[Climb]) -> list[InstanceFailure]:
        """Send what the climbs need: all gains first, then the losses of those that gained.

        Only to backends that are ours. Returns what HAProxy refused; raises ``Lost`` if the
        worker has been replaced.
        """
        failures = self._send([step for climb in climbs for step in climb.gain])
        stuck = {failure.backend for failure in failures}
        lose = [s for climb in climbs for s in climb.lose if s.backend not in stuck]
        return failures + self._send(lose)

    def delete(self, backend: str, servers: Iterable[str]) -> list[str]:
        """Delete those servers in maintenance that hold no connection; the names deleted."""
        (said,) = self.runtime.ask([("show", "servers", "conn", backend)])
        used = {row.split()[0]: row.split()[6] for row in said.splitlines()[1:] if row.strip()}
        idle = [name for name in servers if used.get(f"{backend}/{name}") == "0"]
        commands = [delete(backend, name) for name in idle]
        replies = self.runtime.ask(commands)
        gone = [
            name
            for name, command, reply in zip(idle, commands, replies, strict=True)
            if succeeded(command, reply)
        ]
        for name in gone:
            self.live[backend].pop(name, None)
        return gone

    def _same(self, info: str) -> None:
        if "\nStopping: 1" in info or f"\nPid: {self.pid}\n" not in f"\n{info}\n":
            raise Lost("the worker has been replaced")

    def _send(self, steps: Sequence[ServerChange]) -> list[InstanceFailure]:
        replies = iter(self.runtime.ask([c for step in steps for c in step.commands]))
        failures = []
        for step in steps:
            answered = [(command, next(replies)) for command in step.commands]
            wrong = next((a for a in answered if not succeeded(*a)), None)
            if wrong is None:
                self.live[step.backend][step.server] = step.after
                continue
            if any(reply == _DISABLED for _, reply in answered):
                raise Lost("the worker has been replaced")
            failures.append(InstanceFailure(step.backend, step.server, wrong[1] or "no answer"))
            log.warning("%s: %s", " ".join(wrong[0]), wrong[1])
        return failures


_STATES: Final = ("show", "servers", "state")
