"""The check of a ZooKeeper server: does it serve, and in which mode?"""

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from lighthouse import hookimpl
from lighthouse.check import Check, Result
from lighthouse.net.connection import BoundedConnection, Deadline, said
from lighthouse.net.tls import Contexts, Tls, problems
from lighthouse.schema import convert, require
from lighthouse.text import one_line
from lighthouse.zookeeper.protocol.four_letter_words import (
    NotServing,
    ServerReport,
    WordNotAllowed,
    parse,
    say,
)
from lighthouse.zookeeper.protocol.handshake import greet


class ZooKeeperCheckSettings(msgspec.Struct, frozen=True):
    """``session`` opens a session with each probe; ``read_only`` lets such a server pass.

    ``tls`` is for servers that want it: true, or a map.
    """

    session: bool = False
    read_only: bool = False
    tls: bool | Tls = False


class ZookeeperCheck(Check):
    """Asks ``srvr``; opens a session where that is not allowed, or if asked to."""

    settings_type: ClassVar = ZooKeeperCheckSettings

    def __init__(self) -> None:
        self._settings = ZooKeeperCheckSettings()
        self._contexts = Contexts(False)

    @classmethod
    def validate_config(cls, config: Mapping[str, Any]) -> None:
        require(problems(convert(config, ZooKeeperCheckSettings).tls))

    def apply_config(self, config: Mapping[str, Any]) -> None:
        self._settings = convert(config, ZooKeeperCheckSettings)
        self._contexts = Contexts(self._settings.tls)

    def perform(self, host: str, port: int, timeout: float) -> Result:
        deadline = Deadline(timeout)
        try:
            return self._look(host, port, deadline)
        except NotServing as error:
            return Result(False, one_line(error))
        except (OSError, ValueError) as error:
            return Result(False, f"no answer: {said(error)}")

    def _look(self, host: str, port: int, deadline: Deadline) -> Result:
        try:
            connection = BoundedConnection.open(host, port, self._contexts, deadline)
        except (OSError, ValueError) as error:
            return Result(False, f"no connection: {said(error)}")
        try:
            server = parse(say(connection, "srvr"))
        except WordNotAllowed as refused:
            read_only = self._greet(host, port, deadline)
            mode = " in read-only mode" if read_only else ""
            metadata = {"role": "read-only"} if read_only else {}
            return Result(True, f"gives sessions{mode}; {refused}", metadata)
        finally:
            connection.close()
        return self._judge(server, host, port, deadline)

    def _judge(self, server: ServerReport, host: str, port: int, deadline: Deadline) -> Result:
        metadata = {"role": server.mode}
        if server.mode == "read-only" and not self._settings.read_only:
            return Result(False, "read-only: the server has lost its quorum", metadata)
        if self._settings.session:
            self._greet(host, port, deadline)
        return Result(True, one_line(f"{server.mode}, version {server.version}"), metadata)

    def _greet(self, host: str, port: int, deadline: Deadline) -> bool:
        """Open a session and close it; return True if the server is in read-only mode."""
        connection = BoundedConnection.open(host, port, self._contexts, deadline)
        try:
            return greet(connection, self._settings.read_only)
        finally:
            connection.close()


@hookimpl
def lighthouse_check() -> type[Check]:
    return ZookeeperCheck
