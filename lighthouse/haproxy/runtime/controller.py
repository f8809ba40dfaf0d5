"""What is done to the HAProxy processes: attach, start, replace, reload with proof."""

import logging
import os
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from lighthouse.files import NotActivated
from lighthouse.haproxy.rendering import binds
from lighthouse.haproxy.rendering.binds import Spot
from lighthouse.haproxy.rendering.chunks import Chunk, text_of
from lighthouse.haproxy.rendering.render import carries_states, file_of, generation_in
from lighthouse.haproxy.runtime import adoption, old_workers, pid, process
from lighthouse.haproxy.runtime.attempt import Attempts
from lighthouse.haproxy.runtime.config_file import InstalledConfig
from lighthouse.haproxy.runtime.instance import Instance
from lighthouse.haproxy.runtime.loading import SETTLE, FileLoading
from lighthouse.haproxy.runtime.process import NotReloaded, Processes
from lighthouse.haproxy.runtime.rate_limit import RateLimit
from lighthouse.haproxy.runtime.server_states import NOTHING, carried, hand_on
from lighthouse.haproxy.runtime.socket import Lost
from lighthouse.haproxy.schema.balancer import HAProxySettings
from lighthouse.process.ending import known
from lighthouse.software.binary import NotStarted

log: Final = logging.getLogger(__name__)

_COLD: Final = 6.0
_COLD_COMPANY: Final = 11.0
"""A reload within the first seconds of a cold start loses the stick tables: HAProxy waits five
seconds for a predecessor to learn from, and with other peers as long again for one of them."""


