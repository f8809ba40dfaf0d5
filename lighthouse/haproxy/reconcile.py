"""The order of effects that makes the running HAProxy equal to the clusters.

Members first, through the socket; then, if anything but members differs, a reload; the file
follows. What HAProxy refuses of one cluster is that cluster's fault alone.
"""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from lighthouse.balancer import Outcome
from lighthouse.cluster import Cluster
from lighthouse.haproxy.rendering.chunks import Chunk
from lighthouse.haproxy.runtime import process
from lighthouse.haproxy.runtime.adoption import Stranger
from lighthouse.haproxy.runtime.controller import Controller
from lighthouse.haproxy.runtime.counters.certificates import Certificates
from lighthouse.haproxy.runtime.counters.traffic import Traffic
from lighthouse.haproxy.runtime.instance import Instance
from lighthouse.haproxy.runtime.socket import Lost
from lighthouse.haproxy.schema.balancer import HAProxySettings
from lighthouse.haproxy.status import describe
from lighthouse.haproxy.sync.counts import SyncCounts
from lighthouse.haproxy.sync.diff import climb, excuse
from lighthouse.haproxy.sync.drift import Drift
from lighthouse.haproxy.sync.peer_hold import PeerHold
from lighthouse.haproxy.sync.reload import Reload
from lighthouse.haproxy.sync.running import Running, recalled, settled
from lighthouse.haproxy.sync.start import Start
from lighthouse.haproxy.sync.target import Target
from lighthouse.haproxy.sync.trial import Trial
from lighthouse.haproxy.sync.wanted import WantedClusters
from lighthouse.haproxy.sync.writer import Writer
from lighthouse.peer import Peer

log: Final = logging.getLogger(__name__)

CONFIRM_EVERY: Final = 1.0
"""Seconds between two looks whether HAProxy lives."""


