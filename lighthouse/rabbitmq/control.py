"""Running ``rabbitmqctl``: bounded, with a sign of life, and its answers told in plain words.

What it prints about a node that it cannot reach has a hash of the cookie in it, and exported
definitions have hashes of passwords. So nothing that was printed is passed on but its first
line of an error.
"""

import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Literal

import msgspec

from lighthouse.rabbitmq.settings import ERLANG_NODE
from lighthouse.software.command import Command, common_environment
from lighthouse.text import one_line

Condition = Literal["ok", "down", "booting", "slow", "cookie", "minority", "failed"]

_KEEP: Final = 32 << 20
"""Bytes of an answer: that of 100,000 queues is about half of it."""

_TICK: Final = 1.0
_SHOWN: Final = 150
_ERROR: Final = re.compile(r"^Error:[ \t]*\n?[ \t]*(\S.*)$", re.M)
_USAGE, _UNAVAILABLE, _TEMPORARY = 64, 69, 75

TOLD: Final[dict[Condition, str]] = {
    "down": "the broker does not run on this host; what is here is for when it boots",
    "booting": (
        "the broker is up but its application is not: it boots, waits for the other nodes' "
        "tables, or was stopped; slow is not broken, and nothing is done to it"
    ),
    "slow": "rabbitmqctl did not answer in time; slow is not broken, and nothing is done",
    "cookie": (
        "the broker does not take rabbitmqctl's Erlang cookie: make the cookie file the same as "
        "on the other nodes (or the host name, or TLS between nodes), and restart what is wrong"
    ),
    "minority": "the cluster may be in the minority, as it says itself: nothing is done",
}


class ControlAnswer(msgspec.Struct, frozen=True):
    """How a command ended; ``printed`` is for reading only, ``told`` for people."""

    condition: Condition
    told: str
    printed: str = ""


def judge(status: int | None, printed: str) -> ControlAnswer:
    """What an exit status (None: its time was up) and what was printed say together."""
    condition = _condition(status, printed)
    return ControlAnswer(condition, TOLD.get(condition, _said(status, printed)), printed)


def _condition(status: int | None, printed: str) -> Condition:
    if status is None:
        return "slow"
    if status == 0:
        return "ok"
    if "could be in minority" in printed:
        return "minority"
    if status == _UNAVAILABLE and "Erlang cookie is identical" in printed:
        return "cookie"
    if status == _UNAVAILABLE and "unable to perform an operation on node" in printed:
        return "down"
    if status == _USAGE and "requires the 'rabbit' app to be running" in printed:
        return "booting"
    if status == _TEMPORARY or "timed out while waiting for a response" in printed:
        return "slow"
    return "failed"


def _said(status: int | None, printed: str) -> str:
    """The exit status, and the line that says why."""
    found = _ERROR.search(printed)
    lines = [line for line in printed.splitlines() if line.strip() and "cookie" not in line]
    line = found[1] if found is not None else (lines or [""])[0]
    told = f": {one_line(line, _SHOWN)}" if status != 0 and line else ""
    return f"exit status {status}{told}"


class Rabbitmqctl:
    """The command, for the local node or for another one by name.

    While it runs ``alive`` is told once a second. Its answer never raises: a program that
    cannot be run at all is ``failed``, too.
    """

    def __init__(
        self, program: str, local: str | None, timeout: float, alive: Callable[[str], None]
    ) -> None:
        self._program: Final = program
        self._local: Final = local
        self._timeout: Final = timeout
        self._alive: Final = alive
        self.calls = 0

    def run(self, *words: str, node: str | None = None) -> ControlAnswer:
        """Run one command to its end."""
        self.calls += 1
        target = node or self._local
        named = ("-n", target) if target is not None else ()
        command = Command([self._program, *named, *words], common_environment(), keep=_KEEP)
        self._alive(f"rabbitmqctl {words[0]}")
        with ThreadPoolExecutor(1) as pool:
            run = pool.submit(command.run, self._timeout)
            while not run.done():
                try:
                    run.exception(_TICK)
                except TimeoutError:
                    self._alive(f"rabbitmqctl {words[0]}")
        try:
            result = run.result()
        except (OSError, ValueError) as error:
            return ControlAnswer("failed", f"{self._program} cannot be run: {error}")
        return judge(result.status, result.output.decode("utf-8", "replace"))

    def status(self, node: str | None = None) -> ControlAnswer:
        """The cluster as a node sees it."""
        return self.run("cluster_status", "--formatter", "json", "--silent", node=node)

    def name(self) -> str | None:
        """How the local node is called, None if it does not say."""
        if self._local is not None:
            return self._local
        found = self.run("eval", "node().").printed.strip().strip("'")
        return found if ERLANG_NODE.fullmatch(found) else None


def program_fault(path: str) -> str:
    """Why there is no such program, empty if there is one."""
    if os.path.isfile(path) and os.access(path, os.X_OK):
        return ""
    return f"there is no program {path}: install rabbitmq-server, or set rabbitmqctl"
