"""Discovery through DNS: SRV records, or the addresses of a name."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from lighthouse import hookimpl
from lighthouse.discovery import Discovery, OnConnection, OnReading
from lighthouse.dns.settings import DnsSettings, problems
from lighthouse.dns.source import DnsSource
from lighthouse.node import is_cluster_name
from lighthouse.schema import convert, require
from lighthouse.service import Service

_AWAY: Final = "not connected"


class DnsDiscovery(Discovery):
    """Asks for each cluster's records when they expire.

    Questions are asked by one thread of its own; all readings are reported by ``wake``.
    """

    settings_type: ClassVar = DnsSettings
    read_only: ClassVar[bool] = True

    def __init__(self) -> None:
        self._settings: DnsSettings | None = None
        self._source: DnsSource | None = None

    @classmethod
    def validate_config(cls, config: Mapping[str, Any]) -> None:
        require(problems(convert(config, DnsSettings)))

    def apply_config(self, config: Mapping[str, Any]) -> None:
        self._settings = convert(config, DnsSettings)

    def connect(self, on_reading: OnReading, on_connection: OnConnection) -> None:
        if self._settings is None:
            raise RuntimeError("connect comes after apply_config")
        self.disconnect()
        self._source = DnsSource(self._settings, on_reading, on_connection)
        self._source.open()

    def disconnect(self) -> None:
        if self._source is not None:
            self._source.close()
        self._source = None

    def fileno(self) -> int | None:
        return None if self._source is None else self._source.fileno()

    def wake_after(self) -> float | None:
        return None if self._source is None else self._source.wake_after()

    def wake(self) -> None:
        if self._source is not None:
            self._source.wake()

    def start_watching(self, cluster: str) -> None:
        if not is_cluster_name(cluster):
            raise ValueError(f"{cluster!r} cannot be part of a name")
        self._connected().watch(cluster)

    def stop_watching(self, cluster: str) -> None:
        self._connected().unwatch(cluster)

    def refresh(self, cluster: str) -> None:
        self._connected().watch(cluster)

    def report_up(self, service: Service) -> None:
        raise PermissionError(f"{service.name}: DNS is only read")

    def report_down(self, service: Service) -> None:
        """Nothing is ever registered here."""

    def status(self) -> Mapping[str, Any]:
        return {"connection": _AWAY} if self._source is None else self._source.status()

    def _connected(self) -> DnsSource:
        if self._source is None:
            raise ConnectionError(_AWAY)
        return self._source


@hookimpl
def lighthouse_discovery() -> type[Discovery]:
    return DnsDiscovery
