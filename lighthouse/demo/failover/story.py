"""What happens to the databases, and what must follow."""

import time
from collections.abc import Callable
from typing import Final

import psycopg

from lighthouse.demo.expectations import ExpectationFailed
from lighthouse.demo.failover.application import Application
from lighthouse.demo.failover.servers import DemoServer, Pooler, until
from lighthouse.demo.output import Output, StepResult

StoryStep = Callable[[], str]
"""Returns what was observed; raises ``ExpectationFailed``, ``OSError`` or ``psycopg.Error``."""

_WATCHED: Final = 2.0
"""Seconds for which something that must not happen is looked for."""


class Story:
    """The steps, each from what the one before has left; keeps the results."""

    def __init__(
        self,
        servers: tuple[DemoServer, DemoServer, DemoServer],
        pooler: Pooler,
        application: Application,
        output: Output,
    ) -> None:
        self._first, self._second, self._third = servers
        self._pooler: Final = pooler
        self._application: Final = application
        self._output: Final = output
        self.results: Final[list[StepResult]] = []

    def steps(self) -> list[tuple[str, StoryStep]]:
        """All steps, in order."""
        return [
            ("an application writes through PgBouncer", self._begin),
            ("planned: the primary is moved", self._move),
            ("the old primary becomes a standby", self._rejoin),
            ("unplanned: kill -9 the primary", self._kill),
            ("the dead primary comes back, and says that it is one", self._come_back),
        ]

    def run(self, title: str, step: StoryStep) -> bool:
        """Run one step; return True if it went as it must."""
        self._output.step(title)
        began = time.monotonic()
        try:
            observed, right = step(), True
        except (ExpectationFailed, OSError, psycopg.Error) as failed:
            observed, right = str(failed), False
            self._output.failed(observed)
        self.results.append(StepResult(title, observed, time.monotonic() - began, right))
        return right

    def _begin(self) -> str:
        self._leads_to(self._first)
        for standby in (self._second, self._third):
            self._streams(standby, self._first)
        self._first.ask("create table orders (id bigserial primary key)")
        self._application.start()
        self._output.observed(
            f"PgBouncer leads to {self._first.name}; two standbys stream from it"
        )
        return f"{self._first.name} is the primary, two standbys follow it"

    def _move(self) -> str:
        began = time.monotonic()
        self._pooler.console("PAUSE orders")
        self._output.note("the operator pauses PgBouncer, sees that a standby has got everything,")
        self._output.note("stops the primary, promotes the standby, and ends the pause")
        position = self._first.position()
        for standby in (self._second, self._third):
            self._has_replayed(standby, position)
        self._first.stop()
        self._second.promote()
        self._leads_to(self._second)
        self._pooler.console("RESUME orders")
        self._writes(self._second, began)
        self._streams(self._third, self._second)
        self._no_errors(began, "in a planned move")
        stall = self._application.stall(began)
        self._output.observed(f"no error; the application waited for {stall:.2f} s")
        return f"0 errors, a wait of {stall:.2f} s"

    def _rejoin(self) -> str:
        began = time.monotonic()
        self._first.stand_by()
        self._first.start()
        self._streams(self._first, self._second)
        self._no_errors(began, "while a standby joins")
        self._output.observed(f"{self._first.name} streams from {self._second.name}")
        return f"it streams from {self._second.name}, by a file and a reload"

    def _kill(self) -> str:
        killed = time.monotonic()
        self._second.kill()
        until(self._pooler.is_paused, "clients are held")
        held = time.monotonic()
        self._output.observed(f"clients are held {held - killed:.2f} s after the kill")
        self._third.promote()
        promoted = time.monotonic()
        self._writes(self._third, promoted)
        first = self._application.first(self._third.port, promoted)
        self._streams(self._first, self._third)
        lost = len(self._application.errors_since(killed))
        self._no_errors(held, "after the hold began")
        self._output.observed(f"{self._third.name} takes writes {first:.2f} s after its promotion")
        return f"first write {first:.2f} s after promotion; {lost} errors before the hold, 0 after"

    def _come_back(self) -> str:
        began = time.monotonic()
        self._second.start()
        if self._second.ask("select pg_is_in_recovery()"):
            raise ExpectationFailed("it is no primary: nothing is shown")
        time.sleep(_WATCHED)
        if self._application.writes_to(self._second.port, began):
            raise ExpectationFailed(f"a write went to {self._second.name}, which is outdated")
        self._leads_to(self._third)
        self._streams(self._first, self._third)
        self._no_errors(began, "while an old primary is there")
        self._output.observed("nobody follows it: its timeline has been left")
        return "not followed by PgBouncer nor by a standby"

    def _leads_to(self, server: DemoServer) -> None:
        until(lambda: self._pooler.leads_to() == server.port, f"PgBouncer leads to {server.name}")

    def _has_replayed(self, standby: DemoServer, position: str) -> None:
        until(lambda: standby.has_replayed(position), f"{standby.name} has all that was written")

    def _streams(self, standby: DemoServer, primary: DemoServer) -> None:
        what = f"{standby.name} streams from {primary.name}"
        until(lambda: standby.streams_from() == primary.port, what)

    def _writes(self, server: DemoServer, since: float) -> None:
        try:
            what = f"{server.name} confirms writes"
            until(lambda: self._application.writes_to(server.port, since), what)
        except TimeoutError as missing:
            errors = self._application.errors_since(since)
            said = f"; the application's last error: {errors[-1][1]}" if errors else ""
            raise ExpectationFailed(f"{missing}{said}") from missing

    def _no_errors(self, since: float, when: str) -> None:
        if errors := self._application.errors_since(since):
            text = f"{len(errors)} errors of the application {when}, the first: {errors[0][1]}"
            raise ExpectationFailed(text)
