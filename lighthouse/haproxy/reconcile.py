"""The order of effects that makes the running HAProxy equal to the clusters.

Members first, through the socket; then, if anything but members differs, a reload; the file
follows. What HAProxy refuses of one cluster is that cluster's fault alone.
"""

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from lighthouse.balancer import Outcome
from lighthouse.cluster import Cluster
from lighthouse.haproxy import candidate
from lighthouse.haproxy.binds import binds
from lighthouse.haproxy.control import Control
from lighthouse.haproxy.instance import Instance
from lighthouse.haproxy.ladder import climb, excuse
from lighthouse.haproxy.membership import Membership
from lighthouse.haproxy.process import NotStarted
from lighthouse.haproxy.recover import recover
from lighthouse.haproxy.render import Skeleton, generation_in, text_of
from lighthouse.haproxy.retirement import Retirement
from lighthouse.haproxy.runtime import Lost
from lighthouse.haproxy.settings import Settings
from lighthouse.haproxy.stanza import Stanza
from lighthouse.haproxy.wish import Wish, difference
from lighthouse.haproxy.writer import Writer

log: Final = logging.getLogger(__name__)

COMPARE_EVERY: Final = 10.0
"""Seconds between full comparisons of the running servers with the wanted ones."""

COMPARE_SHARE: Final = 400
"""At least so many times the last comparison's duration, to cost next to nothing when idle."""

COMPARE_SLICE: Final = 250
"""Servers that are compared in one go, so that a change in between waits for milliseconds."""

COMPARE_PAUSE: Final = 0.02
"""Seconds between the slices of one comparison."""


