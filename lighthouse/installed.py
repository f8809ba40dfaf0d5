"""Which plugins are installed, and by which distribution; none of them is ever imported here."""

import sys
import zlib
from collections.abc import Iterator, Mapping
from importlib import metadata
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
    was installed with other files. ``extras`` are those of the distribution.
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


PluginKey = tuple[str, str]
"""The kind of a plugin (balancer, discovery, check), and its name."""


class Installed(msgspec.Struct, frozen=True):
    """The names of the plugins of each kind, and which distributions offer one of a name."""

    balancers: frozenset[str] = frozenset()
    discovery: frozenset[str] = frozenset()
    checks: frozenset[str] = frozenset()
    offers: Mapping[PluginKey, tuple[PluginOrigin, ...]] = {}

    @classmethod
    def here(cls) -> "Installed":
        """What is installed for this interpreter now, where its workers look too."""
        offers: dict[PluginKey, tuple[PluginOrigin, ...]] = {}
        for key, origin in _offers():
            offers[key] = tuple(sorted({*offers.get(key, ()), origin}))
        names = {kind: frozenset(n for k, n in offers if k == kind) for kind in GROUPS}
        return cls(names["balancer"], names["discovery"], names["check"], offers)

    def has(self, kind: str, name: str) -> bool:
        """Return True if there is such a ``balancer``, ``discovery`` or ``check``."""
        return name in self.names(kind)

    def names(self, kind: str) -> frozenset[str]:
        """The names of all plugins of a kind."""
        groups = {"balancer": self.balancers, "discovery": self.discovery, "check": self.checks}
        return groups[kind]

    def origin(self, kind: str, name: str) -> PluginOrigin | None:
        """Where the plugin of that name comes from; None if there is none, or no one of it.

        A name of Lighthouse's own plugins is theirs, whoever else offers one. Several offers
        of one module are one.
        """
        offers = self.offers.get((kind, name), ())
        own = [offer for offer in offers if offer.bundled]
        if own:
            return own[0]
        return offers[0] if len({offer.module for offer in offers}) == 1 else None

    def clash(self, kind: str, name: str) -> str:
        """What is wrong where several distributions offer a plugin of that name, else empty."""
        offers = self.offers.get((kind, name), ())
        if len({offer.module for offer in offers}) < 2:
            return ""
        what = f"{kind} plugin '{name}'"
        own = [offer for offer in offers if offer.bundled]
        if own:
            others = ", ".join(str(offer) for offer in offers if offer.module != own[0].module)
            return (
                f"{others} brings a {what} too: that name is reserved for the one of {own[0]}, "
                f"which is used; uninstall the other distribution, or have its plugin renamed"
            )
        told = " and ".join(f"{offer} ({offer.module})" for offer in offers)
        return f"{told} both bring a {what}, so neither is used; uninstall one of them"


def succession(origin: PluginOrigin, now: PluginOrigin | None) -> str:
    """What has become of the distribution whose code runs, empty if it is as it was."""
    if now is None:
        return f"its plugin is not installed any more ({origin} was): it runs on until it ends"
    if now == origin:
        return ""
    remedy = "restart" if now.bundled else "reload"
    if (now.package, now.version) == (origin.package, origin.version):
        return f"{now} was installed anew; `lighthouse {remedy}` takes its code"
    return f"it runs {origin}, and {now} is installed; `lighthouse {remedy}` takes that"


def _offers() -> Iterator[tuple[PluginKey, PluginOrigin]]:
    """All entry points of the groups; of a distribution that is found twice, the first.

    What only this process finds, since it was started with ``-m`` from where an egg-info lies,
    does not count: its workers do not find it.
    """
    kinds = {group: kind for kind, group in GROUPS.items()}
    path = sys.path if sys.flags.safe_path else sys.path[1:]
    seen: set[str] = set()
    for found in metadata.distributions(path=path):
        if not any(group in (found.read_text("entry_points.txt") or "") for group in kinds):
            continue  # saves the reading of everybody's metadata
        about = found.metadata
        name, version = about["Name"] or "?", about["Version"] or "?"
        normal = name.lower().replace("-", "_").replace(".", "_")
        if normal in seen:
            continue
        seen.add(normal)
        extras = tuple(about.get_all("Provides-Extra") or ())
        mark = zlib.crc32((found.read_text("RECORD") or "").encode())
        for point in found.entry_points:
            if point.group in kinds:
                yield (
                    (kinds[point.group], point.name),
                    PluginOrigin(name, version, point.value, mark, extras),
                )
