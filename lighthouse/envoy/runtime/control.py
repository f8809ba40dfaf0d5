"""What is done to the one Envoy of some settings: adopt, start, replace."""

import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable
from typing import Final

from lighthouse.envoy.rendering.bootstrap import bootstrap, generation, trial_of
from lighthouse.envoy.rendering.text import encoded
from lighthouse.envoy.runtime import process
from lighthouse.envoy.runtime.admin import AdminSocket, ServerInfo
from lighthouse.envoy.runtime.watched import WatchedFiles
from lighthouse.envoy.schema.settings import EnvoySettings
from lighthouse.process.ending import known
from lighthouse.software.binary import NotStarted

log: Final = logging.getLogger(__name__)

_POLL: Final = 0.005
_PATIENCE: Final = 3.0
_APPEARS: Final = 2.0
"""Seconds after which an Envoy that was never seen has ended before anybody looked."""

_HASTY: Final = 2.0
"""Seconds that an Envoy has to live to be started again at once when it ends."""


class Foreign(RuntimeError):
    """Whoever answers on our socket is not the Envoy of our bootstrap."""


class EnvoyControl:
    """The running Envoy, known by ``info`` while one runs; ``tell`` hears of what takes long."""

    def __init__(self, settings: EnvoySettings, tell: Callable[[str], None]) -> None:
        self.settings: Final = settings
        self.binary: Final = process.find_binary(settings.envoy_bin)
        self.admin: Final = AdminSocket(settings.admin)
        self.info: ServerInfo | None = None
        self.starts = 0
        self.replacements = 0
        self._tell: Final = tell
        self._pidfd = -1
        self._mute: int | None = None
        self._started_at = float("-inf")
        self._hasty = 0

    def fileno(self) -> int | None:
        """Readable once the running Envoy has ended."""
        return self._pidfd if self._pidfd >= 0 else None

    def attach(self) -> ServerInfo | None:
        """The running Envoy, None if none runs that can be asked; raises ``Foreign``."""
        if self.info is not None and known.is_alive(self.info.pid):
            return self.info
        self.drop()
        deadline = time.monotonic() + _PATIENCE
        there = process.running(self.settings)
        while True:
            with contextlib.suppress(OSError):
                return self._adopt(self.admin.info())
            there = process.running(self.settings) if there else there
            if not there:
                self._mute = None
                return None
            self._wake_stopped(there)
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL)
        log.warning("Envoy runs and its admin socket does not answer: another is to take over")
        self._mute = max(there.values())
        return None

    def start(self) -> ServerInfo:
        """Start an Envoy on the files as they are; raises ``NotStarted``.

        It takes over from one that runs and cannot be asked anything.
        """
        soon = time.monotonic() - self._started_at < _HASTY
        self._hasty = self._hasty + 1 if soon else 0
        if self._hasty > 1:  # once, somebody may have killed it
            raise NotStarted("Envoy ended as soon as it had been started; its log tells why")
        mute, self._mute = self._mute, None
        if mute is None or not process.can_replace():
            for number in process.running(self.settings):  # those that finish connections
                known.end(number, signal.SIGKILL)
        self._write_bootstrap()
        info = self._begin(0 if mute is None else mute + 1)
        self.starts += 1
        log.info("Envoy has been started (%s)", self.binary)
        return info

    def replace(self, reason: str) -> ServerInfo:
        """Have another Envoy take over ports and connections; raises ``NotStarted``.

        What is wrong with it is found out first, for the one that runs gives up its admin
        socket to it.
        """
        if self.info is None:
            return self.start()
        if not process.can_replace():
            raise NotStarted(f"{reason}: it needs a restart, for there is no shared memory here")
        theirs = process.hot_restart_version(self.binary)
        if theirs != self.info.hot_restart_version:
            text = f"it cannot take over from the one that runs ({self.info.version})"
            raise NotStarted(f"{reason}: {text}; restart Envoy when that suits")
        self._tell("the trial of another bootstrap")
        fault = process.trial(self.binary, trial_of(self.settings))
        if fault:
            raise NotStarted(f"{reason}: {fault}")
        self._write_bootstrap()
        log.info("another Envoy takes over: %s", reason)
        info = self._begin(self.info.epoch + 1)
        self.replacements += 1
        return info

    def outdated(self) -> str:
        """Why the running Envoy has to be replaced; empty if it has not to be."""
        if self.info is None:
            return ""
        if self.info.generation != generation(self.settings):
            return "the bootstrap has changed"
        if not process.is_of(self.info.pid, self.binary):
            return f"{self.binary} is another one than what runs"
        return ""

    def pids(self) -> frozenset[int]:
        """All Envoys of ours, those that finish their connections included."""
        return frozenset(process.running(self.settings))

    def confirm(self) -> None:
        """Let go of an Envoy that does not answer, so that it is looked for anew."""
        if self.info is not None:
            try:
                self.admin.info()
            except OSError as error:
                log.warning("Envoy's admin socket does not answer: %s", error)
                self.drop()

    def drop(self) -> None:
        """Let go of what is known; Envoy goes on."""
        self.info = None
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1

    def _begin(self, epoch: int) -> ServerInfo:
        """Start an Envoy of an epoch, and wait until it is live."""
        self._tell("a start of Envoy")
        began = self._started_at = time.monotonic()
        process.start(self.binary, self.settings, epoch)
        seen = False
        while time.monotonic() - began < process.STEP:
            with contextlib.suppress(OSError):
                info = self.admin.info()
                if info.live and info.epoch == epoch:
                    self.drop()
                    return self._adopt(info)
            there = epoch in process.running(self.settings).values()
            if not there and (seen or time.monotonic() - began > _APPEARS):
                break
            seen = seen or there
            time.sleep(_POLL)
        else:
            raise NotStarted(f"Envoy was not live within {process.STEP:g} s")
        fault = process.trial(self.binary, trial_of(self.settings))
        raise NotStarted(fault or f"Envoy ended at once; {self.settings.log_file} has why")

    def _adopt(self, info: ServerInfo) -> ServerInfo:
        if not process.runs_on(info.pid, self.settings):
            text = f"the Envoy at {self.settings.admin} (pid {info.pid}) was not started on"
            raise Foreign(f"{text} {self.settings.bootstrap_file}; it is left alone")
        self._pidfd = os.pidfd_open(info.pid)
        self.info = info
        return info

    def _wake_stopped(self, there: dict[int, int]) -> None:
        for number in there:
            if known.is_stopped(number):
                log.warning("Envoy %d is stopped, and is told to go on", number)
                known.end(number, signal.SIGCONT)

    def _write_bootstrap(self) -> None:
        files = WatchedFiles()
        try:
            files.put(self.settings.bootstrap_file, encoded(bootstrap(self.settings)) + "\n")
        except OSError as error:
            if not os.path.exists(self.settings.bootstrap_file):
                reason = f"{self.settings.bootstrap_file} cannot be written: {error.strerror}"
                raise NotStarted(reason) from error
            log.warning("the former bootstrap is used: %s", error.strerror)
