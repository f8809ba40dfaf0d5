"""The log of what is wrong with the configuration: each fault once, and that all are mended."""

import logging
from collections.abc import Sequence
from typing import Final

from lighthouse.config.fault import Fault

_log: Final = logging.getLogger("lighthouse.supervisor")


class FaultLog:
    """Knows what it has told."""

    def __init__(self) -> None:
        self._told: frozenset[Fault] = frozenset()

    def tell(self, found: Sequence[Fault]) -> None:
        """Log each of these faults that was not there before, or that there are none any more."""
        for fault in found:
            if fault not in self._told:
                _log.log(logging.WARNING if fault.warning else logging.ERROR, "%s", fault)
        if self._told and not found:
            _log.info("the configuration has no faults any more")
        self._told = frozenset(found)
