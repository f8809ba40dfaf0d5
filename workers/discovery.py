"""The worker that hosts a discovery method: ``python -m lighthouse.workers.discovery``."""

import copy
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from lighthouse.balancer import Kind
from lighthouse.discovery import Discovery
from lighthouse.ipc.log_lines import Once
from lighthouse.ipc.messages import Deliver, Registered, Validated, Working, encode
from lighthouse.ipc.payloads import Registration
from lighthouse.ipc.snapshot import DiscoverySnapshot, PluginSettings, unpack
from lighthouse.process.wakeup import Wakeup
from lighthouse.schema import Problem, Rejection
from lighthouse.service import Service
from lighthouse.workers.boundary.conduct import Conduct
from lighthouse.workers.boundary.plugin_call import P, PluginError, call
from lighthouse.workers.boundary.trial import untaken
from lighthouse.workers.boundary.validation import ConfigVerdict, judge, problems, rejudge
from lighthouse.workers.loading.kind import DISCOVERY
from lighthouse.workers.main import serve
from lighthouse.workers.outbox import Outbox
from lighthouse.workers.role import WorkerRole, WorkReport, create
from lighthouse.workers.sources.observer import Observer
from lighthouse.workers.sources.registered import RegisteredServices
from lighthouse.workers.sources.reports import Reports
from lighthouse.workers.sources.watched import WatchedClusters

_READ_ONLY: Final = "this discovery is read-only: services cannot be registered with it"

_SIGN_OF_LIFE: Final = 1.0
"""Seconds after which a long row of calls says how far it is."""