class Reconciler:
    """Everything that is known and done under one ``HAProxySettings``."""

    def __init__(
        self,
        settings: HAProxySettings,
        predecessor: int | None = None,
        tell: Callable[[str], None] = process.silent,
    ) -> None:
        """``tell`` is told of each step that takes long, before it is taken."""
        self.settings: Final = settings
        self.control: Final = Controller(settings, predecessor, tell, self._leave)
        self.wanted: Final = WantedClusters(settings)
        trial = Trial(settings, self.control.binary, tell=tell)
        self.target: Final = Target(settings, self.wanted, trial)
        self.writer: Final = Writer(self.control.target, self._rendered)
        self.drift: Final = Drift(self.wanted)
        self.reload: Final = Reload(self.control, self.target, self.writer)
        self.start: Final = Start(self.control, self.target, self.writer)
        self.counts: Final = SyncCounts()
        self.traffic: Final = Traffic(settings.counters)
        self.certificates: Final = Certificates()
        self._hold: Final = PeerHold(settings.peers.hold)
        self._running = Running()
        self._dirty: set[str] = set()
        self._adopted: Instance | None = None
        self._confirm_at = 0.0

    def sync(self, clusters: Sequence[Cluster]) -> Outcome:
        """Make HAProxy serve these clusters."""
        touched, structural = self.wanted.take(clusters)
        self._dirty |= touched
        retry = not touched and self.target.has_refusals
        if structural or retry:
            self.target.reconsider(afresh=retry)
        return self._converge()

    def wake(self) -> Outcome:
        """Do what is due, and notice a worker that has ended or answers no more."""
        return self._converge()

    def after(self) -> float | None:
        """Seconds until ``wake`` has something to do."""
        if self.control.instance is None:
            return None
        now = time.monotonic()
        moments = [self._confirm_at, self.drift.due, self._hold.due]
        if self.reload.due is not None:
            moments.append(self.reload.due)
        waits = [moment - now for moment in moments]
        waits += [wait for wait in (self.writer.after(), self.counts.after()) if wait is not None]
        return max(0.0, min(waits))

    def close(self) -> None:
        """Write what is due; HAProxy goes on."""
        self.writer.close()
        self.traffic.close()
        self.control.drop()

    def status(self) -> Mapping[str, Any]:
        """A few figures for operators."""
        known = (self.control, self.wanted, self.target, self.writer, self.drift, self.counts)
        return {**describe(*known, self.reload), "certificates": self.certificates.ends_at}

    def _converge(self) -> Outcome:
        for _ in range(3):
            try:
                return self._steps()
            except Lost as error:
                log.warning("HAProxy: %s", error)
                self.control.drop()
        return Outcome("failed", "HAProxy's workers change faster than they can be told anything")

    def _steps(self) -> Outcome:
        try:
            instance = self.control.attach()
        except Stranger as error:
            return Outcome("failed", str(error))
        started = instance is None
        if instance is None:
            begun = self.start.step(self._running)
            self._running = begun.running
            if begun.refused is not None:
                self.reload.refuse(begun.refused, begun.outcome)
            if begun.instance is None:
                return begun.outcome
            instance = begun.instance
        self._adopt(instance)
        wanted = self.target.frame(self._running, self._peers())
        if wanted.generation == instance.generation:
            self._settle(instance)
        dirty, self._dirty = self._dirty, set()
        steps = self._members(instance, dirty)
        if not instance.generation and (unanswered := self.wanted.unanswered()):
            text = "HAProxy runs on a configuration that is not Lighthouse's, and is left as it is"
            return Outcome(
                "held", f"{text} until it is known who the nodes of {unanswered[0]} are"
            )
        reloaded = self.reload.step(instance, wanted, self._running)
        self._running = reloaded.running
        if reloaded.done:
            self.traffic.hurry()
            self.certificates.hurry()
        current = self.control.instance
        if current is instance:
            steps += self._look(instance)
        elif current is not None:
            self._count(current)
            self._adopt(current)
            dirty, self._dirty = self._dirty, set()
            self._members(current, dirty)
        if steps:
            self.writer.want()
        self.writer.step()
        self.counts.say()
        return self._outcome(reloaded.hindrance, started or reloaded.done or steps > 0)

    def _look(self, instance: Instance) -> int:
        """Look whether HAProxy lives and is as it should be, and repair what is not."""
        now = time.monotonic()
        if now >= self.drift.due:
            owned = self._running.owned(instance.generation)
            steps = self.drift.step(instance, owned, self._members)
            if self.drift.is_at_end():
                self.control.processes()
        elif now >= self._confirm_at:
            steps = 0
            self.control.confirm()
        else:
            return 0
        if self.traffic.is_due():
            self._count(instance)
        self.certificates.look(instance.runtime)
        self.writer.look()
        self._confirm_at = time.monotonic() + CONFIRM_EVERY
        return steps

    def _leave(self) -> None:
        """A reload comes: what the worker has counted until then must not be lost."""
        if self.control.instance is not None:
            with suppress(OSError):
                self._count(self.control.instance)

    def _count(self, instance: Instance) -> None:
        """Read what HAProxy has counted of our clusters."""
        ours, master = self._running.owned(instance.generation).keys(), self.settings.master
        self.traffic.look(instance.runtime, instance.pid, master, ours)

    def _outcome(self, hindrance: Outcome | None, changed: bool) -> Outcome:
        """What an operator should know: faults before what waits."""
        errors = self.target.findings
        warnings = (*self.target.warnings, *self.wanted.loops)
        if hindrance is not None and (hindrance.kind != "held" or not errors):
            findings = (*hindrance.findings, *errors, *warnings)
            return Outcome(hindrance.kind, hindrance.reason, findings)
        faults = list(self.target.lines)
        if self.writer.error:
            faults.append(self.writer.error)
        if self.writer.edited:
            where = f"{self.settings.config_file} was edited by hand, {self.writer.edited}"
            faults.append(f"{where}; it is left so until the next reload")
        findings = (*errors, *warnings)
        if faults:
            return Outcome("degraded", "; ".join(faults), findings)
        return Outcome("applied" if changed else "unchanged", "", findings)

    def _peers(self) -> frozenset[Peer]:
        """The peers to configure now, if there are tables that they share."""
        frame = self._running.frame
        shared = frame is not None and frame.shared
        known = self.wanted.peers() if shared else self._running.peers
        return self._hold.peers(self._running, known, time.monotonic())

    def _rendered(self) -> tuple[Chunk, ...] | None:
        """The file as a restart of HAProxy should find it."""
        instance = self.control.instance
        if self._running.frame is None or instance is None:
            return None
        return self.wanted.fill(self._running.frame, instance.members)

    def _adopt(self, instance: Instance) -> None:
        """A worker seen for the first time: everything about it is compared."""
        if instance is self._adopted:
            return
        self._adopted = instance
        # Whoever wrote the file may have ended before it was loaded.
        tried = self.control.attempts.last
        if tried is not None and tried.generation == instance.generation:
            self.control.attempts.forget()
        elif tried is not None:
            self.control.file.take_back(tried, instance.generation)
        self._running = recalled(self._running, self.control.file.texts(), instance.generation)
        if instance.generation == self._running.generation:
            instance.claim(self._running.stanzas)
        for name, stanza in self._running.owned(instance.generation).items():
            if stanza.agent and name in instance.live:
                wanted = self.wanted.servers(stanza, instance.live)
                instance.live[name] = excuse(stanza, wanted, instance.live[name], adopted=True)
        self._dirty = set(self.wanted.stanzas)
        self._confirm_at = time.monotonic() + CONFIRM_EVERY
        self.drift.postpone(instance.took)
        self.writer.want()
        text = self.control.file.text()
        if "\npeers " in text:
            self.control.warm_up(text.count("\n    peer "))
        log.info("attached to HAProxy %s, worker %d", instance.version, instance.pid)

    def _settle(self, instance: Instance) -> None:
        """The wanted skeleton is what runs."""
        frame = self.target.frame(self._running, self._running.peers)
        if self._running.frame is not frame:
            self._running = settled(frame)
            instance.claim(self._running.stanzas)
            self._dirty |= self._running.stanzas.keys()

    def _members(self, instance: Instance, names: Collection[str]) -> int:
        """Bring the servers of these clusters to where they should be; the steps it took.

        Those that the running HAProxy has of us: a section of the same name may be another's.
        """
        climbs, reasons = [], {}
        owned = self._running.owned(instance.generation)
        for name in sorted(names):
            stanza = owned.get(name)
            if stanza is None or name not in instance.live:
                continue
            wanted = self.wanted.servers(stanza, instance.live)
            way = climb(stanza, wanted, instance.live[name])
            if way.reload:
                reasons[name] = way.reload
            if way.gain or way.lose:
                climbs.append(way)
        self.reload.compared(names, reasons)
        failures = instance.climb(climbs) if climbs else []
        left = [step for way in climbs for step in way.lose if owned[step.backend].facts.cuts]
        self.control.end_sessions([f"{step.backend}/{step.server}" for step in left])
        self.reload.compared((), {f.backend: f"{f.backend}: {f.reason}" for f in failures})
        self.counts.add(climbs)
        return sum(len(way.gain) + len(way.lose) for way in climbs)
