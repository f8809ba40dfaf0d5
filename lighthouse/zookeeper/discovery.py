"""Discovery through ZooKeeper: the children of a znode are the nodes of a cluster."""

import time
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import kazoo
import msgspec

from lighthouse import hookimpl
from lighthouse.discovery import Discovery, OnConnection, OnReading
from lighthouse.node import is_cluster_name
from lighthouse.process.timing.timers import Timers
from lighthouse.schema import convert, require
from lighthouse.service import Service
from lighthouse.zookeeper.loop_calls import LoopCalls
from lighthouse.zookeeper.protocol import client
from lighthouse.zookeeper.registrations import ZooKeeperRegistrations
from lighthouse.zookeeper.session import ZooKeeperSession
from lighthouse.zookeeper.settings import ZooKeeperSettings, problems
from lighthouse.zookeeper.source import ZooKeeperSource

_AWAY: Final = "not connected"
_MOMENT: Final = 0.1


class ZooKeeperLink(msgspec.Struct, frozen=True):
    """Everything that belongs to one connection, and ends with it.

    What the session hears goes to the source and the registrations, which only ask through it.
    """

    timers: Timers
    session: ZooKeeperSession
    source: ZooKeeperSource
    registrations: ZooKeeperRegistrations

    def open(self) -> None:
        """Begin to connect."""
        self.session.open(self.source.events.on_event, (self.source, self.registrations))
        self.source.open()


class ZooKeeper(Discovery):
    """``<path>/<cluster>/<host>:<port>``, one connection for all clusters.

    The connection's thread only reads and writes; whatever it brings is dealt with in ``wake``.
    """

    settings_type: ClassVar = ZooKeeperSettings

    def __init__(self) -> None:
        self._settings: ZooKeeperSettings | None = None
        self._calls: Final = LoopCalls()
        self._link: ZooKeeperLink | None = None

    @classmethod
    def validate_dependencies(cls) -> bool:
        gone = client.missing()
        if gone:
            version = kazoo.__version__
            raise RuntimeError(
                f"kazoo {version} has no {', '.join(gone)}; pip install 'kazoo>=2.11,<2.12'"
            )
        return True

    @classmethod
    def validate_config(cls, config: Mapping[str, Any]) -> None:
        require(problems(convert(config, ZooKeeperSettings)))

    def apply_config(self, config: Mapping[str, Any]) -> None:
        self._settings = convert(config, ZooKeeperSettings)

    def connect(self, on_reading: OnReading, on_connection: OnConnection) -> None:
        if self._settings is None:
            raise RuntimeError("connect comes after apply_config")
        self.disconnect()
        settings, timers = self._settings, Timers()
        session = ZooKeeperSession(settings, self._calls, timers)
        source = ZooKeeperSource(settings, session, self._calls, timers, on_reading, on_connection)
        registrations = ZooKeeperRegistrations(settings, session, source.events, timers)
        self._link = ZooKeeperLink(timers, session, source, registrations)
        self._link.open()

    def disconnect(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.session.close(keep=not link.registrations.empty)
        self._calls.clear()

    def fileno(self) -> int | None:
        return self._calls.fileno()

    def wake_after(self) -> float | None:
        return None if self._link is None else self._link.timers.wait(time.monotonic())

    def wake(self) -> None:
        self._calls.drain()
        link = self._link
        if link is not None:
            link.timers.run(time.monotonic())
            link.source.publish()

    def start_watching(self, cluster: str) -> None:
        if not is_cluster_name(cluster):
            raise ValueError(f"{cluster!r} cannot be the name of a znode")
        self._linked().source.watch(cluster)

    def stop_watching(self, cluster: str) -> None:
        self._linked().source.unwatch(cluster)

    def refresh(self, cluster: str) -> None:
        self._linked().source.watch(cluster)

    def report_up(self, service: Service) -> None:
        if not is_cluster_name(service.name):
            raise ValueError(f"{service.name!r} cannot be the name of a znode")
        link = self._begun()
        link.registrations.up(service)
        link.source.look_up()

    def report_down(self, service: Service) -> None:
        self._begun().registrations.down(service)

    def status(self) -> Mapping[str, Any]:
        if self._link is None:
            return {"connection": _AWAY}
        return {**self._link.source.status(), **self._link.registrations.status()}

    def _begun(self) -> ZooKeeperLink:
        """The link, once a server has answered or none will soon: a start is no failure."""
        link = self._linked()
        while not link.session.begun():
            self._calls.wait(_MOMENT)
            self._calls.drain()
        return link

    def _linked(self) -> ZooKeeperLink:
        if self._link is None:
            raise ConnectionError(_AWAY)
        return self._link


@hookimpl
def lighthouse_discovery() -> type[Discovery]:
    return ZooKeeper
