"""A real PgBouncer on loopback that includes a file of the balancer's.

PgBouncer refuses to run as root; it then runs as ``postgres`` or ``nobody``.
"""

import contextlib
import signal
import socket
from collections.abc import Iterator
from typing import Any

import psycopg

from lighthouse.cluster import Cluster
from lighthouse.pgbouncer.balancer import PgBouncer
from lighthouse.pgbouncer.include import GENERATION
from lighthouse.testing.values import cluster, node
from tests.ports import free_port
from tests.requirements import command, require
from tests.software.daemon import Daemon, Directory, account

_CONFIG = """
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = {auth}
auth_file = {users}
admin_users = {admin}
pool_mode = transaction
server_login_retry = {retry}
pidfile =
{more}
[databases]
{include}
"""


class PgBouncerWorld:
    """One PgBouncer, and the settings of a balancer for it."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.place = directory.path
        self.port = free_port()
        self.file = self.place / "databases.ini"
        self.main = self.place / "pgbouncer.ini"
        self.log = self.place / "pgbouncer.log"
        self._daemon: Daemon | None = None
        self.file.touch()
        users = self.place / "users.txt"
        users.write_text('"postgres" ""\n"lighthouse" ""\n')
        self.configure()

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "include_file": str(self.file),
            "admin": f"host=127.0.0.1 port={self.port} user=lighthouse",
            "min_interval": 0,
        }

    def configure(
        self,
        *,
        retry: float = 0.1,
        admin: str = "lighthouse",
        auth: str = "trust",
        include: bool = True,
        more: str = "",
    ) -> None:
        """Write its own configuration."""
        line = f"%include {self.file}" if include else ""
        users = self._directory.own(self.place / "users.txt")
        values = {
            "users": users,
            "port": self.port,
            "retry": retry,
            "admin": admin,
            "auth": auth,
            "more": more,
        }
        self.main.write_text(_CONFIG.format(include=line, **values))
        self._directory.own(self.main)

    def start(self) -> "PgBouncerWorld":
        words = [command("pgbouncer") or "pgbouncer", str(self.main)]
        self._daemon = Daemon(words, self.log, self._directory.user)
        self._daemon.up(self._answers)
        return self

    def stop(self) -> None:
        if self._daemon is not None:
            self._daemon.close(signal.SIGQUIT)
            self._daemon = None

    def freeze(self) -> None:
        """It is there, and answers nobody."""
        assert self._daemon is not None
        self._daemon.send(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._daemon is not None
        self._daemon.send(signal.SIGCONT)

    def balancer(self, **settings: Any) -> PgBouncer:
        """A balancer with these settings besides those of the world."""
        config = {**self.settings, **settings}
        PgBouncer.validate_config(config)
        made = PgBouncer()
        made.apply_config(config)
        return made

    def ask(self, query: str) -> list[dict[str, Any]]:
        """What the console answers, as another administrator gets it."""
        with psycopg.connect(
            f"host=127.0.0.1 port={self.port} user=lighthouse dbname=pgbouncer", autocommit=True
        ) as connection:
            found = connection.execute(query.encode())
            names = [column.name for column in found.description or ()]
            rows = found.fetchall() if names else []
            return [dict(zip(names, row, strict=True)) for row in rows]

    def led(self) -> dict[str, tuple[str, int]]:
        """Where its databases lead."""
        return {name: (row["host"], row["port"]) for name, row in self._databases().items()}

    def paused(self) -> list[str]:
        """The databases that are paused."""
        return [name for name, row in self._databases().items() if row["paused"]]

    def connect(self, dbname: str, **options: Any) -> psycopg.Connection[Any]:
        """A client of it."""
        where = f"host=127.0.0.1 port={self.port} user=postgres dbname={dbname}"
        return psycopg.connect(where, autocommit=True, prepare_threshold=None, **options)

    def _databases(self) -> dict[str, dict[str, Any]]:
        rows = {row["name"]: row for row in self.ask("SHOW DATABASES")}
        for name in ("pgbouncer", GENERATION):
            rows.pop(name, None)
        return rows

    def _answers(self) -> bool:
        """Return True once it listens, whoever it lets in."""
        with socket.create_connection(("127.0.0.1", self.port), 1.0):
            return True


@contextlib.contextmanager
def pgbouncer_world() -> Iterator[PgBouncerWorld]:
    """A PgBouncer that is up."""
    require("pgbouncer")
    directory = Directory(account("postgres"))
    world = PgBouncerWorld(directory)
    try:
        yield world.start()
    finally:
        world.stop()
        directory.close()


def databases(**options: dict[str, Any]) -> dict[str, Any]:
    """A cluster's section."""
    return {"databases": options}


def orders(*nodes: Any, section: dict[str, Any] | None = None, **options: Any) -> Cluster:
    """The cluster ``orders-db``, with one database that follows the primary."""
    config = section or databases(orders={"role": "primary"})
    return cluster("orders-db", *nodes, config=config, **options)


def primary(place: str, timeline: int | None = None, **options: Any) -> Any:
    """A node that says that it is the primary."""
    return _member(place, "primary", timeline, options)


def replica(place: str, timeline: int | None = None, **options: Any) -> Any:
    """A node that says that it is a replica."""
    return _member(place, "replica", timeline, options)


def _member(place: str, role: str, timeline: int | None, options: dict[str, Any]) -> Any:
    more = options if timeline is None else {**options, "timeline": timeline}
    return node(place, role=role, **more)
