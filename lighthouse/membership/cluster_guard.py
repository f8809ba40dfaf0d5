"""The shrink guard of one cluster: what it holds back of what the sources say, and its history."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from lighthouse.config.schema.policy import GuardPolicy
from lighthouse.membership import guard
from lighthouse.membership.combine import NodeKey
from lighthouse.membership.guard import GuardedNodes, HeldLoss
from lighthouse.membership.guard_history import GuardHistory, How
from lighthouse.membership.source import SourceReading
from lighthouse.node import Node

ALL: Final = ""
"""The scope of all sources together; that of one source is its name."""


class ClusterGuard:
    """Judges what is observed within each scope: all sources together, or one of them.

    ``tell`` is given what is to be logged, ``ask`` asks a source for a fresh read and returns
    the read's number.
    """

    def __init__(self, tell: Callable[[int, str], None], ask: Callable[[str], int]) -> None:
        self.history: Final = GuardHistory()
        self._tell: Final = tell
        self._ask: Final = ask
        self._members: Final[dict[str, GuardedNodes]] = {}

    @property
    def held_back(self) -> tuple[Node, ...]:
        """The nodes that are kept although they were not in the last reading."""
        found = {n.key: n for members in self._members.values() for n in members.held_back}
        return tuple(found[key] for key in sorted(found))

    def holds(self) -> dict[str, HeldLoss]:
        """What is held, by scope."""
        return {s: m.held for s, m in self._members.items() if m.held is not None}

    def judge(
        self,
        scope: str,
        said: Mapping[str, SourceReading],
        observed: tuple[Node, ...],
        paused: bool,
        rule: GuardPolicy | None,
        now: float,
    ) -> tuple[tuple[Node, ...], float | None]:
        """The nodes observed and those held back; and when to judge again, None if never.

        ``said`` are the readings that the nodes come from; while ``paused`` no hold ends.
        """
        withdrawn = frozenset[NodeKey]().union(*(source.withdrawn for source in said.values()))
        before = self._members.get(scope, GuardedNodes())
        before = guard.excuse(before, observed, withdrawn)
        members = self._members[scope] = guard.judge(before, observed, now, rule, paused)
        if members.held is before.held is None and guard.is_replaced(before, observed):
            counts = len(before.nodes), len(observed)
            self._tell(logging.WARNING, self.history.replaced(scope, *counts, now))
        if members.held is not None:
            if before.held is None:
                self._tell(logging.WARNING, self.history.began(scope, members.held))
            self.history.grew(scope, members.held)
            if members.held.asked and not (before.held and before.held.asked):
                for name in said:
                    self.history.await_answer(scope, name, self._ask(name))
        elif before.held is not None:
            answers = {name: source.answer for name, source in said.items()}
            how: How = "obeyed" if guard.is_let_go(before, now, rule) else "refuted"
            self._tell(logging.WARNING, self.history.ended(scope, how, answers, now))
        return members.nodes, guard.due(members, rule)

    def forget(self, scopes: Iterable[str], now: float) -> None:
        """Judge these no more: the next that is observed there is taken as it is."""
        for scope in scopes:
            members = self._members.pop(scope, GuardedNodes())
            if members.held is not None:
                self._tell(logging.INFO, self.history.ended(scope, "dropped", {}, now))

    def forget_all(self, now: float) -> None:
        """Judge nothing more of what was observed so far."""
        self.forget(list(self._members), now)
