"""What a balancer's software counts, and what it does not reach, said whenever that is news."""

import logging
from collections.abc import Mapping, Sequence
from typing import Final

from lighthouse.balancer import Unreachable
from lighthouse.ipc.log_lines import Once
from lighthouse.ipc.messages import Counted, Unreached, encode
from lighthouse.workers.boundary.plugin_call import PluginError, call
from lighthouse.workers.boundary.reach import admit_unreachable
from lighthouse.workers.outbox import Outbox
from lighthouse.workers.role import WorkerRole


class SoftwareFigures:
    """Asks the plugin now and then; what it cannot say is logged once."""

    def __init__(self, role: WorkerRole, outbox: Outbox, once: Once) -> None:
        self._role: Final = role
        self._outbox: Final = outbox
        self._once: Final = once
        self._counted: Mapping[str, Mapping[str, int]] = {}
        self._unreached: Sequence[Unreachable] = ()

    def say(self) -> None:
        """To be called every few seconds."""
        self._count()
        self._reach()

    def _count(self) -> None:
        try:
            counted = call("counters", self._role.counters)
            if counted and counted is not self._counted:
                self._outbox.post(Counted(), encode(counted))
                self._counted = counted
        except PluginError as failure:
            self._once.say(logging.ERROR, "counters", failure.what, failure.traceback)
        except (TypeError, ValueError, OverflowError) as error:
            self._once.say(logging.ERROR, "counters", f"no numbers by name: {error}")

    def _reach(self) -> None:
        try:
            found = call("unreachable", self._role.unreachable)
            if found is not self._unreached and (found or self._unreached):
                self._outbox.post(Unreached(), encode(admit_unreachable(found)))
            self._unreached = found
        except PluginError as failure:
            self._once.say(logging.ERROR, "unreachable", failure.what, failure.traceback)
        except (TypeError, ValueError, OverflowError) as error:
            self._once.say(logging.ERROR, "unreachable", f"no list of Unreachable: {error}")
