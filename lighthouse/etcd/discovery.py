"""Discovery through etcd: one watch for all clusters, one lease for all that is registered."""

import contextlib
import functools
import threading
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

from lighthouse import hookimpl
from lighthouse.discovery import Discovery, OnConnection, OnReading
from lighthouse.etcd import settings as etcd_settings
from lighthouse.etcd.auth import Authentication
from lighthouse.etcd.client import EtcdClient
from lighthouse.etcd.clusters import Clusters
from lighthouse.etcd.connection_state import EtcdConnection, EtcdSession
from lighthouse.etcd.counts import EtcdCounts
from lighthouse.etcd.endpoints import Endpoints
from lighthouse.etcd.errors import EtcdAway, LeaseGone, Trouble
from lighthouse.etcd.lease import LeaseKeeper
from lighthouse.etcd.registrations import EtcdRegistrations
from lighthouse.etcd.settings import EtcdSettings, endpoint
from lighthouse.etcd.watch import WatchThread
from lighthouse.node import is_cluster_name
from lighthouse.record import decode, encode, owner
from lighthouse.service import Service

FIRST: Final = 2.0
"""Seconds that a call waits for the first session; later it fails at once if there is none."""

LEAVING: Final = 1.0
"""Seconds for what is to be said on disconnecting, and for a thread to end."""


class _Parts:
    """All that lives from ``connect`` to ``disconnect``."""

    def __init__(self, settings: EtcdSettings, on_reading: OnReading, on_connection: OnConnection):
        prefix = settings.prefix
        self.counts: Final = EtcdCounts()
        self.authentication: Final = Authentication(settings)
        self.connection: Final = EtcdConnection(on_connection)
        written, options = settings.format, settings.haproxy_server_options
        read = functools.partial(decode, written=written, options=options)
        write = functools.partial(encode, owner=owner(settings.path), written=written)
        self.clusters: Final = Clusters(prefix, read, on_reading, self.counts)
        self.registrations: Final = EtcdRegistrations(
            prefix,
            settings.lease_ttl,
            owner(settings.path),
            write,
            self.clusters.get,
            self.counts,
        )
        endpoints = Endpoints([endpoint(url) for url in settings.endpoints])
        self._watch: Final = WatchThread(
            prefix, endpoints, self.authentication, self.clusters, self.connection, self.counts
        )
        self.lease: Final = LeaseKeeper(
            prefix,
            settings.audit,
            self.authentication,
            self.clusters,
            self.registrations,
            self.connection,
            self.counts,
        )
        events = (self.lease.woken, self.lease.noticed)
        self._threads: Final = (
            threading.Thread(target=self._watch.run, args=events, name="watch", daemon=True),
            threading.Thread(target=self.lease.run, name="lease", daemon=True),
        )

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the threads; one that is busy connecting is left to find out by itself."""
        self._watch.stop()
        self.lease.stop()
        self.connection.close()
        for thread in self._threads:
            thread.join(LEAVING)


class EtcdDiscovery(Discovery):
    """``<path>/<cluster>/<node name>``; see docs/discovery-etcd.md."""

    settings_type: ClassVar = EtcdSettings

    def __init__(self) -> None:
        self._settings: EtcdSettings | None = None
        self._parts: _Parts | None = None
        self._session: EtcdSession | None = None
        self._client: EtcdClient | None = None

    @classmethod
    def validate_config(cls, config: Mapping[str, Any]) -> None:
        etcd_settings.read(config)

    def apply_config(self, config: Mapping[str, Any]) -> None:
        self._settings = etcd_settings.read(config)

    def connect(self, on_reading: OnReading, on_connection: OnConnection) -> None:
        if self._settings is None:
            raise RuntimeError("connect comes after apply_config")
        self.disconnect()
        self._parts = _Parts(self._settings, on_reading, on_connection)
        self._parts.start()

    def disconnect(self) -> None:
        parts, self._parts = self._parts, None
        if parts is None:
            return
        if parts.connection.session is not None:
            with contextlib.suppress(Trouble):  # else the lease expires by itself
                parts.registrations.release(self._at(parts), LEAVING)
        parts.stop()
        self._close()

    def start_watching(self, cluster: str) -> None:
        if not is_cluster_name(cluster):
            raise ValueError(f"{cluster!r} cannot be a part of a key")
        self._connected().clusters.watch(cluster)

    def stop_watching(self, cluster: str) -> None:
        self._connected().clusters.unwatch(cluster)

    def refresh(self, cluster: str) -> None:
        parts = self._connected()
        with self._client_of(parts) as client:
            parts.clusters.refresh(client, cluster)

    def report_up(self, service: Service) -> None:
        parts = self._connected()
        with self._client_of(parts) as client:
            parts.registrations.up(client, service)

    def report_down(self, service: Service) -> None:
        parts = self._connected()
        with self._client_of(parts) as client:
            parts.registrations.down(client, service)

    def status(self) -> Mapping[str, Any]:
        parts = self._parts
        if parts is None:
            return {"connection": "not connected"}
        session = parts.connection.session
        return {
            "connection": parts.connection.state,
            "endpoint": "" if session is None else str(session.endpoint),
            **parts.clusters.figures(),
            **parts.registrations.status(),
            **parts.counts.all(),
        }

    def _connected(self) -> _Parts:
        if self._parts is None:
            raise ConnectionError("not connected")
        return self._parts

    @contextlib.contextmanager
    def _client_of(self, parts: _Parts) -> Iterator[EtcdClient]:
        """A client for a few calls; what they find out is of use to the threads too."""
        client = self._at(parts)
        try:
            yield client
        except LeaseGone:
            parts.lease.woken()
            raise
        except EtcdAway as fault:
            if self._session is not None:
                self._session.fail(fault)
            raise

    def _at(self, parts: _Parts) -> EtcdClient:
        """A client of the worker's own thread for the session that is up; raises ``EtcdAway``."""
        session = parts.connection.need(FIRST)
        if self._client is None or self._session is not session:
            self._close()
            self._session = session
            self._client = EtcdClient(session.endpoint, parts.authentication, parts.counts)
        return self._client

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = self._session = None


@hookimpl
def lighthouse_discovery() -> type[Discovery]:
    return EtcdDiscovery
