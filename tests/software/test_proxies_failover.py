"""A primary is lost, left or moved while clients write to it through HAProxy or Envoy."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.fleet import Fleet, running
from tests.ports import free_port
from tests.requirements import require
from tests.software.pgbouncer_failover import Writers
from tests.software.postgresql_world import Pair, PostgreSQL, pair
from tests.software.proxies import ByEnvoy
from tests.waiting import eventually

pytestmark = [pytest.mark.needs("postgresql"), pytest.mark.slow]

PRIMARY = {"equals": {"role": "primary"}}


class ProxiedDatabase:
    """Both servers, and a proxy that leads to whichever is the primary."""

    def __init__(self, servers: Pair, fleet: Fleet, port: int) -> None:
        self.old, self.new = servers.primary, servers.replica
        self.fleet, self.port = fleet, port
        self.old.ask("create table orders (id bigserial primary key)")
        self.said(self.new, "replica", 1)
        self.said(self.old, "primary", 1)

    def said(self, server: PostgreSQL, role: str, timeline: int) -> None:
        """What the check on a server's host publishes of it."""
        facts = {"role": role, "timeline": timeline}
        self.fleet.node("db", server.data.name, server.port, metadata=facts)

    def gone(self, server: PostgreSQL) -> None:
        """The node is listed no more."""
        (self.fleet.nodes / f"db/{server.data.name}.json").unlink()

    def connect(self) -> psycopg.Connection[Any]:
        where = f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres"
        return psycopg.connect(where, autocommit=True, connect_timeout=5)

    def writers(self) -> Writers:
        eventually(lambda: self.leads_to() == self.old.port, 30)
        return Writers(self.connect, 4)

    def leads_to(self) -> int:
        """The port of the server that a new connection comes to; 0 if to none."""
        with contextlib.suppress(psycopg.Error), self.connect() as connection:
            row = connection.execute(b"select inet_server_port()").fetchone()
            return int(row[0]) if row else 0
        return 0

    def promoted(self) -> float:
        """The other one is the primary, and that is told; when."""
        self.new.ask("select pg_promote(true, 30)")
        self.said(self.new, "primary", 2)
        return time.monotonic()


@contextlib.contextmanager
def by_haproxy(root: Path) -> Iterator[ProxiedDatabase]:
    require("haproxy")
    with pair() as servers, running(root / "fleet") as fleet:
        section = {"backend": ["mode tcp"], "on_leave": "shutdown-sessions"}
        port = fleet.cluster("db", nodes=PRIMARY, haproxy=section)
        made = ProxiedDatabase(servers, fleet, port)
        fleet.start()
        yield made


@contextlib.contextmanager
def by_envoy(root: Path) -> Iterator[ProxiedDatabase]:
    require("envoy")
    with pair() as servers, running(root / "fleet") as fleet:
        proxied = ByEnvoy(fleet, 0)
        try:
            port = free_port()
            section = {"port": port, "mode": "tcp"}
            content = {"discovery": "files", "nodes": PRIMARY, "envoy": section}
            fleet.write("clusters/db.yaml", content)
            made = ProxiedDatabase(servers, fleet, port)
            fleet.start()
            yield made
        finally:
            fleet.close()
            proxied.close()


Proxy = Callable[[Path], contextlib.AbstractContextManager[ProxiedDatabase]]
each_proxy = pytest.mark.parametrize("proxy", [by_haproxy, by_envoy])


@each_proxy
@pytest.mark.parametrize("planned", [True, False])
def test_clients_that_connect_again_come_to_the_new_primary(
    tmp_path: Path, proxy: Proxy, planned: bool
) -> None:
    with proxy(tmp_path) as world, world.writers() as writers:
        began = time.monotonic()
        if planned:
            world.old.stop()
        else:
            world.old.kill()
        world.gone(world.old)
        moment = world.promoted()
        caught_up = writers.first_after(moment, world.new.port)
        stall = writers.first_after(began, world.new.port)
        which = getattr(proxy, "__name__", "")
        print(f"{which} planned={planned}: {caught_up:.2f} s from the snapshot to a commit,")
        print(f"{stall:.2f} s without one, {len(writers.errors)} errors")
        assert caught_up < 2.0
        errors = len(writers.errors)
        writers.first_after(time.monotonic() + 0.5, world.new.port)
        assert len(writers.errors) == errors
        world.said(world.old, "primary", 1)
        writers.first_after(time.monotonic() + 1, world.new.port)
        assert world.leads_to() == world.new.port
        assert len(writers.errors) == errors, "an old primary that is back is not led to"


@each_proxy
def test_a_discovery_that_blinks_costs_nothing(tmp_path: Path, proxy: Proxy) -> None:
    """All nodes are gone at once, and back a little later."""
    with proxy(tmp_path) as world, world.writers() as writers:
        there, away = world.fleet.nodes / "db", world.fleet.root / "away"
        for _ in range(3):
            there.rename(away)
            writers.first_after(time.monotonic() + 0.5, world.old.port)
            away.rename(there)
            writers.first_after(time.monotonic() + 0.5, world.old.port)
        assert writers.errors == []


def test_haproxy_ends_sessions_of_a_primary_that_was_left(tmp_path: Path) -> None:
    """Both are alive and writable: nobody writes to the old one any more."""
    with by_haproxy(tmp_path) as world, world.writers() as writers:
        moment = world.promoted()
        writers.first_after(moment, world.new.port)
        settled = time.monotonic() + 0.2
        writers.first_after(settled + 1, world.new.port)
        late = [at - moment for at, port in writers.commits if port == world.old.port]
        assert max(late) < settled - moment, "a session went on writing to the old primary"


def test_envoy_ends_no_session_of_a_primary_that_was_left(tmp_path: Path) -> None:
    """What the manual says of it: who connects anew comes to the new one, open sessions stay."""
    with by_envoy(tmp_path) as world:
        eventually(lambda: world.leads_to() == world.old.port, 30)
        with contextlib.closing(world.connect()) as session:
            world.promoted()
            eventually(lambda: world.leads_to() == world.new.port, 10)
            row = session.execute(b"select inet_server_port(), pg_is_in_recovery()").fetchone()
            assert row == (world.old.port, False)
            world.old.kill()
            with pytest.raises(psycopg.OperationalError):
                session.execute(b"select 1")
