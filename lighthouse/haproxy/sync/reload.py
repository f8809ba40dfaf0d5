"""The reload of HAProxy: when it is due, and what becomes of it."""

import logging
import time
from functools import partial
from typing import Final

from lighthouse.balancer import Finding, Outcome
from lighthouse.files import NotActivated
from lighthouse.haproxy.rendering import binds
from lighthouse.haproxy.rendering.binds import Spot
from lighthouse.haproxy.rendering.render import Skeleton
from lighthouse.haproxy.runtime.controller import Controller
from lighthouse.haproxy.runtime.instance import Instance
from lighthouse.haproxy.runtime.socket import Lost
from lighthouse.haproxy.sync import candidate
from lighthouse.haproxy.sync.candidate import Candidate, blame
from lighthouse.haproxy.sync.proven import ProvenConfig
from lighthouse.haproxy.sync.target import Target, difference
from lighthouse.haproxy.sync.wanted import WantedClusters
from lighthouse.haproxy.sync.writer import Writer

log: Final = logging.getLogger(__name__)

SHRINK_HOLD: Final = 10.0
"""Seconds until the loss of most listeners at once is believed to be meant."""

_MANY: Final = 4
CROWDED: Final = 60.0
"""Seconds that a reload waits at most for replaced workers to end."""

_LOOK: Final = 1.0

AGAIN: Final = 5.0
"""Seconds until what HAProxy refused, or could not be written, is tried again."""


