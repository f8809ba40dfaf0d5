"""Where a plugin comes from: the distribution that offers it, and the entry point."""

from typing import Final

import msgspec

GROUPS: Final = {
    "balancer": "lighthouse.balancers",
    "discovery": "lighthouse.discovery",
    "check": "lighthouse.checks",
}
"""The entry point group of each kind of plugin."""

_OWN: Final = "lighthouse"


class PluginOrigin(msgspec.Struct, frozen=True, order=True):
    """A distribution's offer of a plugin: an entry point of the plugin's name.

    ``module`` is what the entry point names. ``mark`` is another number where the same version
    was installed with other files, or its source was edited. ``extras`` are those of the
    distribution.
    """

    package: str
    version: str
    module: str
    mark: int = 0
    extras: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.package} {self.version}"

    @property
    def bundled(self) -> bool:
        """Return True if it is one of Lighthouse's own, which comes with Lighthouse itself."""
        return self.module.partition(".")[0] == _OWN