class DiscoveryRole(WorkerRole):
    """Keeps clusters watched and services registered as the newest snapshot says.

    What a plugin fails to do stays undone and is asked of it again; everything else goes on.
    """

    def __init__(
        self, plugin: type[Discovery], outbox: Outbox, wakeup: Wakeup, conduct: Conduct
    ) -> None:
        self.plugin_class: type[Discovery] = plugin
        self._conduct: Final = conduct
        self._plugin: Final = create(plugin, outbox)
        self._outbox: Final = outbox
        self._inbox: Final = Reports(wakeup)
        self._once: Final = Once(logging.getLogger("lighthouse.worker"))
        self._observer: Final = Observer(self._inbox, outbox, conduct)
        self._laid = DiscoverySnapshot(PluginSettings())  # as in the newest payload
        self._snapshot = self._laid
        self._unwelcome: tuple[Service, ...] = ()  # where nothing can be registered
        self._judged: tuple[PluginSettings, ConfigVerdict] | None = None
        self._config: dict[str, Any] | None = None  # what the plugin has taken
        self._connected = False
        self._watched: Final = WatchedClusters(self._plugin, self._inbox, self._watch)
        self._services: Final = RegisteredServices(self._plugin, self._reported)
        self._stated: tuple[Registration, ...] | None = None
        self._faults: list[PluginError] = []  # of the current converge
        self._wake_failed = False
        self._back = False  # the source came back since the last converge
        self._forgotten = False  # it forgot what was registered since then
        self._spoke_at = 0.0

    def take(self, delivery: Deliver, payload: memoryview) -> None:
        if not delivery.base or delivery.base != self.base:
            snapshot = unpack(payload)
            if not isinstance(snapshot, DiscoverySnapshot):
                raise TypeError(f"a {type(snapshot).__name__} was sent to a discovery")
            self._laid, self.base = snapshot, delivery.base
            self._observer.want(frozenset(watch.cluster for watch in snapshot.watch))
        snapshot, own = self._laid, delivery.services
        if own is not None:
            snapshot = msgspec.structs.replace(
                snapshot, up=own.up, down=own.down, reporters=own.reporters
            )
        self._unwelcome = ()
        if self.plugin_class.read_only:
            self._unwelcome = (*snapshot.up, *snapshot.down)
            snapshot = msgspec.structs.replace(snapshot, up=(), down=())
        self._snapshot = snapshot

    def converge(self) -> WorkReport:
        self._faults = []
        self._back = self._forgotten = False
        self._spoke_at = time.monotonic()
        verdict = self._verdict()
        if verdict.config is None:
            return self._report("failed", f"its config is rejected: {verdict.reason}")
        with self._inbox.attended():
            if self._connect(verdict.config):
                self._watched.keep(self._snapshot.watch)
                self._register()
                self._wake_again()
                self._drain()
                if self._forgotten and self._back:
                    self._register()
        self._drain()
        self._state_registrations()
        if not self._faults:
            return self._report("applied")
        more = f" (and {len(self._faults) - 1} more)" if len(self._faults) > 1 else ""
        return self._failed(self._faults[0], more)

    def validate(self, payload: memoryview, software: bool = True) -> Validated:
        snapshot = unpack(payload)
        if not isinstance(snapshot, DiscoverySnapshot):
            raise ValueError(f"a {type(snapshot).__name__}")
        faults = problems(
            self.plugin_class.validate_config, snapshot.settings.config, self._conduct
        )
        own = (Rejection(faults),) if faults else ()
        tried = not software and not faults
        reason = untaken(self.plugin_class, snapshot.settings.config) if tried else ""
        return Validated((*own, *self._refused_reporters(snapshot)), reason)

    def wake(self) -> WorkReport | None:
        if not self._connected:
            return None
        began = time.monotonic()
        try:
            with self._inbox.attended(began):
                call("wake", self._plugin.wake)
        except PluginError as failure:
            self._wake_failed = True
            return self._failed(failure)
        finally:
            self._drain()
        return None

    def attend(self) -> bool:
        self._drain()
        back, self._back = self._back, False
        return back and self._undone()

    def fileno(self) -> int | None:
        return self._plugin.fileno() if self._connected else None

    def wake_after(self) -> float | None:
        return self._plugin.wake_after() if self._connected else None

    def status(self) -> Mapping[str, Any]:
        return {} if self._config is None else self._plugin.status()

    def summary(self) -> str:
        return f"{len(self._snapshot.watch)} clusters, {len(self._services.standing)} services"

    def close(self, grace: float, keep: bool = False) -> None:
        """Deregister everything that is up, as far as the time allows, and disconnect.

        To keep it all, the plugin is not called any more: a clean end of a session would take
        its registrations along in many a source.
        """
        if keep or not self._connected:
            return
        deadline = time.monotonic() + grace
        up = {service.key: service for service in self._snapshot.up}
        up |= self._services.standing
        done = 0
        self._faults = []
        for service in up.values():
            if time.monotonic() < deadline:
                what = f"report_down {service.name}:{service.port}"
                done += self._attempt(what, self._plugin.report_down, service)
        if done < len(up):
            why = self._faults[0].reason if self._faults else "no time is left"
            left = f"{len(up) - done} of {len(up)} services"
            self._once.say(logging.WARNING, "stopping", f"{left} could not be deregistered: {why}")
        self._attempt("disconnect", self._plugin.disconnect)

    def _report(self, kind: Kind, reason: str = "", traceback: str = "") -> WorkReport:
        verdict = self._judged[1] if self._judged is not None else ConfigVerdict(None)
        own = () if verdict.rejection is None else (verdict.rejection,)
        traceback = traceback or verdict.traceback
        rejections = (*own, *self._refused_reporters(self._snapshot))
        return WorkReport(kind, reason, traceback, rejections)

    def _failed(self, failure: PluginError, more: str = "") -> WorkReport:
        """A source that is away (``OSError``) is no fault of the plugin's: words will do."""
        traceback = "" if failure.is_expected else failure.traceback
        return self._report("failed", failure.located + more, traceback)

    def _refused_reporters(self, snapshot: DiscoverySnapshot) -> tuple[Rejection, ...]:
        """The service files that want to register where nothing can be registered."""
        if not self.plugin_class.read_only:
            return ()
        problem = Problem((), _READ_ONLY)
        return tuple([Rejection((problem,), service=stem) for stem in snapshot.reporters])

    def _verdict(self) -> ConfigVerdict:
        """What of the plugin's config is in force; a rejected one is judged at each retry."""
        settings = self._snapshot.settings
        verdict = None
        if self._judged is not None and self._judged[1].config is not None:
            verdict = rejudge(*self._judged, settings)
        if verdict is None:
            verdict = judge(self.plugin_class.validate_config, settings, conduct=self._conduct)
        self._judged = (settings, verdict)
        return verdict

    def _connect(self, config: dict[str, Any]) -> bool:
        """Return True if the plugin is connected with this config."""
        if self._connected and self._config == config:
            return True
        if self._connected:
            self._attempt("disconnect", self._plugin.disconnect)
            self._connected = False
        self._watched.forget()
        self._services.forget()
        self._observer.forget()
        if self._config != config:
            self._config = None
            if not self._attempt("apply_config", self._plugin.apply_config, copy.deepcopy(config)):
                return False
            self._config = config
        self._connected = self._attempt("connect", self._plugin.connect, *self._inbox.open())
        return self._connected

    def _watch(self, what: str, how: Callable[[], None]) -> bool:
        """Return True if the plugin did it; what it has read at once is passed on."""
        done = self._attempt(what, how)
        self._drain()
        return done

    def _register(self) -> None:
        self._services.keep(self._snapshot.up, self._snapshot.down)

    def _reported(self, what: str, how: Callable[[Service], None], service: Service) -> str:
        """Why the plugin could not report a service, empty if it could."""
        return "" if self._attempt(what, how, service) else self._faults[-1].reason

    def _wake_again(self) -> None:
        if self._wake_failed:
            self._wake_failed = not self._attempt("wake", self._plugin.wake)

    def _attempt(self, what: str, how: Callable[P, None], *args: P.args, **more: P.kwargs) -> bool:
        """Return True if the plugin did it; what it raised is kept for the report.

        That a source which is away can do none of it is not said once more for each call.
        """
        now = time.monotonic()
        if now - self._spoke_at > _SIGN_OF_LIFE:
            self._spoke_at = now
            self._outbox.post(Working(what))
        try:
            call(what, how, *args, **more)
        except PluginError as failure:
            self._faults.append(failure)
            self._drain()
            if not (self._observer.away and isinstance(failure.error, OSError)):
                self._once.say(logging.WARNING, what, failure.what)
            return False
        self._once.forget(what)
        return True

    def _drain(self) -> None:
        """Pass on what the plugin reported."""
        for state in self._observer.drain():
            self._back = state == "connected"
            if state == "lost":
                self._forgotten = True
                self._services.lost()
                self._state_registrations()

    def _undone(self) -> bool:
        return self._services.lacks(self._snapshot.up) or bool(self._faults)

    def _state_registrations(self) -> None:
        stated = self._services.stated((*self._snapshot.up, *self._snapshot.down))
        stated += tuple(Registration(s.place, False, _READ_ONLY, True) for s in self._unwelcome)
        if stated != self._stated:
            self._stated = stated
            self._outbox.post(Registered(), encode(stated))


def main() -> None:
    serve(DISCOVERY, DiscoveryRole)


if __name__ == "__main__":
    main()
