"""The endpoints of each cluster in a file of its own, and whether Envoy has taken it."""

import os
import time
from collections.abc import Collection, Iterable
from typing import Final

from lighthouse.envoy.rendering.text import discovery_file, version_in
from lighthouse.envoy.runtime.admin import AdminSocket
from lighthouse.envoy.runtime.watched import WatchedFiles
from lighthouse.envoy.schema.settings import EnvoySettings

TAKE: Final = 3.0
"""Seconds that Envoy has to take a file: it needs milliseconds."""

_POLL: Final = 0.001


class EndpointFiles:
    """What is in the files is remembered, so that what did not change costs nothing."""

    def __init__(self, settings: EnvoySettings, files: WatchedFiles, admin: AdminSocket) -> None:
        self._settings: Final = settings
        self._files: Final = files
        self._admin: Final = admin
        self._resources: Final[dict[str, str]] = {}
        self._texts: Final[dict[str, str]] = {}
        self._proven: Final[set[str]] = set()

    def has(self, cluster: str) -> bool:
        """Return True if there is a file of this cluster that Envoy can read."""
        return version_in(self._text(cluster)) != ""

    def write(self, cluster: str, resource: str) -> bool:
        """Return True if the file had to be written; raises ``OSError``."""
        if self._resources.get(cluster) == resource:
            return False
        text = discovery_file([resource])
        differs = self._text(cluster) != text
        if differs:
            self._put(cluster, text)
        self._resources[cluster] = resource
        return differs

    def forget(self) -> None:
        """What is on disk is read anew."""
        self._resources.clear()
        self._texts.clear()
        self._proven.clear()

    def doubt(self) -> None:
        """Another Envoy runs, which has taken nothing yet."""
        self._proven.clear()

    def untaken(self, clusters: Iterable[str]) -> list[str]:
        """Wait until Envoy has the endpoints of all these; those that it has not in time."""
        left = set(clusters) - self._proven
        for again in (False, True):
            if again:
                for cluster in left:  # the event may have been lost: the same, moved in anew
                    self._put(cluster, self._text(cluster).rstrip("\n") + "\n" * 2)
            left -= self._taken(left)
            if not left:
                break
        return sorted(left)

    def repair(self) -> int:
        """Write anew what somebody else has changed; the number of files."""
        changed = 0
        for cluster, text in list(self._texts.items()):
            if self._files.read(self._settings.endpoints_file(cluster)) != text:
                self._put(cluster, text)
                changed += 1
        return changed

    def keep(self, clusters: Collection[str]) -> None:
        """Remove the files of all other clusters; raises ``OSError``."""
        directory = os.path.dirname(self._settings.endpoints_file("x"))
        for entry in os.listdir(directory):
            name = entry.removesuffix(".json")
            if name != entry and name not in clusters and not entry.startswith("."):
                self._files.remove(f"{directory}/{entry}")
                self._resources.pop(name, None)
                self._texts.pop(name, None)
                self._proven.discard(name)

    def _taken(self, clusters: Collection[str]) -> set[str]:
        """Those of the clusters whose endpoints Envoy has, waited for."""
        wanted = {name: version_in(self._text(name)) for name in clusters}
        deadline = time.monotonic() + TAKE
        while wanted:
            found = self._admin.endpoint_versions(wanted.keys())
            done = {name for name, version in wanted.items() if found.get(name) == version}
            self._proven.update(done)
            wanted = {name: version for name, version in wanted.items() if name not in done}
            if not wanted or time.monotonic() > deadline:
                break
            time.sleep(_POLL)
        return set(clusters) - wanted.keys()

    def _text(self, cluster: str) -> str:
        if cluster not in self._texts:
            self._texts[cluster] = self._files.read(self._settings.endpoints_file(cluster))
        return self._texts[cluster]

    def _put(self, cluster: str, text: str) -> None:
        self._files.put(self._settings.endpoints_file(cluster), text)
        self._texts[cluster] = text
        self._proven.discard(cluster)
