"""The PostgreSQL servers and the PgBouncer of the demonstration, all on 127.0.0.1.

Neither runs as root; started by root, they run as ``postgres`` or ``nobody``.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import psycopg

DATABASE: Final = "postgres"
POOL: Final = "orders"
"""The database of PgBouncer that leads to the primary."""

PATIENCE: Final = 30.0
_LOOK: Final = 0.02
_MISSING: Final = "{} is not installed: on Debian, apt-get install postgresql pgbouncer"

_SETTINGS: Final = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
port = {port}
cluster_name = '{name}'
fsync = off
shared_buffers = 8MB
wal_retrieve_retry_interval = 200ms
wal_receiver_status_interval = 1s
include_if_exists = '{include}'
"""

_ACCESS: Final = """
host all all 127.0.0.1/32 trust
host replication all 127.0.0.1/32 trust
"""

_POOLER: Final = """
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {users}
admin_users = postgres
pool_mode = transaction
server_login_retry = 0.1
pidfile =
[databases]
%include {include}
"""


def find(program: str) -> str:
    """Where a program is; raises ``OSError`` with what to install if it is nowhere."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: float(p.parts[4]))
    path = os.pathsep.join([*map(str, reversed(places)), os.environ.get("PATH", ""), "/usr/sbin"])
    found = shutil.which(program, path=path)
    if found is None:
        raise OSError(_MISSING.format(program))
    return found


def account() -> dict[str, Any]:
    """What ``subprocess`` needs to run a server as somebody who is not root."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise OSError("PostgreSQL does not run as root, and there is no account for it")


def own(path: Path) -> None:
    """Give a path to whom the servers run as."""
    if user := account():
        os.chown(path, user["user"], user["group"])


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds; raises ``TimeoutError``."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not seen within {PATIENCE:g} s: {what}")
        time.sleep(_LOOK)


class ServerProcess:
    """One process with all that it starts."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        with log.open("ab") as output:
            self._process: Final = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                start_new_session=True,
                **account(),
            )

    def stop(self, number: signal.Signals) -> None:
        """Ask the process to end, and leave the end of its children to it."""
        self._process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE)
        self.kill()

    def kill(self) -> None:
        """All of it, without a warning."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class DemoServer:
    """One PostgreSQL; Lighthouse writes the file ``include`` for it."""

    def __init__(self, directory: Path, name: str, port: int, include: Path) -> None:
        self.name: Final = name
        self.port: Final = port
        self.include: Final = include
        self._data: Final = directory / name
        self._log: Final = directory / f"{name}.log"
        self._process: ServerProcess | None = None

    def create(self) -> None:
        """Make a database that is its own primary."""
        _run("initdb", "-D", str(self._data), "-A", "trust", "-U", "postgres", "-E", "UTF8", "-N")
        self._configure()
        with (self._data / "pg_hba.conf").open("a") as file:
            file.write(_ACCESS)

    def copy(self, primary: "DemoServer") -> None:
        """Make a standby of a server that runs; Lighthouse tells it where to stream from."""
        where = ("-h", "127.0.0.1", "-p", str(primary.port), "-U", "postgres")
        _run("pg_basebackup", *where, "-D", str(self._data), "-c", "fast", "--no-sync")
        self._configure()
        self.stand_by()

    def stand_by(self) -> None:
        """Have it be a standby when it is started next."""
        (self._data / "standby.signal").touch()
        own(self._data / "standby.signal")

    def start(self) -> None:
        command = [find("postgres"), "-D", str(self._data)]
        self._process = ServerProcess(command, self._log)
        until(self.answers, f"{self.name} answers")

    def stop(self) -> None:
        """In good order, as an operator would: standbys are sent all that they lack."""
        if self._process is not None:
            self._process.stop(signal.SIGINT)
            self._process = None

    def kill(self) -> None:
        """Without a warning."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def promote(self) -> None:
        self.ask("select pg_promote(true, 30)")

    def ask(self, query: str) -> Any:
        """The first value of an answer, None if there is none."""
        where = f"host=127.0.0.1 port={self.port} user=postgres dbname={DATABASE}"
        with psycopg.connect(where, autocommit=True, connect_timeout=5) as connection:
            found = connection.execute(query.encode())
            row = found.fetchone() if found.description else None
            return row[0] if row else None

    def answers(self) -> bool:
        with contextlib.suppress(psycopg.Error):
            return bool(self.ask("select 1"))
        return False

    def position(self) -> str:
        """How far a primary has written."""
        return str(self.ask("select pg_current_wal_lsn()"))

    def has_replayed(self, position: str) -> bool:
        """Return True if a standby has all that is before this position of its primary."""
        return bool(self.ask(f"select pg_last_wal_replay_lsn() >= '{position}'::pg_lsn"))

    def streams_from(self) -> int | None:
        """The port of the server that it streams from."""
        query = "select sender_port from pg_stat_wal_receiver where status = 'streaming'"
        with contextlib.suppress(psycopg.Error):
            found = self.ask(query)
            return None if found is None else int(found)
        return None

    def _configure(self) -> None:
        text = _SETTINGS.format(port=self.port, name=self.name, include=self.include)
        (self._data / "postgresql.auto.conf").write_text("")
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(text)


class Pooler:
    """The PgBouncer that the application connects to; Lighthouse writes the file ``include``."""

    def __init__(self, directory: Path, port: int, include: Path) -> None:
        self.port: Final = port
        self.include: Final = include
        self._config: Final = directory / "pgbouncer.ini"
        self._users: Final = directory / "users.txt"
        self._log: Final = directory / "pgbouncer.log"
        self._process: ServerProcess | None = None

    def start(self) -> None:
        self._users.write_text('"postgres" ""\n')
        values = {"port": self.port, "users": self._users, "include": self.include}
        self._config.write_text(_POOLER.format(**values))
        self.include.touch()
        self._process = ServerProcess([find("pgbouncer"), str(self._config)], self._log)
        until(self._answers, "PgBouncer answers")

    def connect(self) -> psycopg.Connection[Any]:
        """A client of the pool."""
        where = f"host=127.0.0.1 port={self.port} user=postgres dbname={POOL}"
        return psycopg.connect(where, autocommit=True, prepare_threshold=None)

    def leads_to(self) -> int | None:
        """The port of the server that the pool leads to."""
        rows = self.console("SHOW DATABASES")
        return next((int(row["port"]) for row in rows if row["name"] == POOL), None)

    def is_paused(self) -> bool:
        rows = self.console("SHOW DATABASES")
        return any(row["name"] == POOL and row["paused"] for row in rows)

    def console(self, command: str) -> list[dict[str, Any]]:
        """What its console answers to an operator."""
        where = f"host=127.0.0.1 port={self.port} user=postgres dbname=pgbouncer"
        with psycopg.connect(where, autocommit=True, connect_timeout=5) as connection:
            found = connection.execute(command.encode())
            names = [column.name for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in (found if names else ())]

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop(signal.SIGQUIT)
            self._process = None

    def _answers(self) -> bool:
        with contextlib.suppress(psycopg.Error):
            return bool(self.console("SHOW VERSION")) or True
        return False


def _run(program: str, *words: str) -> None:
    env = {**os.environ, "LC_ALL": "C"}
    command = [find(program), *words]
    done = subprocess.run(
        command, capture_output=True, text=True, env=env, cwd="/", check=False, **account()
    )
    if done.returncode:
        raise OSError(f"{program} failed: {done.stderr.strip()[-300:]}")
