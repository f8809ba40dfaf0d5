"""Messages on their way to the supervisor; the newest of each kind is all that waits."""

from collections.abc import Hashable
from typing import Final

from lighthouse.ipc.channel import Channel
from lighthouse.ipc.messages import Message


class Outbox:
    """Sends at once, or as soon as the supervisor reads again.

    Every message states something whole, so while the channel is full only the newest of
    those with the same key is kept, and nothing piles up.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel: Final = channel
        self._waiting: Final[dict[Hashable, tuple[Message, bytes | None]]] = {}

    @property
    def waiting(self) -> bool:
        """Return True if something is left for when the channel can be written."""
        return bool(self._waiting)

    def post(self, message: Message, payload: bytes | None = None, key: Hashable = None) -> None:
        """Send a message; it replaces one that waits with the same key (default: its type).

        Raises ``lighthouse.ipc.channel.Closed`` if there is no supervisor any more.
        """
        self.flush()
        if not self._waiting and self._send(message, payload):
            return
        key = key or type(message)
        self._waiting.pop(key, None)
        self._waiting[key] = (message, payload)

    def flush(self) -> None:
        """Send what waits, as far as the channel takes it; raises like ``post``."""
        while self._waiting:
            key, (message, payload) = next(iter(self._waiting.items()))
            if not self._send(message, payload):
                return
            del self._waiting[key]

    def _send(self, message: Message, payload: bytes | None) -> bool:
        return self._channel.send(message, None if payload is None else (payload,))
