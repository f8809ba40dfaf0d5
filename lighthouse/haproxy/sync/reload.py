"""The reload of HAProxy: when it is due, and what becomes of it."""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final

import msgspec

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
from lighthouse.haproxy.sync.running import ReloadReason, Running, settled
from lighthouse.haproxy.sync.target import Target
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


class Reloaded(msgspec.Struct, frozen=True):
    """What is known to run after it, what hinders a reload, and if one was done."""

    running: Running
    hindrance: Outcome | None = None
    done: bool = False


class Reload:
    """Decides on reloads and does them; ``due`` is when to ask again.

    ``by_kind`` counts those that were done, by what they were for.
    """

    def __init__(self, control: Controller, target: Target, writer: Writer) -> None:
        self._control: Final = control
        self._target: Final = target
        self._writer: Final = writer
        self._wanted_since: float | None = None
        self._shrunk_since: float | None = None
        tried = control.attempts.last
        self._failed: tuple[str, Outcome] | None = (
            (tried.generation, Outcome("failed", tried.reason)) if tried else None
        )
        self._again_at = 0.0
        self.due: float | None = None
        self._reasons: Final[dict[str, str]] = {}
        self.by_kind: Final[Counter[str]] = Counter()

    def step(self, instance: Instance, wanted: Skeleton, running: Running) -> Reloaded:
        """Reload if that is needed and may be done now."""
        self.due = None
        if wanted.generation == instance.generation and not self._reasons:
            self._wanted_since = self._shrunk_since = self._failed = None
            self._control.attempts.forget()
            return Reloaded(running)
        now = time.monotonic()
        self._wanted_since = self._wanted_since or now
        kind, reason = self._reason(instance, wanted, running)
        if (hindrance := self._hindrance(wanted, reason, now)) is not None:
            return Reloaded(running, hindrance)
        try:
            done = self._reload(instance, reason, running)
        except candidate.CandidateRefused as error:
            text = f"{error.reason}; the last good configuration stays"
            refused = Outcome("failed", text, error.findings)
            return Reloaded(running, self._put_off(wanted, refused))
        except Lost:
            raise
        except OSError as error:
            text = f"{self._control.settings.config_file} cannot be written: {error.strerror}"
            self._writer.want()
            outcome = Outcome("degraded", f"{text}; waiting: {reason}")
            return Reloaded(running, self._put_off(wanted, outcome))
        if isinstance(done, Outcome):
            hindrance = done if done.kind == "failed" else self._put_off(wanted, done)
            return Reloaded(running, hindrance)
        self._wanted_since = self._shrunk_since = self._failed = None
        self.by_kind[kind] += done.done
        return done

    def compared(self, backends: Iterable[str], reasons: Mapping[str, str]) -> None:
        """These backends have been compared; by name, why one of them needs a reload."""
        for name in backends:
            self._reasons.pop(name, None)
        self._reasons.update(reasons)

    def refuse(self, generation: str, outcome: Outcome) -> None:
        """HAProxy could not even be started with this one."""
        self._control.attempts.refuse(generation, outcome.reason)
        self._failed = (generation, outcome)

    def _put_off(self, wanted: Skeleton, outcome: Outcome) -> Outcome:
        """Nothing was touched; members must not wait for the next try of the same."""
        self._failed = (wanted.generation, outcome)
        again = time.monotonic() + AGAIN
        self._again_at = again if self.due is None else min(again, self.due)
        self.due = self._again_at
        return outcome

    def _reason(self, instance: Instance, wanted: Skeleton, running: Running) -> ReloadReason:
        if wanted.generation != instance.generation:
            return running.difference(wanted, instance.generation)
        return ReloadReason("members", "; ".join(sorted(self._reasons.values())[:3]))

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

    def _reload(self, instance: Instance, reason: str, running: Running) -> Outcome | Reloaded:
        """What came of it, or an outcome that says why it is not done."""
        found = self._target.choose(running, instance.members, self._held(running))
        if found.skeleton.generation == instance.generation and not self._reasons:
            return Reloaded(settled(found.skeleton))
        if (hold := self._shrinkage(found, running)) is not None:
            return hold
        if not self._writer.wait():
            return Outcome("degraded", f"{self._writer.error}; waiting: {reason}")
        decides = partial(running.decides, found.skeleton)
        try:
            self._control.reload(found.chunks, reason, decides)
        except NotActivated as error:
            return self._not_activated(error, found)
        self._control.bound_old()
        self._reasons.clear()
        return Reloaded(settled(found.skeleton), done=True)

    def _held(self, running: Running) -> frozenset[Spot] | None:
        """Where HAProxy listens; what it has been proven to is its own, whatever a look says."""
        held = self._control.held()
        return None if held is None else held | running.spots

    def _shrinkage(self, found: Candidate, running: Running) -> Outcome | None:
        """What keeps a configuration from being loaded that listens to next to nothing."""
        after = {spot for chunk in found.chunks for spot in binds.spots(chunk.text)}
        if not after:
            text = "no port would be left; HAProxy keeps the last good configuration"
            return Outcome("held", text)
        before = running.spots
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
