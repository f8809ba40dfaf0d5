"""How the plugin keeps its contract while it runs."""

import logging
from typing import Final

import msgspec

from lighthouse.balancer import Claim
from lighthouse.ipc.messages import Reported
from lighthouse.ipc.plugin_report import PluginFault, PluginReport
from lighthouse.workers.boundary.limits import one_line
from lighthouse.workers.outbox import Outbox

MOST: Final = 10
"""Faults that are told at once."""

_log: Final = logging.getLogger("lighthouse.worker")


class Conduct:
    """What is wrong with the plugin, by topic; the supervisor is told of each change.

    Called from the worker's loop only.
    """

    def __init__(self, loaded: PluginReport, outbox: Outbox) -> None:
        self._loaded: Final = loaded
        self._outbox: Final = outbox
        self._faults: Final[dict[str, PluginFault]] = {}
        self._claims: tuple[Claim, ...] = ()
        self._told = True

    @property
    def report(self) -> PluginReport:
        """The plugin's report with all that is wrong by now, the worst first."""
        # The same said of several things counts once.
        found = dict.fromkeys((*self._faults.values(), *self._loaded.faults))
        faults = tuple(sorted(found, key=lambda fault: fault.warning)[:MOST])
        return msgspec.structs.replace(self._loaded, faults=faults, claims=self._claims)

    def breaks(
        self, topic: str, message: str, remedy: str, where: str = "", warning: bool = False
    ) -> None:
        """The plugin does something against its contract, until it keeps to it."""
        fault = PluginFault(one_line(message), remedy, where, warning)
        if self._faults.get(topic) == fault:
            return
        self._faults[topic] = fault
        self._told = False
        told = self._loaded.explained(fault)
        _log.log(logging.WARNING if warning else logging.ERROR, "%s", told)

    def keeps(self, topic: str) -> None:
        """Nothing is wrong there any more."""
        if self._faults.pop(topic, None) is not None:
            self._told = False

    def claims(self, claims: tuple[Claim, ...]) -> None:
        """This is what the plugin claims from now on."""
        if claims != self._claims:
            self._claims = claims
            self._told = False

    def say(self) -> None:
        """Tell what has changed since the last time."""
        if not self._told:
            self._told = True
            self._outbox.post(Reported(self.report))
