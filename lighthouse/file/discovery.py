"""Discovery through a directory that holds one JSON file for each node."""

import os
import time
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final

import msgspec

from lighthouse import hookimpl
from lighthouse.discovery import Discovery, OnConnection, OnReading
from lighthouse.file.registrations import FileRegistrations
from lighthouse.file.source import FileSource
from lighthouse.node import is_cluster_name
from lighthouse.schema import Invalid, Problem, convert
from lighthouse.service import Service

_AWAY: Final = "not connected"


class FileSettings(msgspec.Struct, frozen=True):
    """The content of ``discovery/NAME.yaml``; ``ttl`` and ``poll`` are seconds.

    ``path`` is a directory that has one of each cluster's name, with a file for each node.
    """

    path: str
    ttl: Annotated[float, msgspec.Meta(ge=3, le=3600)] = 30.0
    poll: Annotated[float, msgspec.Meta(ge=0.1, le=3600)] = 5.0


class FileDiscovery(Discovery):
    """``<path>/<cluster>/<any name>.json``, followed with inotify and, slowly, by polling.

    Everything happens in the calling thread, readings included: in ``start_watching``,
    ``refresh`` and ``wake``.
    """

    settings_type: ClassVar = FileSettings

    def __init__(self) -> None:
        self._settings: FileSettings | None = None
        self._source: FileSource | None = None
        self._registrations: FileRegistrations | None = None

    @classmethod
    def validate_config(cls, config: Mapping[str, Any]) -> None:
        path = convert(config, FileSettings).path
        if not os.path.isabs(path) or "\0" in path:
            raise Invalid((Problem(("path",), "expected an absolute path"),))

    def apply_config(self, config: Mapping[str, Any]) -> None:
        self._settings = convert(config, FileSettings)

    def connect(self, on_reading: OnReading, on_connection: OnConnection) -> None:
        if self._settings is None:
            raise RuntimeError("connect comes after apply_config")
        self.disconnect()
        path = os.path.normpath(self._settings.path)
        self._source = FileSource(path, self._settings.poll, on_reading, on_connection)
        self._registrations = FileRegistrations(path, self._settings.ttl)
        self._source.open()

    def disconnect(self) -> None:
        if self._source is not None:
            self._source.close()
        self._source = self._registrations = None

    def fileno(self) -> int | None:
        return None if self._source is None else self._source.fileno()

    def wake_after(self) -> float | None:
        if self._source is None or self._registrations is None:
            return None
        beat = self._registrations.next_beat()
        waits = self._source.wake_after()
        return waits if beat is None else max(0.0, min(waits, beat - time.monotonic()))

    def wake(self) -> None:
        if self._source is None or self._registrations is None:
            return
        for cluster, names in self._source.wake().items():
            self._registrations.removed(cluster, names, time.monotonic())
        self._registrations.beat(time.monotonic())

    def start_watching(self, cluster: str) -> None:
        if not is_cluster_name(cluster):
            raise ValueError(f"{cluster!r} cannot be the name of a directory")
        self._connected().watch(cluster)

    def stop_watching(self, cluster: str) -> None:
        self._connected().unwatch(cluster)

    def refresh(self, cluster: str) -> None:
        self._connected().watch(cluster)

    def report_up(self, service: Service) -> None:
        self._registered().up(service, time.monotonic())
        self._connected().follow(self._registered().clusters())

    def report_down(self, service: Service) -> None:
        self._registered().down(service)
        self._connected().follow(self._registered().clusters())

    def status(self) -> Mapping[str, Any]:
        if self._source is None or self._registrations is None:
            return {"connection": _AWAY}
        return {**self._source.status(), **self._registrations.status()}

    def _connected(self) -> FileSource:
        if self._source is None:
            raise ConnectionError(_AWAY)
        return self._source

    def _registered(self) -> FileRegistrations:
        if self._registrations is None:
            raise ConnectionError(_AWAY)
        return self._registrations


@hookimpl
def lighthouse_discovery() -> type[Discovery]:
    return FileDiscovery
