"""How HAProxy comes to serve its file: a start or a reload, and the proof of it."""

import logging
import os
import signal
from collections.abc import Callable
from typing import Final

from lighthouse.haproxy.runtime import pid, process
from lighthouse.haproxy.runtime.instance import Instance
from lighthouse.haproxy.runtime.process import Ended
from lighthouse.haproxy.runtime.verify import missing, prove
from lighthouse.haproxy.schema.balancer import HAProxySettings
from lighthouse.process.ending import known

log: Final = logging.getLogger(__name__)

SETTLE: Final = 1.0
"""Seconds that a socket gets to answer, and that a start has to last to count as one."""


class FileLoading:
    """``text`` is what the file says, ``tell`` is told of each step that takes long.

    All raise ``NotReloaded`` or ``OSError`` if HAProxy cannot be brought to serve it.
    """

    def __init__(
        self,
        settings: HAProxySettings,
        binary: str,
        text: Callable[[], str],
        tell: Callable[[str], None],
    ) -> None:
        self._settings: Final = settings
        self._binary: Final = binary
        self._text: Final = text
        self._tell: Final = tell
        self._master: int | None = None

    def loaded(self, before: int | None) -> Instance:
        """The worker that serves the file once it is loaded; ``before`` is that until then."""
        try:
            if self._settings.command:
                process.command(self._settings.command)
                worker = None
            else:
                worker = self._reloaded(before)
            return self._prove(worker, before)
        except Ended as error:
            log.warning("%s while it was to load its file: it is started", error)
            return self.started(None)

    def started(self, stuck: int | None) -> Instance:
        """The worker of an HAProxy that is started; ``stuck`` hands over to it."""
        self._tell("a start of HAProxy")
        if self._settings.command:
            process.command(self._settings.command)
            return self._prove()
        process.start(self._binary, self._settings, stuck)
        try:
            return self._prove()
        except Ended as error:
            log.warning("%s as soon as it had been started: it is started again", error)
        process.start(self._binary, self._settings)
        return self._prove()

    def still_served(self) -> Instance | None:
        """The worker that serves the file put back after a new one failed, if one does."""
        try:
            within = 0.0 if self._has_ended() else SETTLE
            instance = Instance.attach(self._settings.socket_file, within)
        except OSError:
            return None
        if missing(instance, self._text()):
            instance.close()
            return None
        return instance

    def _prove(self, worker: int | None = None, former: int | None = None) -> Instance:
        self._tell("the proof that HAProxy serves its file")
        path = self._settings.socket_file
        return prove(path, self._text(), worker, former, self._has_ended)

    def _has_ended(self) -> bool:
        """Return True if there is no HAProxy any more and nobody but us to start it.

        Its pid is remembered, for the file is empty while HAProxy writes it.
        """
        self._master = process.written(self._settings) or self._master
        if self._settings.command or self._master is None:
            return False
        return not known.is_alive(self._master)

    def _reloaded(self, worker: int | None) -> int | None:
        if self._has_ended():
            raise Ended("HAProxy has ended")
        former = process.running(self._settings)
        if former is not None and former == worker:
            log.warning("HAProxy %d runs without a master: it hands over to one with it", former)
            process.start(self._binary, self._settings, former)
            return None
        try:
            return process.reload(self._settings.master, self._has_ended)
        except OSError:
            log.warning("the master's socket does not answer")
        if former is not None and not os.path.exists(self._settings.master):
            # its signal asks for the same, and brings the socket back
            known.end(former, signal.SIGUSR2)
            return None
        process.start(self._binary, self._settings, former)
        if former is not None:
            pid.put_down(former)
        return None
