"""What a worker says of the plugin that it has loaded, or could not load."""

import msgspec

from lighthouse.balancer import Claim
from lighthouse.distribution.origin import PluginOrigin


class PluginFault(msgspec.Struct, frozen=True):
    """What a plugin does against its contract, and what to do about it.

    ``place`` is FILE:LINE in its source, empty if there is none. A ``warning`` keeps nothing
    from working.
    """

    message: str
    remedy: str = ""
    place: str = ""
    warning: bool = False

    def __str__(self) -> str:
        text = f"{self.message}; {self.remedy}" if self.remedy else self.message
        return f"{text} ({self.place})" if self.place else text


class PluginReport(msgspec.Struct, frozen=True):
    """Which code a worker runs, and what is wrong with it.

    ``entry_point`` is ``NAME = MODULE`` in ``group``. ``loaded`` is the class, as MODULE.NAME,
    and ``place`` where it is defined; both are empty before it is found. ``interpreter`` is the
    program that runs the worker, with its version. ``claims`` are a balancer's, by its config.
    """

    interpreter: str
    origin: PluginOrigin | None = None
    group: str = ""
    entry_point: str = ""
    loaded: str = ""
    place: str = ""
    faults: tuple[PluginFault, ...] = ()
    claims: tuple[Claim, ...] = ()

    @property
    def source(self) -> str:
        """The distribution and the entry point, on one line; empty if nothing is installed."""
        if self.origin is None:
            return ""
        return f"{self.origin}, entry point {self.entry_point}"

    def explained(self, fault: PluginFault, more: int = 0) -> str:
        """A fault on one line: what is wrong, what to do, and whose fault that is.

        ``more`` faults there are besides.
        """
        text = f"{fault.message:.300}"
        if fault.remedy:
            text += f"; {fault.remedy:.200}"
        if more:
            text += f" (and {more} more)"
        source = ", ".join(filter(None, (self.source, fault.place or self.place)))
        return f"{text} ({source})" if source else text

    def wrong(self) -> str:
        """What keeps the plugin from being relied on, on one line; empty if nothing does."""
        faults = [fault for fault in self.faults if not fault.warning]
        return self.explained(faults[0], len(faults) - 1) if faults else ""

    def others(self) -> tuple[PluginFault, ...]:
        """The faults that ``wrong`` only counts."""
        return tuple([fault for fault in self.faults if not fault.warning][1:])