class Reconciler:
    """Everything that is known and done under one ``Settings``."""

    def __init__(self, settings: Settings, predecessor: int | None = None) -> None:
        self.settings: Final = settings
        self.control: Final = Control(settings, predecessor)
        self._membership: Final = Membership(settings)
        self._wish: Final = Wish(settings, self._membership, self.control.binary)
        self._writer: Final = Writer(self.control.target, self._rendered)
        self._retirement: Final = Retirement()
        self._frame: Skeleton | None = None
        self._proven: dict[str, Stanza] = {}
        self._dirty: set[str] = set()
        self._reasons: dict[str, str] = {}
        self._compare_at = 0.0
        self._uncompared: list[str] = []
        self._comparing = 0.0
        self._reload_at: float | None = None
        self._drift = 0

    def sync(self, clusters: Sequence[Cluster]) -> Outcome:
        """Make HAProxy serve these clusters."""
        touched, structural = self._membership.take(clusters)
        self._dirty |= touched
        retry = not touched and self._wish.has_refusals
        if structural or retry:
            self._wish.reconsider(afresh=retry)
        return self._converge()

    def wake(self) -> Outcome:
        """Do what is due, and notice a worker that has ended."""
        return self._converge()

    def after(self) -> float | None:
        """Seconds until ``wake`` has something to do."""
        if self.control.instance is None:
            return None
        now = time.monotonic()
        times = [self._compare_at - now]
        if self._reload_at is not None:
            times.append(self._reload_at - now)
        if (due := self._writer.after()) is not None:
            times.append(due)
        return max(0.0, min(times))

    def close(self) -> None:
        """Write what is due; HAProxy goes on."""
        self._writer.close()
        self.control.drop()

    def status(self) -> Mapping[str, Any]:
        """A few figures for operators."""
        instance = self.control.instance
        clusters, nodes = self._membership.count()
        return {
            "running": instance is not None,
            "pid": instance.pid if instance else None,
            "version": instance.version if instance else None,
            "binary": self.control.binary,
            "generation": instance.generation if instance else None,
            "reloads": self.control.reload_count,
            "reload_reasons": list(self.control.reloads),
            "starts": self.control.starts,
            "drift_repaired": self._drift,
            "servers_deleted": self._retirement.deleted,
            "clusters": clusters,
            "nodes": nodes,
            "faults": self._wish.faults,
            "warnings": list(self._wish.warnings[:5]),
        }

    def _converge(self) -> Outcome:
        for _ in range(3):
            try:
                return self._steps()
            except Lost as error:
                log.warning("%s", error)
                self.control.drop()
        return Outcome("failed", "HAProxy's workers change faster than they can be told anything")

    def _steps(self) -> Outcome:
        attached = self.control.instance
        instance = self.control.attach()
        started = instance is None
        if instance is None:
            begun = self._start()
            if isinstance(begun, Outcome):
                return begun
            instance = begun
        if instance is not attached:
            self._adopt(instance)
        wanted = self._wish.frame(self._proven)
        if wanted.generation == instance.generation:
            self._settle(wanted)
        dirty, self._dirty = self._dirty, set()
        steps = self._members(instance, dirty)
        if time.monotonic() >= self._compare_at:
            steps += self._compare(instance)
        outcome, reloaded = self._restructure(instance, wanted)
        if steps:
            self._writer.want()
        self._writer.step()
        return outcome or self._outcome(started or reloaded or steps > 0)

    def _outcome(self, changed: bool) -> Outcome:
        faults = [f"{name}: {reason}" for name, reason in sorted(self._wish.faults.items())]
        if self._writer.error:
            faults.append(self._writer.error)
        if faults:
            return Outcome("degraded", "; ".join(faults))
        return Outcome("applied" if changed else "unchanged")

    def _rendered(self) -> bytes:
        """The file as a restart of HAProxy should find it."""
        instance = self.control.instance
        if self._frame is None or instance is None:
            return self.control.target.read() or b""
        return text_of(self._membership.fill(self._frame, instance.live)).encode()

    def _start(self) -> Instance | Outcome:
        """HAProxy does not run: start it, on the last good file if the wanted one is refused."""
        target = self.control.target
        self._writer.wait()
        try:
            found = self._wish.choose(self._proven, {}, self.control.held_by())
            if not list(binds(found.chunks)):
                return Outcome("applied", "nothing to listen on, so HAProxy is not started")
            target.write(text_of(found.chunks).encode())
        except candidate.Refused as error:
            if target.read() is None:
                return Outcome("failed", f"HAProxy is not started: {error}")
            log.warning("the last good configuration is started, for: %s", error)
        except OSError as error:
            if target.read() is None:
                return Outcome("failed", f"{target.path} cannot be written: {error.strerror}")
            self._writer.failed(error)
        try:
            return self.control.start()
        except NotStarted as error:
            return Outcome("failed", f"HAProxy does not start: {error}")

    def _adopt(self, instance: Instance) -> None:
        """A worker seen for the first time: everything about it is compared."""
        text = (self.control.target.read() or b"").decode("utf-8", "replace")
        if not self._proven and generation_in(text) == instance.generation:
            self._proven = recover(self.settings, text)
        self._dirty = set(self._membership.stanzas)
        self._compare_at = time.monotonic() + COMPARE_EVERY
        self._uncompared = []
        self._retirement.forget()
        self._writer.want()
        log.info("attached to HAProxy %s, worker %d", instance.version, instance.pid)

    def _settle(self, frame: Skeleton) -> None:
        """This skeleton is what runs."""
        if self._frame is not frame:
            self._frame = frame
            self._proven = {stanza.cluster: stanza for stanza in frame.stanzas}
            self._dirty |= self._proven.keys()
        self._reload_at = None

    def _members(self, instance: Instance, names: Collection[str]) -> int:
        """Bring the servers of these backends to where they should be; the steps it took."""
        climbs = []
        for name in sorted(names):
            self._reasons.pop(name, None)
            stanza = self._proven.get(name) or self._membership.stanzas.get(name)
            if stanza is None or name not in instance.live:
                continue
            wanted = self._membership.servers(stanza, instance.live)
            way = climb(stanza, wanted, instance.live[name])
            if way.reload:
                self._reasons[name] = way.reload
            if way.gain or way.lose:
                climbs.append(way)
        for failure in instance.climb(climbs) if climbs else ():
            self._reasons[failure.backend] = f"{failure.backend}: {failure.reason}"
        return sum(len(way.gain) + len(way.lose) for way in climbs)

    def _compare(self, instance: Instance) -> int:
        """Read a slice of the backends afresh and repair what others changed there."""
        began = time.monotonic()
        if not self._uncompared:
            self._uncompared = sorted(self._proven.keys() & instance.live.keys(), reverse=True)
            self._comparing = 0.0
        names = self._slice(instance)
        instance.refresh(names)
        backends = []
        for name in names:
            if name in self._membership.stanzas:
                stanza = self._proven[name]
                wanted = self._membership.servers(stanza, instance.live)
                instance.live[name] = excuse(stanza, wanted, instance.live[name])
                backends.append((stanza, wanted))
        steps = self._members(instance, names)
        if steps:
            self._drift += steps
            log.warning("HAProxy was not as it should be; %d repairs", steps)
        self._retirement.step(instance, backends)
        now = time.monotonic()
        self._comparing += now - began
        pause = max(COMPARE_EVERY, COMPARE_SHARE * self._comparing)
        self._compare_at = now + (COMPARE_PAUSE if self._uncompared else pause)
        return steps

    def _slice(self, instance: Instance) -> list[str]:
        """The next backends to compare."""
        names, servers = list[str](), 0
        while self._uncompared and servers < COMPARE_SLICE:
            name = self._uncompared.pop()
            if name in self._proven and name in instance.live:
                names.append(name)
                servers += 1 + len(instance.live[name])
        return names

    def _restructure(self, instance: Instance, wanted: Skeleton) -> tuple[Outcome | None, bool]:
        """Reload if that is needed and may be done now: what hinders it, and if it was done."""
        if wanted.generation == instance.generation and not self._reasons:
            self._reload_at = None
            return None, False
        if wanted.generation != instance.generation:
            reason = difference(wanted, self._proven)
        else:
            reason = "; ".join(sorted(self._reasons.values())[:3])
        if (wait := self.control.waits(wanted.generation)) > 0:
            self._reload_at = time.monotonic() + wait
            if refusal := self.control.refusal(wanted.generation):
                return Outcome("failed", refusal), False
            return Outcome("held", f"reload in {wait:.1f} s: {reason}"), False
        self._reload_at = None
        try:
            return self._reload(instance, reason)
        except candidate.Refused as error:
            return Outcome("failed", f"{error}; the last good configuration stays"), False
        except OSError as error:
            return Outcome("degraded", f"{self.settings.config_file}: {error}"), False
        except RuntimeError as error:
            return Outcome("failed", f"the reload failed and was taken back: {error}"), False

    def _reload(self, instance: Instance, reason: str) -> tuple[Outcome | None, bool]:
        found = self._wish.choose(self._proven, instance.live, instance.pid)
        if found.skeleton.generation == instance.generation and not self._reasons:
            self._settle(found.skeleton)
            return None, False
        if not list(binds(found.chunks)):
            text = "no port would be left; HAProxy keeps the last good configuration"
            return Outcome("held", text), False
        self._writer.wait()
        self.control.reload(text_of(found.chunks), reason)
        self._reasons = {}
        self._settle(found.skeleton)
        if self.control.instance is not None:
            self._adopt(self.control.instance)
            dirty, self._dirty = self._dirty, set()
            self._members(self.control.instance, dirty)
        return None, True
