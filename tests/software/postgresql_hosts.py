"""Hosts of a database: real servers, each with the balancer that keeps its file."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lighthouse.balancer import Outcome
from lighthouse.cluster import Cluster
from lighthouse.postgresql.balancer import PostgresqlBalancer
from lighthouse.postgresql.check import PostgresqlCheck
from lighthouse.testing import cluster
from tests.software.postgresql_world import PostgreSQL, Trio, trio
from tests.software.probing import probe
from tests.waiting import eventually


class Host:
    """One server with the balancer that keeps its file."""

    def __init__(self, server: PostgreSQL, **settings: Any) -> None:
        self.server = server
        self.balancer = PostgresqlBalancer()
        config = {
            "include_file": str(server.include_file),
            "conninfo": f"host=127.0.0.1 port={server.port} user=postgres dbname=postgres",
            "replication": {"user": "postgres"},
            "min_interval": 0,
            **settings,
        }
        self.balancer.validate_config(config)
        self.balancer.apply_config(config)

    def sync(self, *clusters: Cluster) -> Outcome:
        return self.balancer.sync_file(list(clusters))

    @property
    def text(self) -> str:
        """What the file says, empty if there is none."""
        path = self.server.include_file
        return path.read_text() if path.exists() else ""

    def close(self) -> None:
        self.balancer.close()


class World:
    """Three hosts; ``n1`` is the primary at first, and the others follow it."""

    def __init__(self, servers: Trio) -> None:
        self.servers = servers.all
        self.hosts = [Host(server) for server in servers.all]

    def probed(self, **settings: Any) -> Cluster:
        """The cluster as the check publishes it: those that run, with what they say."""
        config = {"user": "postgres", **settings}
        found = [
            server.node(**probe(PostgresqlCheck, config, server.port).metadata)
            for server in self.servers
            if server.daemon is not None
        ]
        return cluster("db", *found, config={})

    def said(self, primary: PostgreSQL | None, timeline: int = 1, **options: Any) -> Cluster:
        """The cluster as somebody may say that it is."""
        nodes = [
            server.node(role="primary" if server is primary else "replica", timeline=timeline)
            for server in self.servers
        ]
        return cluster("db", *nodes, config={}, **options)

    def close(self) -> None:
        for host in self.hosts:
            host.close()


@contextlib.contextmanager
def world(programs: Path | None = None) -> Iterator[World]:
    with trio(programs) as servers:
        found = World(servers)
        try:
            for host in found.hosts:
                host.sync(found.said(servers.all[0]))
            for standby in servers.all[1:]:
                eventually(lambda standby=standby: standby.follows(servers.all[0]))
            yield found
        finally:
            found.close()
