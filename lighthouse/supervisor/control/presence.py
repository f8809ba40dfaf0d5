"""That commands find the daemon, whoever sweeps the place where it can be found."""

import logging
from typing import Final

from lighthouse.daemon.claim import DaemonClaim
from lighthouse.daemon.pidfile import AlreadyRunning
from lighthouse.supervisor.control.listener import ControlListener
from lighthouse.supervisor.pool.sessions import Sessions

INTERVAL: Final = 1.0
"""Seconds between two looks."""

_log: Final = logging.getLogger("lighthouse.supervisor")


class Presence:
    """Puts back pid file, control socket and notes of a run directory that lacks them."""

    def __init__(self, claim: DaemonClaim, control: ControlListener, sessions: Sessions) -> None:
        self._claim: Final = claim
        self._control: Final = control
        self._sessions: Final = sessions
        self._problem = ""

    def keep(self) -> None:
        """Look at all of it, and mend what is not as it should be."""
        before, self._problem = self._problem, ""
        where, restored, errors = self._claim.run_dir, False, []
        for part in (self._claim, self._control, self._sessions):
            try:
                restored = part.restore() or restored
            except (OSError, AlreadyRunning) as error:
                errors.append(str(error))
        if errors:
            told = "; ".join(dict.fromkeys(errors))
            self._problem = f"{where}: commands may not find this daemon: {told}"
            if self._problem != before:
                _log.error("%s", self._problem)
        if restored:
            _log.warning("%s: put back what was removed or changed there", where)

    def problems(self) -> list[str]:
        """Why the daemon cannot be found, in words."""
        return [self._problem] if self._problem else []
