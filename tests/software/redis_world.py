"""Real Redis servers on loopback."""

import contextlib
from collections.abc import Iterator
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.ports import free_port
from tests.requirements import command
from tests.software.daemon import Daemon, Directory, account

BINARY = command("redis-server") or "redis-server"


class Redis:
    """One server; it keeps its port and its directory when it is started again."""

    def __init__(self) -> None:
        self.port = free_port()
        self.directory = Directory(account("redis"))
        self.daemon: Daemon | None = None

    def start(self, *options: str, up: bool = True) -> "Redis":
        """Start with options as on the command line: ``--requirepass secret``."""
        words = f"--port {self.port} --bind 127.0.0.1 --daemonize no --enable-debug-command yes"
        words += " --repl-diskless-sync-delay 0"
        where = ["--dir", str(self.directory.path), "--save", ""]
        log = self.directory.path / "log"
        command = [BINARY, *words.split(), *where, *options]
        self.daemon = Daemon(command, log, self.directory.user)
        if up:
            self.daemon.up(self._answers)
        return self

    def client(self, **credentials: Any) -> redis.Redis:
        once = Retry(NoBackoff(), 0)
        return redis.Redis(port=self.port, decode_responses=True, retry=once, **credentials)

    def stop(self) -> None:
        """End the process; what it saved stays."""
        if self.daemon is not None:
            self.daemon.close()
            self.daemon = None

    def close(self) -> None:
        self.stop()
        self.directory.close()

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.AuthenticationError:
            return True
        except redis.RedisError:
            return False


@contextlib.contextmanager
def redis_server(*options: str) -> Iterator[Redis]:
    server = Redis()
    try:
        yield server.start(*options)
    finally:
        server.close()
