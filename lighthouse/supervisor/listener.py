"""The control socket: answers the commands of this host's operators."""

import selectors
from collections.abc import Callable
from pathlib import Path
from typing import Final

from lighthouse.ipc.channel import Channel, Closed, Listener
from lighthouse.ipc.control import Reply
from lighthouse.ipc.messages import Message

MAX_CLIENTS: Final = 32

Answer = tuple[Reply, bytes]
"""A reply and its payload."""


class ControlListener:
    """Listens at ``path``; ``answer`` is given each question and who asks (a user's number).

    It returns None for what is no question.
    """

    def __init__(
        self,
        path: Path,
        selector: selectors.BaseSelector,
        answer: Callable[[Message, int], Answer | None],
    ) -> None:
        self._path: Final = path
        self._listener = Listener(path)
        self._selector: Final = selector
        self._answer: Final = answer
        self._clients: Final[list[Channel]] = []
        selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def close(self) -> None:
        for client in list(self._clients):
            self._drop(client)
        self._selector.unregister(self._listener)
        self._listener.close()

    def restore(self) -> bool:
        """Listen anew if clients do not find the socket any more. Returns True if it had to."""
        if self._listener.reachable:
            return False
        fresh = Listener(self._path)
        self._selector.unregister(self._listener)
        self._listener.close()
        self._listener = fresh
        self._selector.register(fresh, selectors.EVENT_READ, self._accept)
        return True

    def _accept(self) -> None:
        while (client := self._listener.accept()) is not None:
            if len(self._clients) >= MAX_CLIENTS:
                self._drop(self._clients[0])
            self._clients.append(client)
            self._selector.register(client, selectors.EVENT_READ, lambda c=client: self._serve(c))

    def _serve(self, client: Channel) -> None:
        if client not in self._clients:  # dropped for a newer one by this very turn of the loop
            return
        try:
            received = client.receive()
            answer = self._answer(received[0], client.uid()) if received is not None else None
            if answer is not None:
                message, payload = answer
                client.send(message, [payload])
        except Closed:
            self._drop(client)

    def _drop(self, client: Channel) -> None:
        self._selector.unregister(client)
        self._clients.remove(client)
        client.close()
