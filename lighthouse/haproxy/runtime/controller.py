"""What is done to the HAProxy processes: attach, start, replace, reload with proof."""

import logging
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from lighthouse.files import FileTarget, NotActivated
from lighthouse.haproxy.rendering import binds
from lighthouse.haproxy.rendering.binds import Spot
from lighthouse.haproxy.rendering.chunks import Chunk, text_of
from lighthouse.haproxy.rendering.render import carries_states, file_of, generation_in, is_intact
from lighthouse.haproxy.runtime import adoption, pid, process
from lighthouse.haproxy.runtime.attempt import Attempts
from lighthouse.haproxy.runtime.instance import Instance
from lighthouse.haproxy.runtime.process import NotReloaded, NotStarted, Processes
from lighthouse.haproxy.runtime.rate_limit import RateLimit
from lighthouse.haproxy.runtime.server_states import NOTHING, carried, hand_on
from lighthouse.haproxy.runtime.socket import Lost
from lighthouse.haproxy.runtime.verify import missing
from lighthouse.haproxy.schema.balancer import HAProxySettings

log: Final = logging.getLogger(__name__)

_PROOF: Final = 5.0
_SETTLE: Final = 1.0
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
    ) -> None:
        """``tell`` is told of each step that takes long, before it is taken."""
        self.settings: Final = settings
        self.binary: Final = process.find_binary(settings.haproxy_bin)
        self.target: Final = FileTarget(
            settings.config_file, activate=self._activate, versions=settings.keep_versions
        )
        self.allowance: Final = RateLimit(settings.reload_interval, settings.reloads_per_hour)
        self.attempts: Final = Attempts(settings.attempt, self.allowance)
        self._tell: Final = tell
        self.instance: Instance | None = None
        self.reloads: list[str] = []
        self.reload_count = 0
        self.starts = 0
        self.failure: NotReloaded | None = None
        self.seen: Processes | None = None
        self._predecessor = predecessor
        self._doubted: int | None = None
        self._started_at = float("-inf")

    def attach(self) -> Instance | None:
        """The running worker, None if HAProxy does not run under these settings.

        Raises ``adoption.Stranger``.
        """
        if self.instance is not None and self.instance.runtime.lost:
            log.warning("the connection to HAProxy's worker %d is gone", self.instance.pid)
            self.drop()
        if self.instance is not None or self._predecessor is not None:
            return self.instance
        master = process.running(self.settings)
        if any(pid.is_stopped(one) for one in (master, self._doubted) if one is not None):
            return None
        found = None
        try:
            found = Instance.attach(self.settings.socket_file)
        except OSError:
            if master is not None:
                found = self._patiently()
        if found is not None:
            self.instance = adoption.newest(found, self.settings, self._text())
            self._keep_states(NOTHING)
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
        """Start HAProxy on the file; raises ``NotStarted``."""
        if time.monotonic() - self._started_at < _SETTLE:
            raise NotStarted("HAProxy ended as soon as it had been started")
        self._keep_states(NOTHING)
        stuck = self._predecessor or process.running(self.settings)
        self._tell("a start of HAProxy")
        try:
            if self.settings.command:
                process.command(self.settings.command)
            else:
                process.start(self.binary, self.settings, stuck)
            self.instance = self._prove(None)
        except (OSError, NotReloaded) as error:
            raise NotStarted(str(error)) from error
        self._predecessor = None
        self._started_at = time.monotonic()
        self.starts += 1
        log.info("HAProxy has been started (%s)", self.settings.command or self.binary)
        if stuck is not None:
            _put_down(stuck)
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
            self._keep_states(carried(self.instance.states(), text, decides))
        try:
            self.target.install(file_of(chunks), active=False, good=self._is_good())
        except NotActivated:
            self.allowance.note(began, time.monotonic(), generation_in(text))
            raise
        finally:
            self._keep_states(NOTHING)
        self.attempts.succeed()
        self.allowance.note(began, time.monotonic())
        self.reload_count += 1
        self.reloads = [*self.reloads[-4:], reason]

    def bound_old(self) -> None:
        """End the worker that has been replaced longest, if there are too many of them."""
        found = self.processes()
        if found is not None and len(found.old) > self.settings.max_old_workers:
            oldest = max(found.old, key=lambda old: old.age)
            log.warning(
                "%d replaced workers still serve connections (max_old_workers is %d): the oldest,"
                " pid %d, is ended after %d s",
                len(found.old),
                self.settings.max_old_workers,
                oldest.pid,
                oldest.age,
            )
            pid.end(oldest.pid, signal.SIGTERM)

    def _activate(self) -> None:
        """Have the file loaded, and prove it: a new worker serves all that the file says."""
        before = self.instance.pid if self.instance else None
        self._tell("a reload of HAProxy")
        self.drop()
        if self.failure is not None and self._goes_on():
            return
        try:
            if self.settings.command:
                process.command(self.settings.command)
                worker = None
            else:
                worker = self._reloaded(before)
            self.instance = self._prove(worker, before)
        except NotReloaded as error:
            self.failure = self.failure or error
            raise

    def _goes_on(self) -> bool:
        """Whether, the new file having failed, a worker serves the one that was put back."""
        try:
            instance = Instance.attach(self.settings.socket_file, _SETTLE)
        except OSError:
            return False
        if missing(instance, self._text()):
            instance.close()
            return False
        self.instance = instance
        return True

    def _is_good(self) -> bool:
        """Whether the file is what runs, or an operator's; not what a killed worker tried."""
        if not is_intact(self.target.read() or b"") or not self.target.version(1).exists():
            return True
        running = self.instance.generation if self.instance else ""
        return generation_in(self._text()) == running

    def texts(self) -> Iterator[str]:
        """What HAProxy may have loaded: the file, then what was replaced, the newest first."""
        yield self._text()
        for number in range(1, self.settings.keep_versions + 1):
            try:
                yield self.target.version(number).read_text("utf-8", "replace")
            except OSError:
                return

    def take_back(self, running: str) -> None:
        """Put the file that runs back in place of one whose reload was broken off."""
        tried = self.attempts.last
        if tried is None or tried.generation == running:
            self.attempts.succeed()
            return
        current, *former = self.texts()
        kept = next((text for text in former if generation_in(text) == running), "")
        if generation_in(current) == tried.generation and running and kept:
            log.warning("%s: %s; the one that runs is put back", self.target.path, tried.reason)
            try:
                self.target.write(kept.encode())
            except OSError as error:
                log.warning("%s cannot be written: %s", self.target.path, error.strerror)

    def _text(self) -> str:
        return (self.target.read() or b"").decode("utf-8", "replace")

    def _reloaded(self, worker: int | None) -> int | None:
        former = process.running(self.settings)
        if former is not None and former == worker:
            log.warning("HAProxy %d runs without a master: it hands over to one with it", former)
            process.start(self.binary, self.settings, former)
            return None
        try:
            return process.reload(self.settings.master)
        except OSError:
            log.warning("the master's socket does not answer")
        if former is not None and not os.path.exists(self.settings.master):
            # its signal asks for the same, and brings the socket back
            pid.end(former, signal.SIGUSR2)
            return None
        process.start(self.binary, self.settings, former)
        if former is not None:
            _put_down(former)
        return None

    def _prove(self, worker: int | None, former: int | None = None) -> Instance:
        """The worker that serves the file; ``former`` is the one that must be replaced by it."""
        self._tell("the proof that HAProxy serves its file")
        text = self._text()
        deadline = time.monotonic() + _PROOF
        while True:
            left = deadline - time.monotonic()
            instance = Instance.attach(self.settings.socket_file, max(0.0, left))
            if instance.pid == former:
                lack = f"worker {former} has not been replaced"
            elif worker is not None and instance.pid != worker:
                lack = f"worker {instance.pid} answers, not the new one"
            else:
                lack = missing(instance, text)
            if not lack:
                return instance
            instance.close()
            if left <= 0:
                raise NotReloaded(lack)
            time.sleep(0.01)

    def _patiently(self) -> Instance | None:
        """The worker of a master that lives, though its socket does not answer at once."""
        try:
            return Instance.attach(self.settings.socket_file, _SETTLE)
        except OSError as error:
            log.warning("HAProxy runs, but its socket does not answer: %s", error)
            return None

    def _keep_states(self, text: str) -> None:
        """Write the file of states; a reload without it is a reload without memory."""
        if not carries_states(self.settings):
            return
        try:
            hand_on(self.settings.states, text)
        except OSError as error:
            log.warning("%s cannot be written: %s", self.settings.states, error.strerror)


def _put_down(master: int) -> None:
    """End a replaced HAProxy that is stopped: it holds ports and will not hear of its end.

    A master is woken to hear of it, so that its worker may finish; a worker is killed.
    """
    for one in pid.family(master):
        if pid.is_stopped(one) and one == master:
            log.warning("HAProxy's master %d is stopped, and is told to go on and end", one)
            pid.end(one, signal.SIGCONT)
        elif pid.is_stopped(one):
            log.warning("HAProxy's process %d is stopped, and is killed", one)
            pid.end(one, signal.SIGKILL)