class Reload:
    """Decides on reloads and does them; ``reasons`` are those of single backends."""

    def __init__(
        self,
        control: Controller,
        membership: WantedClusters,
        wish: Target,
        standing: ProvenConfig,
        writer: Writer,
    ) -> None:
        self._control: Final = control
        self._membership: Final = membership
        self._wish: Final = wish
        self._standing: Final = standing
        self._writer: Final = writer
        self._wanted_since: float | None = None
        self._shrunk_since: float | None = None
        tried = control.attempts.last
        self._failed: tuple[str, Outcome] | None = (
            (tried.generation, Outcome("failed", tried.reason)) if tried else None
        )
        self._again_at = 0.0
        self.due: float | None = None
        self.reasons: Final[dict[str, str]] = {}

    def step(self, instance: Instance, wanted: Skeleton) -> tuple[Outcome | None, bool]:
        """Reload if that is needed and may be done now: what hinders it, and if it was done."""
        self.due = None
        if wanted.generation == instance.generation and not self.reasons:
            self._wanted_since = self._shrunk_since = self._failed = None
            self._control.attempts.forget()
            return None, False
        now = time.monotonic()
        self._wanted_since = self._wanted_since or now
        reason = self._reason(instance, wanted)
        if (hindrance := self._hindrance(wanted, reason, now)) is not None:
            return hindrance, False
        try:
            done = self._reload(instance, reason)
        except candidate.CandidateRefused as error:
            text = f"{error.reason}; the last good configuration stays"
            return self._put_off(wanted, Outcome("failed", text, error.findings)), False
        except Lost:
            raise
        except OSError as error:
            text = f"{self._control.settings.config_file} cannot be written: {error.strerror}"
            self._writer.want()
            outcome = Outcome("degraded", f"{text}; waiting: {reason}")
            return self._put_off(wanted, outcome), False
        if not isinstance(done, bool):
            return self._put_off(wanted, done) if done.kind != "failed" else done, False
        self._wanted_since = self._shrunk_since = self._failed = None
        return None, done

    def refuse(self, generation: str, outcome: Outcome) -> None:
        """HAProxy could not even be started with this one."""
        now = time.monotonic()
        self._control.allowance.note(now, now, generation)
        self._control.attempts.fail(generation, outcome.reason)
        self._failed = (generation, outcome)

    def _put_off(self, wanted: Skeleton, outcome: Outcome) -> Outcome:
        """Nothing was touched; members must not wait for the next try of the same."""
        self._failed = (wanted.generation, outcome)
        again = time.monotonic() + AGAIN
        self._again_at = again if self.due is None else min(again, self.due)
        self.due = self._again_at
        return outcome

    def _reason(self, instance: Instance, wanted: Skeleton) -> str:
        if wanted.generation != instance.generation:
            proven = self._standing.owned(instance.generation)
            return difference(wanted, proven, self._standing.peers)
        return "; ".join(sorted(self.reasons.values())[:3])

    def _hindrance(self, wanted: Skeleton, reason: str, now: float) -> Outcome | None:
        """Why a reload has to wait, if it has to; ``due`` says until when."""
        wait = self._control.allowance.wait(now, wanted.generation)
        known = self._failed is not None and self._failed[0] == wanted.generation
        seconds = max(wait.seconds, self._again_at - now if known else 0.0)
        if seconds > 0:
            self.due = now + seconds
            if self._failed is not None and known:
                return self._failed[1]
            if wait.spent:
                text = f"{wait.reason}: only members are kept up for {wait.seconds:.0f} s more"
                return Outcome("degraded", f"{text}; waiting: {reason}")
            return Outcome("held", f"reload in {wait.seconds:.1f} s: {reason}")
        found = self._control.processes()
        crowd = len(found.old) if found else 0
        most = self._control.settings.max_old_workers
        if crowd >= most and now < (self._wanted_since or now) + CROWDED:
            self.due = now + _LOOK
            return Outcome("held", f"{crowd} replaced workers still serve connections: {reason}")
        return None

    def _reload(self, instance: Instance, reason: str) -> Outcome | bool:
        """Return True if it was done, else an outcome that says why not."""
        peers = self._membership.peers()
        held = self._held()
        found = self._wish.choose(self._standing.proven, peers, instance.members, held)
        if found.skeleton.generation == instance.generation and not self.reasons:
            self._standing.settle(found.skeleton)
            return False
        if (hold := self._shrinkage(found)) is not None:
            return hold
        if not self._writer.wait():
            return Outcome("degraded", f"{self._writer.error}; waiting: {reason}")
        decides = partial(self._standing.decides, found.skeleton)
        try:
            self._control.reload(found.chunks, reason, decides)
        except NotActivated as error:
            return self._not_activated(error, found)
        self._control.bound_old()
        self.reasons.clear()
        self._standing.settle(found.skeleton)
        return True

    def _held(self) -> frozenset[Spot] | None:
        """Where HAProxy listens; what it has been proven to is its own, whatever a look says."""
        held = self._control.held()
        stanzas = self._standing.proven.values()
        proven = (spot for stanza in stanzas for spot in stanza.facts.spots)
        return None if held is None else held.union(proven)

    def _shrinkage(self, found: Candidate) -> Outcome | None:
        """What keeps a configuration from being loaded that listens to next to nothing."""
        after = {spot for chunk in found.chunks for spot in binds.spots(chunk.text)}
        if not after:
            text = "no port would be left; HAProxy keeps the last good configuration"
            return Outcome("held", text)
        stanzas = self._standing.proven.values()
        before = {spot for stanza in stanzas for spot in stanza.facts.spots}
        lost = before - after
        if len(before) < _MANY or 2 * len(lost) <= len(before):
            self._shrunk_since = None
            return None
        now = time.monotonic()
        self._shrunk_since = self._shrunk_since or now
        if now >= self._shrunk_since + SHRINK_HOLD:
            return None
        self.due = self._shrunk_since + SHRINK_HOLD
        text = f"{len(lost)} of {len(before)} addresses would go at once"
        return Outcome("held", f"{text}; in {self.due - now:.1f} s they will, if it stays so")

    def _not_activated(self, error: NotActivated, found: Candidate) -> Outcome:
        """HAProxy refused to run what it had let pass: its words, and their places."""
        failure = self._control.failure
        findings = blame(failure.alerts, found.chunks) if failure else ()
        words = "; ".join(f.message for f in findings[:2]) or str(error)
        back = "was taken back" if error.restored else "could not be taken back"
        outcome = Outcome("failed", f"the reload failed and {back}: {words}", _all(findings))
        self._failed = (found.skeleton.generation, outcome)
        self._control.attempts.fail(found.skeleton.generation, outcome.reason)
        return outcome


def _all(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    return tuple(finding for finding in findings if finding.path or finding.cluster)
