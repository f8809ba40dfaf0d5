"""One bounded conversation with a Redis server."""

from typing import Any, Final

from redis import Connection as Base
from redis.exceptions import ResponseError

from lighthouse.tcp.connection import Connection
from lighthouse.tcp.lent import Lent


class Link(Base):
    """redis-py on a connection that its owner opened, bounds and closes."""

    def __init__(self, connection: Connection, **credentials: Any) -> None:
        self._lent: Final = Lent(connection)
        # Version 2 of the protocol is what every server speaks.
        super().__init__(protocol=2, driver_info=None, **credentials)

    def _connect(self) -> Any:
        return self._lent

    def ask(self, *commands: tuple[str, ...]) -> list[Any]:
        """The answers to commands that are sent at once; one that is an error is a value."""
        self.connect()
        self.send_packed_command(self.pack_commands(commands))
        return [self._answer() for _ in commands]

    def _answer(self) -> Any:
        try:
            return self.read_response()
        except ResponseError as error:
            return error
