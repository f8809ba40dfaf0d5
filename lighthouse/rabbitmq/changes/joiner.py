"""Has the node of this host join a cluster, and its application started whatever happens."""

import random
import time
from typing import Final

import msgspec

from lighthouse.balancer import Outcome
from lighthouse.rabbitmq.broker import LocalBroker
from lighthouse.rabbitmq.changes.blank import connected, fullness
from lighthouse.rabbitmq.changes.join import JoinChoice, Witness, choose
from lighthouse.rabbitmq.changes.record import Record, kind_of_refusal
from lighthouse.rabbitmq.control import ControlAnswer, Rabbitmqctl
from lighthouse.rabbitmq.topology import Release, Topology, UnreadableAnswer, read

_STARTING: Final = 60.0
"""Seconds for which an application that was told to start is not told again."""

_ASKED: Final = 9
"""Of a large cluster so many of its nodes are asked."""


class Joiner:
    """Joins once per time that a node is found blank and alone, after a random wait."""

    def __init__(
        self, control: Rabbitmqctl, broker: LocalBroker, record: Record, jitter: float
    ) -> None:
        self._control: Final = control
        self._broker: Final = broker
        self._record: Final = record
        self._jitter: Final = jitter
        self._at: float | None = None
        self._patient_until = 0.0

    @property
    def due(self) -> bool:
        """Return True if the random wait before a join is over."""
        return self._at is not None and time.monotonic() >= self._at

    def recover(self) -> Outcome | None:
        """Start the application that a join has stopped whose end nobody saw; None if none did."""
        if not self._record.ledger.joining:
            return None
        if self._broker.sight.condition == "ok":
            return self._opened("")
        if time.monotonic() < self._patient_until:
            return None
        if self._broker.sight.condition in ("booting", "slow", "failed"):
            answer = self._start()
            if self._broker.look_again().condition == "ok" and (shut := self._opened("")):
                return shut
            told = f"start_app: {answer.told}"
            return Outcome("degraded", f"a join was cut short, and the broker is started: {told}")
        return None

    def join(self, me: str, own: Topology, seen: frozenset[str] | None) -> Outcome | None:
        """Join if it may be, and it is time; None if there is nothing to be said of it."""
        choice = choose(me, own, seen, self._witnesses(me, own, seen), "")
        if choice.target is None:
            self._at = None
            return _told(choice)
        if self._at is None:
            self._at = time.monotonic() + random.uniform(0, self._jitter)
        if not self.due:
            left = self._at - time.monotonic()
            return Outcome("held", f"joins the cluster of {choice.target} in {left:.1f} s")
        self._at = None
        return self._try(me, seen)

    def _try(self, me: str, seen: frozenset[str] | None) -> Outcome | None:
        """Ask everybody anew, whether it is blank last of all, and join.

        One that seems to be blank and unused is asked once more, when nobody can give it
        anything any more: no client is let in until it has joined or the join is given up.
        """
        own = self._broker.look_again().topology
        if own is None:
            return None
        witnesses = self._witnesses(me, own, seen)
        choice = choose(me, own, seen, witnesses, self._holds())
        if choice.target is None:
            return _told(choice)
        if told := self._used():
            return Outcome("held", f"joins no cluster now: {told}")
        self._mark(True)
        if told := self._closed():
            return self._opened(told)
        choice = choose(me, own, seen, witnesses, self._holds())
        if choice.target is None:
            return self._opened("") or _told(choice)
        answer = self._moved(choice.target, own.release(me))
        shut = self._opened("") if self._broker.look_again().condition == "ok" else None
        if answer.condition != "ok":
            return Outcome(
                kind_of_refusal(answer),
                f"did not join the cluster of {choice.target}: {answer.told}",
            )
        return shut or Outcome("applied", f"joined the cluster of {choice.target}")

    def _closed(self) -> str:
        """Why clients may still give it something; empty once none is there or gets in."""
        answer = self._control.run("suspend_listeners")
        if answer.condition != "ok":
            return f"its listeners cannot be suspended ({answer.told})"
        return self._used()

    def _used(self) -> str:
        """That clients are connected, or may be; empty if none is."""
        answer = self._control.run("list_connections", "pid", "--formatter", "json", "--silent")
        if answer.condition != "ok":
            return f"its connections cannot be listed ({answer.told})"
        count = connected(answer.printed)
        return "" if count == 0 else f"clients are connected to it ({count})"

    def _opened(self, why: str) -> Outcome | None:
        """Let clients in again; what was found meanwhile, or that they cannot be let in."""
        answer = self._control.run("resume_listeners")
        if answer.condition == "ok":
            self._mark(False)
            return Outcome("held", f"joins no cluster now: {why}") if why else None
        told = f"no client is let in until resume_listeners succeeds ({answer.told})"
        return Outcome("degraded", f"{why}; {told}" if why else told)

    def _moved(self, target: str, release: Release) -> ControlAnswer:
        """How ``join_cluster`` ended; the application is started again, however it did."""
        if release.joins_alone:
            return self._control.run("join_cluster", target)
        try:
            stopped = self._control.run("stop_app")
            if stopped.condition != "ok":
                return stopped
            return self._control.run("join_cluster", target)
        finally:
            self._start()

    def _start(self) -> ControlAnswer:
        """Have the application start; the broker is still at it when the command comes back."""
        answer = self._control.run("start_app")
        if answer.condition == "ok":
            self._patient_until = time.monotonic() + _STARTING
        return answer

    def _holds(self) -> str:
        """What the node holds, asked right now; empty if it is proven to be blank."""
        queues = self._control.run("list_queues", "name", "--formatter", "json", "--silent")
        if queues.condition != "ok":
            return f"its queues cannot be listed ({queues.told})"
        exported = self._control.run("export_definitions", "-", "--format", "json")
        if exported.condition != "ok":
            return f"its definitions cannot be exported ({exported.told})"
        return fullness(exported.printed, queues.printed)

    def _witnesses(self, me: str, own: Topology, seen: frozenset[str] | None) -> list[Witness]:
        """What the other nodes say; nobody is asked on behalf of one that is in a cluster."""
        found: list[Witness] = []
        if own.members != {me}:
            return found
        for name in sorted((seen or frozenset()) - {me})[:_ASKED]:
            answer = self._control.status(name)
            try:
                if answer.condition == "ok":
                    found.append(Witness(name, read(answer.printed)))
            except UnreadableAnswer:
                continue
        return found

    def _mark(self, joining: bool) -> None:
        self._record.keep(msgspec.structs.replace(self._record.ledger, joining=joining))


def _told(choice: JoinChoice) -> Outcome | None:
    if not choice.why:
        return None
    if choice.conflict:
        return Outcome("degraded", f"conflict: {choice.why}")
    return Outcome("held", choice.why)
