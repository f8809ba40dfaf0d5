"""A primary and its replica behind a PgBouncer, an application that writes, and a balancer."""

import contextlib
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import psycopg

from lighthouse.balancer import Outcome
from lighthouse.cluster import Cluster
from lighthouse.pgbouncer.balancer import PgBouncer
from tests.software.pgbouncer_world import (
    PgBouncerWorld,
    databases,
    orders,
    pgbouncer_world,
    primary,
    replica,
)
from tests.software.postgresql_world import Pair, pair
from tests.waiting import eventually

SECTION = databases(orders={"dbname": "postgres"})


class BalancerLoop:
    """Calls a balancer as a worker does: the newest snapshot first, and ``wake`` when it asks."""

    def __init__(self, balancer: PgBouncer) -> None:
        self.balancer = balancer
        self.outcomes: list[Outcome] = []
        self.held_at: float | None = None
        self._snapshots: queue.SimpleQueue[list[Cluster] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def tell(self, *clusters: Cluster) -> None:
        """Hand over a snapshot."""
        self._snapshots.put(list(clusters))

    def synced(self, *clusters: Cluster) -> Outcome:
        """The outcome of a snapshot."""
        before = len(self.outcomes)
        self.tell(*clusters)
        eventually(lambda: len(self.outcomes) > before)
        return self.outcomes[-1]

    @property
    def held(self) -> str:
        return str(self.balancer.status()["held"])

    def close(self) -> None:
        self._snapshots.put(None)
        self._thread.join(20)
        assert not self._thread.is_alive()
        self.balancer.close()

    def _run(self) -> None:
        while True:
            try:
                clusters = self._snapshots.get(timeout=self.balancer.wake_after())
            except queue.Empty:
                self.balancer.wake()
            else:
                if clusters is None:
                    return
                self.outcomes.append(self.balancer.sync_file(clusters))
            if self.held_at is None and self.held:
                self.held_at = time.monotonic()


@contextlib.contextmanager
def driving(balancer: PgBouncer) -> Iterator[BalancerLoop]:
    driver = BalancerLoop(balancer)
    try:
        yield driver
    finally:
        driver.close()


class Writers:
    """Clients that write all the time, and connect again after an error."""

    def __init__(
        self,
        connect: Callable[[], psycopg.Connection[Any]],
        count: int = 8,
        query: bytes = b"insert into orders default values returning inet_server_port()",
    ) -> None:
        self.commits: list[tuple[float, int]] = []
        """When each came back, and from the server at which port."""
        self.errors: list[tuple[float, str]] = []
        self.waits: list[float] = []
        self._connect = connect
        self._query = query
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(count)]

    def __enter__(self) -> "Writers":
        for thread in self._threads:
            thread.start()
        eventually(lambda: len(self.commits) > len(self._threads))
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def first_after(self, moment: float, port: int) -> float:
        """Seconds from a moment until the first commit on a server, once there is one."""

        def found() -> list[float]:
            return [at - moment for at, where in [*self.commits] if where == port and at > moment]

        return eventually(found, 30, f"a commit at port {port}")[0]

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                with self._connect() as connection:
                    while not self._over.is_set():
                        self._write(connection)
            except psycopg.Error as error:
                self.errors.append((time.monotonic(), str(error)))
                self._over.wait(0.01)

    def _write(self, connection: psycopg.Connection[Any]) -> None:
        began = time.monotonic()
        row = connection.execute(self._query).fetchone()
        now = time.monotonic()
        self.commits.append((now, row[0] if row else 0))
        self.waits.append(now - began)


class Figures(msgspec.Struct):
    """Of one failover: seconds from the snapshot to the first commit on the new primary, the
    longest wait of a client, the errors of clients, and those after a hold began."""

    caught_up: float
    stall: float
    errors: int
    after_hold: int


class FailoverWorld:
    """Both servers, PgBouncer, and the balancer that follows them."""

    def __init__(self, servers: Pair, bouncer: PgBouncerWorld, driver: BalancerLoop) -> None:
        self.old, self.new = servers.primary, servers.replica
        self.bouncer = bouncer
        self.driver = driver
        self.old.ask("create table if not exists orders (id bigserial primary key)")
        self.driver.synced(self.listed(primary(self.at(self.old), 1), replica(self.at(self.new))))

    @staticmethod
    def at(server: Any) -> str:
        return f"127.0.0.1:{server.port}"

    @staticmethod
    def listed(*nodes: Any, **options: Any) -> Cluster:
        return orders(*nodes, section=SECTION, **options)

    def writers(self, count: int = 8) -> Writers:
        return Writers(lambda: self.bouncer.connect("orders"), count)

    def waiting(self) -> int:
        """How many clients wait at PgBouncer."""
        pools = self.bouncer.ask("SHOW POOLS")
        return sum(row["cl_waiting"] for row in pools if row["database"] == "orders")

    def lose(self) -> None:
        """The primary is killed, and its check says so a little later."""
        assert self.old.daemon is not None
        self.old.daemon.process.send_signal(signal.SIGKILL)
        self.old.daemon.process.wait()
        self.old.daemon.close()
        self.old.daemon = None
        time.sleep(0.2)
        self.driver.tell(self.listed(replica(self.at(self.new), 1)))

    def promote(self) -> float:
        """The other one is primary now; when that was told."""
        self.new.ask("select pg_promote(true, 30)")
        self.driver.tell(self.listed(primary(self.at(self.new), 2)))
        return time.monotonic()

    def unplanned(self, writers: Writers, outage: float) -> Figures:
        """``kill -9``, and a promotion after so many seconds."""
        began = time.monotonic()
        self.lose()
        while time.monotonic() < began + outage:
            time.sleep(0.01)
        return self._figures(writers, self.promote())

    def planned(self, writers: Writers, paused: bool) -> Figures:
        """A switch by hand: with PAUSE and RESUME around it, or without."""
        if paused:
            self.bouncer.ask("PAUSE orders")
        self.old.stop()
        moment = self.promote()
        if paused:
            eventually(lambda: self.bouncer.led()["orders"][1] == self.new.port)
            self.bouncer.ask("RESUME orders")
        return self._figures(writers, moment)

    def _figures(self, writers: Writers, moment: float) -> Figures:
        caught_up = writers.first_after(moment, self.new.port)
        count = len(writers.commits)
        eventually(lambda: len(writers.commits) > count + 20, 30)
        held = self.driver.held_at
        late = [at for at, _ in writers.errors if held is not None and at > held + 0.1]
        return Figures(caught_up, max(writers.waits), len(writers.errors), len(late))


@contextlib.contextmanager
def failover_world(hold: bool) -> Iterator[FailoverWorld]:
    """All of it, up and running."""
    with pair() as servers, pgbouncer_world() as bouncer:
        balancer = bouncer.balancer(hold={"enabled": hold, "max": 30})
        with driving(balancer) as driver:
            yield FailoverWorld(servers, bouncer, driver)
