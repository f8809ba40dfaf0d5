"""One bounded conversation with a Redis server."""

from typing import Any, Final

from redis import Connection as Base
from redis.exceptions import InvalidResponse

from lighthouse.net.adapter import Lent
from lighthouse.net.connection import BoundedConnection


class RedisConnection(Base):
    """redis-py on a connection that its owner opened, bounds and closes."""

    def __init__(self, connection: BoundedConnection, **credentials: Any) -> None:
        self._lent: Final = Lent(connection)
        # Version 2 of the protocol is what every server speaks.
        super().__init__(protocol=2, driver_info=None, **credentials)

    def _connect(self) -> Any:
        return self._lent

    def ask(self, *words: str) -> Any:
        """The answer to a command; raises ``redis.RedisError``."""
        self.send_packed_command(self.pack_command(*words))
        try:
            return self.read_response()
        except RecursionError:
            raise InvalidResponse("an answer that is nested without end") from None
