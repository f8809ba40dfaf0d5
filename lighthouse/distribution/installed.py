"""Which plugins are installed, and by which distribution; none of them is ever imported here."""

import difflib
import json
import sys
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import msgspec

from lighthouse.distribution.origin import GROUPS, PluginOrigin

_KINDS: Final = {group: kind for kind, group in GROUPS.items()}
_OWN: Final = "lighthouse"
_FILE: Final = "file://"
_ALIKE: Final = 0.8
_MOST_NAMED: Final = 12
_MOST_FILES: Final = 1000


PluginKey = tuple[str, str]
"""The kind of a plugin (balancer, discovery, check), and its name."""


class MisplacedPlugin(msgspec.Struct, frozen=True, order=True):
    """An entry point in a group that nobody reads, but that looks like one of the groups."""

    name: str
    group: str
    meant: str
    package: str

    def __str__(self) -> str:
        return (
            f"{self.package} has the entry point '{self.name}' in the group '{self.group}', which "
            f"nobody reads: did you mean '{self.meant}'?"
        )


class Installed(msgspec.Struct, frozen=True):
    """The names of the plugins of each kind, and which distributions offer one of a name."""

    balancers: frozenset[str] = frozenset()
    discovery: frozenset[str] = frozenset()
    checks: frozenset[str] = frozenset()
    offers: Mapping[PluginKey, tuple[PluginOrigin, ...]] = {}
    misplaced: tuple[MisplacedPlugin, ...] = ()

    @classmethod
    def here(cls) -> "Installed":
        """What is installed for this interpreter now, where its workers look too."""
        offers: dict[PluginKey, tuple[PluginOrigin, ...]] = {}
        misplaced = set()
        for found in _distributions():
            for point in found.points:
                if point.group in _KINDS:
                    key = _KINDS[point.group], point.name
                    origins = {*offers.get(key, ()), found.origin(point.value)}
                    offers[key] = tuple(sorted(origins))
                elif meant := _meant(point.group):
                    misplaced.add(MisplacedPlugin(point.name, point.group, meant, str(found)))
        names = {kind: frozenset(n for k, n in offers if k == kind) for kind in GROUPS}
        kinds = (names["balancer"], names["discovery"], names["check"])
        return cls(*kinds, offers, tuple(sorted(misplaced)))

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

    def elsewhere(self, kind: str, name: str) -> str:
        """Where a plugin of that name is, if not where it belongs; empty if nowhere."""
        for one in self.misplaced:
            if one.name == name and one.meant == GROUPS[kind]:
                return str(one)
        others = [other for other in GROUPS if other != kind and self.has(other, name)]
        return f"there is a {' and a '.join(others)} plugin of that name" if others else ""

    def nearest(self, kind: str, name: str) -> str:
        """Of a name that no plugin of that kind has: which one may be meant, and which there are.

        Empty if there is such a plugin.
        """
        names = self.names(kind)
        if name in names:
            return ""
        return "; ".join(filter(None, (self.meant(kind, name), listed(names))))

    def meant(self, kind: str, name: str) -> str:
        """What may be meant by the name of a plugin that there is none of, empty if nothing."""
        close = difflib.get_close_matches(name, sorted(self.names(kind)), n=1)
        hint = f"did you mean '{close[0]}'?" if close else ""
        return self.elsewhere(kind, name) or hint

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
        if len({offer.package for offer in offers}) == 1:
            what = f"has several entry points of a {what}: {', '.join(o.module for o in offers)}"
            return f"{offers[0]} {what}; none is used: give each a name of its own"
        return f"{told} both bring a {what}, so neither is used; uninstall one of them"


def listed(names: Collection[str]) -> str:
    """The names of plugins that are installed in words, the first of them if they are many."""
    first, left = sorted(names)[:_MOST_NAMED], len(names) - _MOST_NAMED
    more = f" and {left} more (`lighthouse plugins`)" if left > 0 else ""
    return f"installed: {', '.join(first) or 'none'}{more}"


def succession(origin: PluginOrigin, now: PluginOrigin | None, clash: str = "") -> str:
    """What has become of the distribution whose code runs, empty if it is as it was.

    ``clash`` is what is wrong where several distributions offer its plugin by now.
    """
    if now is None and clash:
        return f"{clash}; until then it runs on with {origin}"
    if now is None:
        return f"its plugin is not installed any more ({origin} was): it runs on until it ends"
    if now == origin:
        return ""
    remedy = "restart" if now.bundled else "reload"
    if (now.package, now.version) == (origin.package, origin.version):
        return f"{now} was installed anew; `lighthouse {remedy}` takes its code"
    return f"it runs {origin}, and {now} is installed; `lighthouse {remedy}` takes that"


def _distributions() -> Iterator["_Distribution"]:
    """All that may have plugins; of what is found twice, the first.

    What only this process finds, since it was started with ``-m`` from where an egg-info lies,
    does not count: its workers do not find it.
    """
    path = sys.path if sys.flags.safe_path else sys.path[1:]
    seen: set[str] = set()
    for found in metadata.distributions(path=path):
        if _OWN not in (found.read_text("entry_points.txt") or "").lower():
            continue  # saves the reading of everybody's metadata
        distribution = _Distribution(found)
        normal = distribution.name.lower().replace("-", "_").replace(".", "_")
        if normal not in seen:
            seen.add(normal)
            yield distribution


class _Distribution:
    """A distribution: what is the same for all of its entry points is read once."""

    def __init__(self, found: metadata.Distribution) -> None:
        about = found.metadata
        self.name, self.version = about["Name"] or "?", about["Version"] or "?"
        self.points: Final = found.entry_points
        self._found: Final = found
        self._extras: Final = tuple(about.get_all("Provides-Extra") or ())
        self._record: Final = (found.read_text("RECORD") or "").encode()
        self._marks: Final[dict[str, int]] = {}

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    def origin(self, module: str) -> PluginOrigin:
        """Where what an entry point names comes from."""
        package = module.partition(":")[0].partition(".")[0]
        if package not in self._marks:
            edited = "" if package == _OWN else str(_edited_at(self._found, package))
            self._marks[package] = zlib.crc32(self._record + edited.encode())
        mark = self._marks[package]
        return PluginOrigin(self.name, self.version, module, mark, self._extras)


def _edited_at(found: metadata.Distribution, package: str) -> int:
    """When the newest of a plugin's source files was written, in nanoseconds; 0 if unknown."""
    newest = 0
    for place in _places(found):
        files = [place / f"{package}.py", *islice((place / package).rglob("*.py"), _MOST_FILES)]
        for file in files:
            with suppress(OSError):
                newest = max(newest, file.stat().st_mtime_ns)
    return newest


def _places(found: metadata.Distribution) -> Iterator[Path]:
    """The directories in which a distribution's packages may lie."""
    yield Path(str(found.locate_file("")))
    with suppress(ValueError, TypeError, KeyError):
        told = json.loads(found.read_text("direct_url.json") or "")
        if told.get("dir_info", {}).get("editable") and told["url"].startswith(_FILE):
            source = Path(unquote(told["url"].removeprefix(_FILE)))
            yield from (source, source / "src")


def _meant(group: str) -> str:
    """Which of the groups a misspelt one was to be, empty if none."""
    plain = group.lower().replace("_", ".").replace("-", ".")
    if not plain.startswith(_OWN):
        return ""
    close = difflib.get_close_matches(plain, _KINDS, 1, _ALIKE)
    return close[0] if close else ""
