"""One cluster: what its sources say, and the view that balancers are given of it.

On the way from the one to the other lie, in this order: the shrink guard, the combination of
several sources, what the loss of a source means, the selection by metadata, and the default
nodes. The guard comes first, so that it judges what sources say and never what an operator
has changed. Nothing here reads a clock.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import Final

from lighthouse.config.schema.policy import Failover, Percent
from lighthouse.config.schema.types import ClusterFile
from lighthouse.membership import combine, failover, loss
from lighthouse.membership.cluster_guard import ALL, ClusterGuard
from lighthouse.membership.combine import Offer
from lighthouse.membership.events import ClusterEvent
from lighthouse.membership.failover import Choice, FailoverSource
from lighthouse.membership.loss import Away, Stage
from lighthouse.membership.selection import asks_primary, select
from lighthouse.membership.source import STALE_AFTER, SourceReading
from lighthouse.membership.view import View
from lighthouse.node import Node
from lighthouse.primary import NO_TIMELINES, Contest, newest


class ClusterSources:
    """The sources of one cluster and its view.

    ``readings`` are those of the sources, ``rereads`` the numbers of the fresh reads asked for,
    which come from ``numbers``; ``due`` is when ``update`` has something to do by itself;
    ``events`` are for the log. ``waits``: no source has ever answered, though they had the
    time. ``stands_in``: the default nodes are served. ``contest``: who of the nodes that have
    to be the primary is it.
    """

    def __init__(self, file: ClusterFile, now: float, numbers: Iterator[int]) -> None:
        self.file = file
        self._numbers: Final = numbers
        self.view = View()
        self.readings: Final[dict[str, SourceReading]] = {}
        self.rereads: Final[dict[str, int]] = {}
        self.stages: dict[str, Stage] = {}
        self.choice = Choice()
        self.stands_in = False
        self.contest = Contest()
        self.waits = False
        self.guard: Final = ClusterGuard(self._tell, self._ask)
        self.due: float | None = now
        self.events: Final[list[ClusterEvent]] = []
        self.combined: tuple[Node, ...] = ()
        self._asked: Final[dict[str, float]] = {}
        self._lost: Final[dict[str, float]] = {}
        self._confirming: Final[dict[str, int]] = {}
        self._moments: list[float | None] = []
        self._timelines = NO_TIMELINES
        self.configure(file, now)

    def configure(self, file: ClusterFile, now: float) -> None:
        """Take a new version of the cluster's file."""
        if file.policy.combine != self.file.policy.combine:
            self.choice = Choice()
            self.guard.forget_all(now)
        self.file = file
        for discovery in self._asked.keys() - file.discovery:
            for table in (self.readings, self.rereads, self._asked, self._lost, self._confirming):
                table.pop(discovery, None)
            self.guard.forget([discovery], now)
        for discovery in file.discovery:
            self._asked.setdefault(discovery, now)

    def remember(self, discovery: str, source: SourceReading, age: float) -> None:
        """What an earlier run knew of a source that was last there ``age`` seconds ago."""
        if discovery in self._asked and discovery not in self.readings:
            self.readings[discovery] = source
            self._lost[discovery] = self._asked[discovery] - age

    def observe(
        self, discovery: str, source: SourceReading, away_since: float | None, now: float
    ) -> None:
        """Take a reading; ``away_since`` if the source is said to be away all the same.

        What ends a drain or a fence has been read afresh for that: it is not for the guard.
        """
        self.readings[discovery] = source
        self.waits = False
        if away_since is not None:
            self._lost[discovery] = max(away_since, self._lost.get(discovery, away_since))
        elif source.answer >= self._confirming.get(discovery, 0):
            self._confirming.pop(discovery, None)
            self._lost.pop(discovery, None)
            if self.stages.get(discovery, "keep") != "keep":
                self.guard.forget([ALL, discovery], now)

    def lost(self, discovery: str, now: float) -> None:
        """A source cannot be asked any more."""
        self._confirming.pop(discovery, None)
        if discovery in self.readings:
            self._lost.setdefault(discovery, now)

    def found(self, discovery: str, anew: bool) -> None:
        """A source can be asked again; ``anew``: by a process that will read everything anew.

        Where its loss has had an effect, that ends only when it has said who the members are.
        """
        source = self.readings.get(discovery)
        if discovery not in self._lost or source is None or not source.live:
            return
        if anew:
            self._confirming[discovery] = 0
        elif self.stages.get(discovery, "keep") == "keep":
            del self._lost[discovery]
        else:
            self._confirming[discovery] = self._ask(discovery)

    def update(self, now: float) -> bool:
        """Make the view anew; return True if it is another one."""
        self._moments = []
        offers = self._offers(now)
        self._tell_stages(offers)
        nodes = combine.lessen(self.combined, offers)
        nodes = self._selected(nodes)
        if isinstance(self.file.policy.combine, Percent):
            owner = {key: offer.discovery for key, offer in combine.owners(offers).items()}
            nodes = combine.share_out(nodes, owner, self.file.policy.combine.shares)
        stages = [offer.stage for offer in offers]
        known = bool(self.readings) or "fence" in stages
        known = known and (bool(nodes) or "withhold" not in stages)
        nodes = self._or_default(nodes, stages, now)
        view = View(nodes, known, self._is_stale(offers, now))
        self.due = min((m for m in self._moments if m is not None and m > now), default=None)
        if self.view == view:
            return False
        self.view = view
        return True

    def away(self, discovery: str) -> Away | None:
        """Since when a source that has said something is away."""
        since = self._lost.get(discovery)
        return None if since is None else Away(since, self._asked[discovery])

    def asked(self, discovery: str) -> float:
        return self._asked[discovery]

    def is_used(self, discovery: str) -> bool:
        """Return True if the source's nodes count now."""
        if isinstance(self.file.policy.combine, Failover):
            return self.choice.discovery == discovery
        return discovery in self.readings

    def _offers(self, now: float) -> list[Offer]:
        """What each source that counts has to give; sets ``combined``."""
        rule = self.file.policy.combine
        names = [d for d in self.file.discovery if d in self.readings]
        if not names:
            return self._nobody(now)
        if rule is None:
            offers = [self._offer(d, self.readings[d].reading.nodes, now) for d in names]
            merged = combine.union(offer.nodes for offer in offers)
            self.combined = self._guarded(ALL, names, merged, now)
            return offers
        offers = [
            self._offer(d, self._guarded(d, [d], self.readings[d].reading.nodes, now), now)
            for d in names
        ]
        if isinstance(rule, Failover):
            offers = self._chosen(offers, rule, now)
        self.combined = combine.union(offer.nodes for offer in offers)
        return offers

    def _nobody(self, now: float) -> list[Offer]:
        """While no source has ever answered, the nodes of those asked formerly stay."""
        asked = min(self._asked.values(), default=now)
        away = Away(asked, asked)
        policy = self.file.policy.loss
        self._moments += [loss.due(policy, away, now), asked + STALE_AFTER]
        if now >= asked + STALE_AFTER and not self.waits:
            self.waits = True
            left = "those of its former sources stay" if self.combined else "it waits"
            self._tell(
                logging.WARNING, f"no source has answered yet, and none is remembered; {left}"
            )
        return [Offer("", self.combined, loss.stage(policy, away, now))]

    def _offer(self, discovery: str, nodes: tuple[Node, ...], now: float) -> Offer:
        away, policy = self.away(discovery), self.file.policy.loss
        self._moments.append(loss.due(policy, away, now))
        return Offer(discovery, nodes, loss.stage(policy, away, now))

    def _guarded(
        self, scope: str, names: Sequence[str], observed: tuple[Node, ...], now: float
    ) -> tuple[Node, ...]:
        """The nodes, with what the guard holds back."""
        said = {name: self.readings[name] for name in names}
        paused = all(name in self._lost for name in names)
        nodes, due = self.guard.judge(scope, said, observed, paused, self.file.policy.guard, now)
        self._moments.append(due)
        return nodes

    def _chosen(self, offers: list[Offer], rule: Failover, now: float) -> list[Offer]:
        """The offer of the source that failover believes."""
        candidates = []
        for offer in offers:
            away = self.away(offer.discovery)
            since = None if away is None else max(away.since, away.asked)
            candidates.append(FailoverSource(offer.discovery, not offer.nodes, since))
        before = self.choice.discovery
        self.choice, due = failover.choose(self.choice, candidates, rule, now)
        self._moments.append(due)
        chosen = self.choice.discovery
        if chosen != before and before is not None:
            self._tell(logging.WARNING, f"{chosen} takes over from {before}")
        return [offer for offer in offers if offer.discovery == chosen] or offers[:1]

    def _selected(self, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        """The nodes that are wanted by their metadata; sets ``contest``."""
        selection = self.file.policy.selection
        if asks_primary(selection):
            self._timelines = newest(self.combined, self._timelines)
        nodes, found = select(nodes, selection, self._timelines)
        if found.reason != self.contest.reason:
            again = "those that say that they are the primary agree again"
            self._tell(logging.WARNING, found.reason or again)
        self.contest = found
        return nodes

    def _or_default(
        self, nodes: tuple[Node, ...], stages: Sequence[Stage], now: float
    ) -> tuple[Node, ...]:
        """The nodes, or the default ones where there would be none and that is no fence."""
        default = self.file.policy.default_nodes
        waits = "withhold" in stages
        if not self.readings:
            waits = now < min(self._asked.values(), default=now) + STALE_AFTER
        stands_in = not nodes and bool(default) and not waits and "fence" not in stages
        if stands_in is not self.stands_in:
            self.stands_in = stands_in
            text = "no node is left: the default nodes are served"
            self._tell(logging.WARNING, text if stands_in else "it has nodes of its own again")
        return default if stands_in else nodes

    def _is_stale(self, offers: Sequence[Offer], now: float) -> bool:
        if not self.readings:
            return bool(self.combined)
        stale = False
        for offer in offers:
            since = self._lost.get(offer.discovery)
            if since is not None:
                self._moments.append(since + STALE_AFTER)
                stale |= now >= since + STALE_AFTER or not self.readings[offer.discovery].live
        return stale

    def _tell_stages(self, offers: Sequence[Offer]) -> None:
        before, self.stages = self.stages, {offer.discovery: offer.stage for offer in offers}
        for name, stage in self.stages.items():
            was = before.get(name, "keep")
            if stage != was:
                who = f"{name} is away: its" if name else "no source has answered: the"
                self._tell(logging.WARNING, _DEEDS[stage].format(who=who, name=name or "it"))

    def _ask(self, discovery: str) -> int:
        """Ask for a fresh read; its number."""
        number = self.rereads[discovery] = next(self._numbers)
        return number

    def _tell(self, level: int, text: str) -> None:
        if text:
            self.events.append(ClusterEvent(level, self.file.name, text))


_DEEDS: Final[dict[Stage, str]] = {
    "keep": "{name} has confirmed its nodes",
    "drain": "{who} nodes take no new sessions",
    "fence": "{who} nodes are not served",
    "withhold": "what was known of {name} is too old: it is not served",
}
