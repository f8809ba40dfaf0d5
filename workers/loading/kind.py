"""The kinds of plugins."""

from typing import Final, Generic, TypeVar

import msgspec

from lighthouse.balancer import Balancer
from lighthouse.check import Check
from lighthouse.discovery import Discovery
from lighthouse.distribution.origin import GROUPS
from lighthouse.plugin import Plugin

P = TypeVar("P", bound=Plugin)


class PluginKind(msgspec.Struct, Generic[P], frozen=True):
    """A kind of plugin: its hook, the contract it fulfils, what it has to override.

    ``registering`` are further methods that it has to override unless it is ``read_only``.
    """

    name: str
    hook: str
    contract: type[P]
    required: tuple[str, ...]
    registering: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """The entry point group of this kind."""
        return GROUPS[self.name]

    @property
    def base(self) -> str:
        """The contract's class by its full name."""
        return f"{self.contract.__module__}.{self.contract.__qualname__}"


BALANCER: Final = PluginKind("balancer", "lighthouse_balancer", Balancer, ("sync_file",))
DISCOVERY: Final = PluginKind(
    "discovery",
    "lighthouse_discovery",
    Discovery,
    ("connect", "start_watching", "stop_watching"),
    ("report_up", "report_down"),
)
CHECK: Final = PluginKind("check", "lighthouse_check", Check, ("perform",))

KINDS: Final = (BALANCER, DISCOVERY, CHECK)
