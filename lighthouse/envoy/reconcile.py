"""The order of effects that makes Envoy serve the clusters.

Endpoints first, then clusters, then listeners: each finds there what it leads to. What goes
leaves the other way round. Envoy says what it has taken, and only then comes the next step.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from lighthouse.balancer import Finding, Outcome
from lighthouse.cluster import Cluster
from lighthouse.envoy.rendering.listener import owner
from lighthouse.envoy.runtime import room
from lighthouse.envoy.runtime.claim import Claimed, DirectoryClaim
from lighthouse.envoy.runtime.control import EnvoyControl, Foreign
from lighthouse.envoy.runtime.watched import WatchedFiles
from lighthouse.envoy.schema.settings import EnvoySettings
from lighthouse.envoy.sync.admission import Admission
from lighthouse.envoy.sync.endpoint_files import EndpointFiles
from lighthouse.envoy.sync.host_health import HostHealth
from lighthouse.envoy.sync.judge import ResourceJudge
from lighthouse.envoy.sync.resource_file import NotTaken, ResourceFile
from lighthouse.envoy.sync.wanted import ProxiedCluster, WantedProxies, nobody
from lighthouse.software.binary import NotStarted

log: Final = logging.getLogger(__name__)

LOOK: Final = 10.0
"""Seconds between two looks whether files and binary are what they were."""

_LIFE: Final = 1.0
_MODE: Final = 0o750


class EnvoyReconciler:
    """Everything that is known and done under one ``EnvoySettings``."""

    def __init__(self, settings: EnvoySettings, tell: Callable[[str], None]) -> None:
        self.settings: Final = settings
        self.control: Final = EnvoyControl(settings, tell)
        self.wanted: Final = WantedProxies(settings)
        self._claim: Final = DirectoryClaim(settings.directory)
        self._files: Final = WatchedFiles()
        self._judge: Final = ResourceJudge(self.control, tell)
        self._admission: Final = Admission(self.control.pids)
        admin = self.control.admin
        self._endpoints: Final = EndpointFiles(settings, self._files, admin)
        self._clusters: Final = ResourceFile(
            "cds", settings.clusters_file, self._files, admin, self._judge.of_clusters
        )
        self._listeners: Final = ResourceFile(
            "lds", settings.listeners_file, self._files, admin, self._judge.of_listeners
        )
        self._served_by = 0
        self._look_at = 0.0
        self.repairs = 0
        self.health: Final = HostHealth(admin)

    def sync(self, clusters: Sequence[Cluster]) -> Outcome:
        """Make Envoy serve these clusters."""
        if not self.wanted.take(clusters):
            self._clusters.refused.clear()
            self._listeners.refused.clear()
        return self._converge()

    def wake(self) -> Outcome:
        """Do what is due, and notice an Envoy that has ended."""
        self._files.sync()
        if time.monotonic() >= self._look_at:
            self.wanted.look()
            self.repairs += self._repair()
            self.control.confirm()
            self.health.look(self.wanted.proxies.values())
            self._look_at = time.monotonic() + LOOK
        return self._converge()

    def after(self) -> float:
        """Seconds until ``wake`` has something to do."""
        waits = [_LIFE if self.control.info is None else LOOK]
        if (debounce := self._files.after()) is not None:
            waits.append(debounce)
        waits.append(max(0.0, self._look_at - time.monotonic()))
        return min(waits)

    def close(self) -> None:
        """Have on disk what was written; Envoy goes on."""
        self._files.sync(now=True)
        self.control.drop()
        self._claim.release()

    def status(self) -> Mapping[str, Any]:
        """A few figures for operators."""
        info = self.control.info
        if info is None:
            return {"running": False, "starts": self.control.starts}
        refused = {**self._clusters.refused, **self._listeners.refused}
        return {
            "running": True,
            "pid": info.pid,
            "version": info.version.split("/")[1] if "/" in info.version else info.version,
            "starts": self.control.starts,
            "replacements": self.control.replacements,
            "clusters": len(self._clusters.resources),
            "listeners": len(self._listeners.resources),
            "refused": len(refused),
            "repairs": self.repairs,
        }

    def _converge(self) -> Outcome:
        try:
            for path in (self.settings.directory, f"{self.settings.directory}/eds"):
                os.makedirs(path, mode=_MODE, exist_ok=True)
            self._claim.take()
            self._clusters.load()
            self._listeners.load()
            return self._steps()
        except (Foreign, Claimed) as error:
            return Outcome("failed", str(error))
        except NotStarted as error:
            return self._outcome(f"Envoy is not started: {error}", "failed")
        except NotTaken as error:
            return self._outcome(str(error), "failed")
        except OSError as error:
            if error.filename is None:  # Envoy's admin socket: it is looked for anew
                self.control.drop()
                return self._outcome(f"Envoy's admin socket: {error}", "failed")
            return self._outcome(f"{error.filename}: {error.strerror}", "failed")

    def _steps(self) -> Outcome:
        info = self.control.attach()
        if info is None:
            if not self.wanted.proxies and not self._listeners.resources:
                return self._outcome("nothing to listen on, so Envoy is not started", "applied")
            self._endpoints.forget()
            self._clusters.load(anew=True)
            self._listeners.load(anew=True)
            self._write_all()
            info = self.control.start()
        if info.pid != self._served_by:
            self._doubt(info.pid)
        changed = self._push()
        reason = self.control.outdated()
        if reason:
            try:
                self._doubt(self._replaced(reason))
            except NotStarted as error:
                return self._outcome(str(error), "degraded")
            self._push()
            changed = True
        return self._outcome("", "applied" if changed else "unchanged")

    def _doubt(self, pid: int) -> None:
        """Another Envoy serves: what it has taken is asked."""
        self._served_by = pid
        for one in (self._endpoints, self._clusters, self._listeners):
            one.doubt()

    def _replaced(self, reason: str) -> int:
        """The pid of another Envoy that has taken over."""
        if not self._admission.fits_twice(len(self._clusters.resources)):
            text = "both together need more watchers than the kernel gives"
            raise NotStarted(f"{reason}: {text}: {room.remedy()}")
        return self.control.replace(reason).pid

    def _push(self) -> bool:
        """Bring a running Envoy to where it should be; True if anything had to be written."""
        proxies = self._admitted()
        self._judge.options(proxies, self._clusters, self._listeners)
        written = self._write_endpoints(proxies)
        there = [name for name in proxies if name in self._clusters.resources]
        late = self._endpoints.untaken(there)
        upstreams = {name: one.upstream for name, one in proxies.items()}
        written = self._clusters.install({**self._clusters.resources, **upstreams}) or written
        served = self._clusters.resources.keys()
        late += self._endpoints.untaken(n for n in proxies if n in served and n not in late)
        written = (
            self._push_listeners([one for n, one in proxies.items() if n in served]) or written
        )
        written = self._clusters.install(upstreams) or written
        self._endpoints.keep(self._clusters.resources)
        if late:
            raise NotTaken(f"Envoy has not taken the nodes of {', '.join(late[:5])}")
        return written

    def _push_listeners(self, proxies: Sequence[ProxiedCluster]) -> bool:
        """Open what is to be open, then close what is not; True if anything had to be written.

        A cluster whose new port cannot be opened keeps the one that it has.
        """
        wanted = {one.listener_name: one.listener for one in proxies}
        written = self._listeners.install({**self._listeners.resources, **wanted})
        moved = {owner(one.text) for one in self._listeners.refused.values()}
        there = self._listeners.resources.items()
        kept = {n: text for n, text in there if n not in wanted and owner(text) in moved}
        return self._listeners.install({**kept, **wanted}) or written

    def _write_all(self) -> None:
        """The files for an Envoy that is about to be started."""
        proxies = self._admitted(fresh=True)
        self._judge.options(proxies, self._clusters, self._listeners)
        self._write_endpoints(proxies)
        self._clusters.write(
            self._clusters.acceptable({name: one.upstream for name, one in proxies.items()})
        )
        served = self._clusters.resources.keys()
        listeners = {o.listener_name: o.listener for n, o in proxies.items() if n in served}
        self._listeners.write(self._listeners.acceptable(listeners))

    def _write_endpoints(self, proxies: Mapping[str, ProxiedCluster]) -> bool:
        written = False
        for name, one in proxies.items():
            if one.endpoints is not None:
                written = self._endpoints.write(name, one.endpoints) or written
            elif not self._endpoints.has(name):
                written = self._endpoints.write(name, nobody(name, self.settings)) or written
        return written

    def _admitted(self, fresh: bool = False) -> dict[str, ProxiedCluster]:
        """The clusters to serve: those whose nodes somebody knows, or that were served before."""
        found = {
            name: one
            for name, one in self.wanted.proxies.items()
            if one.cluster.known or one.cluster.nodes or self._endpoints.has(name)
        }
        return self._admission.admitted(found, self._clusters.resources, fresh)

    def _repair(self) -> int:
        try:
            parts = (self._endpoints, self._clusters, self._listeners)
            return sum(part.repair() for part in parts)
        except OSError as error:
            log.warning("%s: %s", error.filename, error.strerror)
            return 0

    def _outcome(self, reason: str, kind: Any) -> Outcome:
        """What an operator should know: faults before what is as it should be."""
        told = {name: one.reason for name, one in self._clusters.refused.items()}
        told |= {owner(one.text): one.reason for one in self._listeners.refused.values()}
        told |= self._admission.left_out
        findings = (
            *self.wanted.findings,
            *(Finding((), t, n) for n, t in sorted(told.items()) if n in self.wanted.proxies),
        )
        if kind in ("failed", "degraded") or not findings:
            return Outcome(kind, reason, findings)
        lines = [f"{one.cluster}: {one.message}" for one in findings[:3]]
        return Outcome("degraded", "; ".join(lines), findings)
