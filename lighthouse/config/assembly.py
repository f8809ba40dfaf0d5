"""From the files of the tree to what is in force: the newest version of each, if it is good."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

import msgspec

from lighthouse.config import references
from lighthouse.config.fault import Fault
from lighthouse.config.file import ConfigFile, FileVersion
from lighthouse.config.scan import FileKind
from lighthouse.config.schema import members, reader
from lighthouse.config.schema.accounts import default_user
from lighthouse.config.schema.document import YamlDocument
from lighthouse.config.schema.keys.daemon import PLUGIN
from lighthouse.config.schema.section import SectionReader
from lighthouse.config.schema.types import (
    ClusterFile,
    Config,
    DaemonSettings,
    PluginFile,
    ServiceFile,
    WorkerSettings,
)
from lighthouse.distribution.installed import Installed

T = TypeVar("T")


class Assembled(msgspec.Struct, frozen=True):
    """What the tree says as a whole, and the last good version of each file from now on."""

    config: Config
    faults: tuple[Fault, ...]
    broken: frozenset[str]
    texts: Mapping[str, bytes]
    good: Mapping[str, FileVersion] = {}


def assemble(entries: Iterable[ConfigFile], installed: Installed) -> Assembled:
    """Choose the version of each file that is in force, and put them together.

    Nothing is changed: a good newest version is the last good one in what is returned.
    """
    return _Assembly(sorted(entries, key=lambda entry: entry.file), installed).done()


class _Assembly:
    def __init__(self, entries: list[ConfigFile], installed: Installed) -> None:
        self._entries: Final = entries
        self._installed: Final = installed
        self._faults: Final[set[Fault]] = {f for entry in entries for f in entry.faults}
        self._in_force: Final[dict[str, FileVersion]] = {}
        self._good: Final = {entry.file: entry.good for entry in entries}

    def done(self) -> Assembled:
        daemon = self._single("lighthouse")
        logging = self._single("logging")
        settings = daemon if isinstance(daemon, DaemonSettings) else DaemonSettings()
        if settings.worker.user is None:
            worker = msgspec.structs.replace(settings.worker, user=default_user())
            settings = msgspec.structs.replace(settings, worker=worker)
        balancers = self._plugins("balancers", settings.worker)
        config = Config(
            daemon=settings,
            logging=logging if isinstance(logging, dict) else None,
            balancers=balancers,
            discovery=self._plugins("discovery", settings.worker),
            clusters=self._clusters(settings, balancers),
            services=self._services(),
        )
        return Assembled(
            config=config,
            faults=tuple(sorted(self._faults)),
            broken=frozenset(e.file for e in self._entries if not self._newest_in_force(e)),
            texts={file: version.text for file, version in self._in_force.items()},
            good={file: version for file, version in self._good.items() if version},
        )

    def _single(self, kind: FileKind) -> Any:
        entry = self._choose(kind, self._promote).get(kind)
        good = self._good[entry.file] if entry else None
        return good.content if good else None

    def _plugins(self, kind: FileKind, default: WorkerSettings) -> dict[str, PluginFile]:
        what = "balancer" if kind == "balancers" else kind
        plugins = {}
        for stem, entry in self._choose(kind, self._promote).items():
            document, content = self._last_good(entry, PluginFile)
            own = SectionReader(document.data, [], PLUGIN).section("worker")
            content = msgspec.structs.replace(content, worker=reader.worker(own, default))
            plugins[stem] = content
            if self._newest_in_force(entry):
                found = references.uninstalled(document, content, what, self._installed)
                self._faults.update(found)
        return plugins

    def _clusters(
        self, settings: DaemonSettings, plugins: Mapping[str, PluginFile]
    ) -> dict[str, ClusterFile]:
        balancers = self._installed.balancers | self._stems("balancers")
        discovery = self._stems("discovery")

        def promote(entry: ConfigFile) -> None:
            newest = _newest(entry, ClusterFile)
            if newest:
                unknown = [*references.unknown_sections(*newest, balancers)]
                self._faults.update(unknown)
                if not unknown:
                    self._good[entry.file] = entry.newest

        clusters = {}
        newest = []
        for stem, entry in self._choose("clusters", promote).items():
            document, content = self._last_good(entry, ClusterFile)
            policy = members.localized(content.policy, settings.metadata)
            clusters[stem] = msgspec.structs.replace(content, policy=policy)
            if self._newest_in_force(entry):
                self._faults.update(references.unknown_preference(document, clusters[stem]))
                newest.append((document, content))
                faults = references.unknown_discovery(document, clusters[stem], discovery)
                self._faults.update(faults)
        self._faults.update(references.unused_sections(newest, plugins, self._installed))
        return clusters

    def _services(self) -> dict[str, ServiceFile]:
        discovery = self._stems("discovery")
        self._settle_claims()
        services = {}
        for stem, entry in self._choose("services", lambda entry: None).items():
            document, content = self._last_good(entry, ServiceFile)
            services[stem] = content
            if self._newest_in_force(entry):
                self._faults.update(references.unknown_discovery(document, content, discovery))
                self._faults.update(references.unknown_checks(document, content, self._installed))
        return services

    def _settle_claims(self) -> None:
        """Promotes the services' files that register nothing that another one registers.

        What is in force already comes first, so that the fault is with the change.
        """
        owners: dict[references.NameClaim, str] = {}
        changed = []
        for entry in self._first("services"):
            good = self._good[entry.file]
            if good and (entry.newest is good or not _newest(entry, ServiceFile)):
                self._claim(entry, owners)
            else:
                changed.append(entry)
        refused = []
        for entry in changed:
            newest = _newest(entry, ServiceFile)
            if newest is None:
                continue
            taken = sorted(references.claims(newest[1]) & owners.keys())
            faults = [references.conflict(newest[0], claim, owners[claim]) for claim in taken]
            self._faults.update(faults)
            if taken:
                refused.append(entry)
            else:
                self._good[entry.file] = entry.newest
                self._claim(entry, owners)
        for entry in refused:
            if self._good[entry.file]:
                self._claim(entry, owners)

    def _claim(self, entry: ConfigFile, owners: dict[references.NameClaim, str]) -> None:
        """Takes what the last good version registers, or drops it if that is taken."""
        claims = references.claims(self._last_good(entry, ServiceFile)[1])
        if claims & owners.keys():
            self._good[entry.file] = None
        else:
            owners |= dict.fromkeys(claims, entry.file)

    def _promote(self, entry: ConfigFile) -> None:
        if entry.newest and entry.newest.content is not None:
            self._good[entry.file] = entry.newest

    def _choose(
        self, kind: FileKind, promote: Callable[[ConfigFile], None]
    ) -> dict[str, ConfigFile]:
        """For each stem the entry in force, after ``promote`` had the first of them."""
        chosen: dict[str, ConfigFile] = {}
        for entry in self._first(kind):
            promote(entry)
        first = {entry.stem: entry for entry in self._first(kind)}
        for entry in self._of(kind):
            if entry is not first[entry.stem]:
                message = f"{first[entry.stem].file} is there too; keep one of the two"
                self._faults.add(Fault(entry.file, 1, 1, message))
            good = self._good[entry.file]
            if good and entry.stem not in chosen:
                chosen[entry.stem] = entry
                self._in_force[entry.file] = good
        return chosen

    def _last_good(self, entry: ConfigFile, kind: type[T]) -> tuple[YamlDocument, T]:
        """The last good version of a file that has one."""
        version = _of_kind(self._good[entry.file], kind)
        if version is None:
            raise LookupError(f"{entry.file} has no good version")
        return version

    def _of(self, kind: FileKind) -> Iterator[ConfigFile]:
        return (entry for entry in self._entries if entry.kind == kind)

    def _first(self, kind: FileKind) -> list[ConfigFile]:
        """The entries of a kind, without the second spelling of a stem."""
        first: dict[str, ConfigFile] = {}
        for entry in self._of(kind):
            first.setdefault(entry.stem, entry)
        return list(first.values())

    def _stems(self, kind: FileKind) -> set[str]:
        return {entry.stem for entry in self._of(kind)}

    def _newest_in_force(self, entry: ConfigFile) -> bool:
        version = self._in_force.get(entry.file)
        return (
            version is not None and entry.newest is not None and version.text == entry.newest.text
        )


def _newest(entry: ConfigFile, kind: type[T]) -> tuple[YamlDocument, T] | None:
    """The newest version of a file, if it has no faults of its own."""
    return _of_kind(entry.newest, kind)


def _of_kind(version: FileVersion | None, kind: type[T]) -> tuple[YamlDocument, T] | None:
    if version is None or version.document is None or not isinstance(version.content, kind):
        return None
    return version.document, version.content