class Controller:
    """The one HAProxy of a ``HAProxySettings``; ``instance`` is its worker while it is attached.

    ``predecessor`` is the master that ran under other settings, to be taken over from.
    """

    def __init__(
        self,
        settings: HAProxySettings,
        predecessor: int | None,
        tell: Callable[[str], None] = process.silent,
        leaving: Callable[[], None] = lambda: None,
    ) -> None:
        """``tell`` is told of each step that takes long, ``leaving`` just before each reload."""
        self.settings: Final = settings
        self.binary: Final = process.find_binary(settings.haproxy_bin)
        self.file: Final = InstalledConfig(settings, self._activate)
        self.target: Final = self.file.target
        self.allowance: Final = RateLimit(settings.reload_interval, settings.reloads_per_hour)
        self.attempts: Final = Attempts(settings.attempt, self.allowance)
        self._tell: Final = tell
        self._loading: Final = FileLoading(settings, self.binary, self.file.text, tell)
        self._leaving: Final = leaving
        self.instance: Instance | None = None
        self.reloads: list[str] = []
        self.reload_count = 0
        self.starts = 0
        self.failure: NotReloaded | None = None
        self.seen: Processes | None = None
        self._predecessor = predecessor
        self._doubted: int | None = None
        self._started_at = float("-inf")
        self._hasty = 0

    def attach(self) -> Instance | None:
        """The running worker, None if there is none; raises ``adoption.Stranger``."""
        if self.instance is not None and self.instance.runtime.lost:
            log.warning("the connection to HAProxy's worker %d is gone", self.instance.pid)
            self.drop()
        if self.instance is not None or self._predecessor is not None:
            return self.instance
        master = process.running(self.settings)
        if any(known.is_stopped(one) for one in (master, self._doubted) if one is not None):
            return None
        found = None
        try:
            found = Instance.attach(self.settings.socket_file)
        except OSError:
            if master is not None:
                found = self._patiently()
        if found is not None:
            self.instance = adoption.newest(found, self.settings, self.file.text())
            hand_on(self.settings, NOTHING)
        return self.instance

    def confirm(self) -> None:
        """Raises ``Lost`` unless the worker lives and its socket is where it should be."""
        if self.instance is None:
            return
        if not os.path.exists(self.settings.socket_file):
            raise Lost(f"{self.settings.socket_file} is gone")
        self._doubted = self.instance.pid
        self.instance.confirm()
        self._doubted = None

    def drop(self) -> None:
        """Let go of the connection; an old worker must not be kept alive by it."""
        if self.instance is not None:
            self.instance.close()
            self.instance = None

    def held(self) -> frozenset[Spot] | None:
        """Where our HAProxy listens now; None if that cannot be told.

        All of it: during a reload by somebody else one worker hands over to another.
        """
        worker = self.instance.pid if self.instance else None
        holders = {self._predecessor or process.running(self.settings), worker} - {None}
        found: frozenset[Spot] = frozenset()
        for holder in holders:
            held = binds.held_by(holder) if holder is not None else None
            if held is None:
                return None
            found |= held
        return found

    def processes(self) -> Processes | None:
        """What the master says of its workers, None if none answers; kept as ``seen``."""
        try:
            self.seen = process.processes(self.settings.master, 0.2)
        except OSError:
            self.seen = None
        return self.seen

    def start(self) -> Instance:
        """Start HAProxy on the file; raises ``NotStarted``.

        One that ends as soon as it serves is started again at once, once: somebody may have
        killed it.
        """
        soon = time.monotonic() - self._started_at < SETTLE
        self._hasty = self._hasty + 1 if soon else 0
        if self._hasty > 1:
            raise NotStarted("HAProxy ended as soon as it had been started")
        hand_on(self.settings, NOTHING)
        stuck = self._predecessor or process.running(self.settings)
        try:
            self.instance = self._loading.started(stuck)
        except (OSError, NotReloaded) as error:
            raise NotStarted(str(error)) from error
        self._predecessor = None
        self._started_at = time.monotonic()
        self.starts += 1
        log.info("HAProxy has been started (%s)", self.settings.command or self.binary)
        if stuck is not None:
            pid.put_down(stuck)
        return self.instance

    def warm_up(self, peers: int) -> None:
        """Hold the next reload until stick tables would survive it, among so many peers."""
        self.allowance.hold(self._started_at + (_COLD_COMPANY if peers > 1 else _COLD))

    def reload(
        self, chunks: Iterable[Chunk], reason: str, decides: Callable[[str, str], bool]
    ) -> None:
        """Install the file and reload; raises ``OSError`` or ``files.NotActivated``.

        ``decides`` tells of which servers, by backend and name, lighthouse decides the state.
        ``failure`` has HAProxy's words afterwards, if it has any.
        """
        began = time.monotonic()
        chunks = tuple(chunks)
        text = text_of(chunks)
        self.attempts.begin(generation_in(text))
        log.info("reload: %s", reason)
        self.failure = None
        if self.instance is not None and carries_states(self.settings):
            hand_on(self.settings, carried(self.instance.states(), text, decides))
        running = self.instance.generation if self.instance else ""
        try:
            self._tell(f"the writing of {self.target.path}")
            self.target.install(file_of(chunks), active=False, good=self.file.is_good(running))
        except NotActivated:
            self.allowance.note(began, time.monotonic(), generation_in(text))
            raise
        except OSError:
            self.attempts.forget()  # nothing was touched
            raise
        finally:
            hand_on(self.settings, NOTHING)
        self.attempts.forget()
        self.allowance.note(began, time.monotonic())
        self.reload_count += 1
        self.reloads = [*self.reloads[-4:], reason]

    def bound_old(self) -> None:
        """End the worker that has been replaced longest, if there are too many of them."""
        if (found := self.processes()) is not None:
            old_workers.bound(found, self.settings.max_old_workers)

    def end_sessions(self, servers: Sequence[str]) -> None:
        """End what replaced workers still have with servers, as ``backend/name``, that left."""
        found = self.processes() if servers else None
        if found is not None and found.old:
            try:
                old_workers.end_sessions(self.settings.master, found, servers)
            except OSError as error:
                log.warning("sessions of replaced workers cannot be ended: %s", error)

    def _activate(self) -> None:
        """Have the file loaded, and prove it: a new worker serves all that the file says."""
        before = self.instance.pid if self.instance else None
        self._tell("a reload of HAProxy")
        self._leaving()
        self.drop()
        if self.failure is not None:
            self.instance = self._loading.still_served()
            if self.instance is not None:
                return
        try:
            self.instance = self._loading.loaded(before)
        except NotReloaded as error:
            self.failure = self.failure or error
            raise

    def _patiently(self) -> Instance | None:
        """The worker of a master that lives, though its socket does not answer at once."""
        try:
            return Instance.attach(self.settings.socket_file, SETTLE)
        except OSError as error:
            log.warning("HAProxy runs, but its socket does not answer: %s", error)
            return None
