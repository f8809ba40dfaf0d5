"""What is done to the HAProxy processes: attach, start, replace, reload with proof."""

import logging
import time
from typing import Final

from lighthouse.files import FileTarget
from lighthouse.haproxy import process
from lighthouse.haproxy.instance import Instance
from lighthouse.haproxy.process import NotReloaded, NotStarted
from lighthouse.haproxy.render import generation_in
from lighthouse.haproxy.settings import Settings

log: Final = logging.getLogger(__name__)

_PROOF: Final = 5.0
_GAP: Final = 2.0
_GAP_FACTOR: Final = 5
_AGAIN: Final = 30.0
_SETTLE: Final = 1.0


class Control:
    """The one HAProxy of a ``Settings``; ``instance`` is its worker while it is attached.

    ``predecessor`` is the master that ran under other settings, to be taken over from.
    """

    def __init__(self, settings: Settings, predecessor: int | None) -> None:
        self.settings: Final = settings
        self.binary: Final = process.find_binary(settings.haproxy_bin)
        self.target: Final = FileTarget(settings.config_file, activate=self._activate)
        self.instance: Instance | None = None
        self.reloads: list[str] = []
        self.reload_count = 0
        self.starts = 0
        self._predecessor = predecessor
        self._next_reload = 0.0
        self._refused = ("", "", 0.0)
        self._started_at = float("-inf")

    def attach(self) -> Instance | None:
        """The running worker, None if HAProxy does not run under these settings."""
        if self.instance is not None and self.instance.runtime.lost:
            log.warning("the connection to HAProxy's worker %d is gone", self.instance.pid)
            self.drop()
        if self.instance is not None or self._predecessor is not None:
            return self.instance
        try:
            self.instance = Instance.attach(self.settings.socket_file)
        except OSError:
            if process.running(self.settings) is not None:
                self.instance = self._patiently()
        return self.instance

    def drop(self) -> None:
        """Let go of the connection; an old worker must not be kept alive by it."""
        if self.instance is not None:
            self.instance.close()
            self.instance = None

    def held_by(self) -> int | None:
        """The process that may hold our ports now."""
        if self.instance is not None:
            return self.instance.pid
        return self._predecessor or process.running(self.settings)

    def start(self) -> Instance:
        """Start HAProxy on the file; raises ``NotStarted``."""
        if time.monotonic() - self._started_at < _SETTLE:
            raise NotStarted("HAProxy ended as soon as it had been started")
        self._started_at = time.monotonic()
        replace = self._predecessor or process.running(self.settings)
        process.start(self.binary, self.settings, replace)
        self._predecessor = None
        self.starts += 1
        log.info("HAProxy has been started (%s)", self.binary)
        try:
            self.instance = self._prove(None)
        except (OSError, NotReloaded) as error:
            raise NotStarted(f"it was started, but {error}") from error
        return self.instance

    def waits(self, generation: str) -> float:
        """Seconds until a reload to this generation may be tried."""
        now = time.monotonic()
        refused, _, until = self._refused
        return max(self._next_reload - now, until - now if refused == generation else 0.0, 0.0)

    def refusal(self, generation: str) -> str:
        """Why the last reload to this generation failed, empty if it did not."""
        return self._refused[1] if self._refused[0] == generation else ""

    def reload(self, text: str, reason: str) -> None:
        """Install the file and reload; raises ``OSError`` or ``files.NotActivated``."""
        began = time.monotonic()
        generation = generation_in(text)
        log.info("reload: %s", reason)
        try:
            self.target.install(text.encode(), active=False)
        except RuntimeError as error:
            self._refused = (generation, str(error), time.monotonic() + _AGAIN)
            raise
        finally:
            took = time.monotonic() - began
            self._next_reload = time.monotonic() + max(_GAP, _GAP_FACTOR * took)
        self._refused = ("", "", 0.0)
        self.reload_count += 1
        self.reloads = [*self.reloads[-4:], reason]

    def _activate(self) -> None:
        """Have the file loaded, and prove it: a new worker of the file's generation serves."""
        self.drop()
        try:
            worker = process.reload(self.settings.master)
        except OSError:
            log.warning("the master's socket does not answer; HAProxy is replaced")
            process.start(self.binary, self.settings, process.running(self.settings))
            worker = None
        self.instance = self._prove(worker)

    def _prove(self, worker: int | None) -> Instance:
        generation = generation_in((self.target.read() or b"").decode("utf-8", "replace"))
        deadline = time.monotonic() + _PROOF
        while True:
            left = deadline - time.monotonic()
            instance = Instance.attach(self.settings.socket_file, max(0.0, left))
            right = worker is None or instance.pid == worker
            if right and instance.generation == generation:
                return instance
            instance.close()
            if left <= 0:
                raise NotReloaded(f"worker {instance.pid} runs another configuration")
            time.sleep(0.01)

    def _patiently(self) -> Instance | None:
        """The worker of a master that lives, though its socket does not answer at once."""
        try:
            return Instance.attach(self.settings.socket_file, _SETTLE)
        except OSError as error:
            log.warning("HAProxy runs, but its socket does not answer: %s", error)
            return None
