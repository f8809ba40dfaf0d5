"""The control socket: answers the commands of this host's operators."""

import contextlib
import functools
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from lighthouse.config.schema.access import ControlAccess, Right
from lighthouse.ipc.channel import Channel, Closed, Listener
from lighthouse.ipc.control import Inquiry, NoRight, Reply
from lighthouse.ipc.messages import Message
from lighthouse.ipc.program import TellProgram
from lighthouse.process.reserve import DescriptorReserve, is_exhaustion
from lighthouse.supervisor.loop.event_loop import EventLoop

MAX_CLIENTS: Final = 32
MAX_KEPT: Final = 128
"""Clients whose word counts as long as they are connected: each has a program."""

_OWN: Final = 0o600
_SHARED: Final = 0o666
"""The socket's mode without and with others to let in; whom, their credentials tell."""

Answer = tuple[Reply, bytes]
"""A reply and its payload."""

_log: Final = logging.getLogger("lighthouse.supervisor")


class ControlListener:
    """Listens at ``path``; ``answer`` is given each question, who asks (a user's number) and the
    client's number, with which ``gone`` is called at its end.

    It returns None for what is no question. Where descriptors have run out a client takes the
    place of the one before it, or of the reserve: who asks what is wrong gets an answer.

    Root and the daemon's own user may ask everything, others what ``access`` allows them now.
    """

    def __init__(
        self,
        path: Path,
        loop: EventLoop,
        reserve: DescriptorReserve,
        answer: Callable[[Message, int, int], Answer | None],
        access: Callable[[], ControlAccess],
        gone: Callable[[int], None],
    ) -> None:
        self._path: Final = path
        self._access: Final = access
        self._mode = _mode(access())
        self._listener = Listener(path, self._mode)
        self._loop: Final = loop
        self._reserve: Final = reserve
        self._answer: Final = answer
        self._gone: Final = gone
        self._clients: Final[list[Channel]] = []
        self._kept: Final[list[Channel]] = []
        self._exhausted = False
        loop.watch(self._listener, "a new client", self._accept)

    def close(self) -> None:
        for client in (*self._clients, *self._kept):
            self._drop(client)
        self._loop.forget(self._listener)
        self._listener.close()

    def restore(self) -> bool:
        """Listen anew if clients do not find the socket any more. Returns True if it had to."""
        mode = _mode(self._access())
        if self._listener.reachable:
            if mode != self._mode:
                self._listener.chmod(mode)
                self._mode = mode
            return False
        self._mode = mode
        fresh = Listener(self._path, mode)
        self._loop.forget(self._listener)
        self._listener.close()
        self._listener = fresh
        self._loop.watch(fresh, "a new client", self._accept)
        return True

    def _accept(self) -> None:
        while (client := self._next()) is not None:
            if self._right(client) == "none":
                self._turn_away(client, "not allowed to ask the daemon")
                continue
            if len(self._clients) >= MAX_CLIENTS:
                self._drop(self._clients[0])
            self._clients.append(client)
            serve = functools.partial(self._serve, client)
            failed = functools.partial(self._refuse, client)
            try:
                self._loop.watch(client, "a client's question", serve, failed)
            except OSError as error:
                self._refuse(client, str(error))

    def _next(self) -> Channel | None:
        try:
            client = self._listener.accept()
        except OSError as error:
            if not is_exhaustion(error):
                raise
            reason = error.strerror
        else:
            self._exhausted = self._exhausted and client is None
            return client
        # The kernel says so before it looks whether anybody is there.
        with self._reserve.lent(1):
            client = self._listener.accept()
        if client is not None:
            if not self._exhausted:
                _log.warning("a client is served from the reserve of descriptors: %s", reason)
            self._exhausted = True
            if self._clients:
                self._drop(self._clients[0])
        return client

    def _serve(self, client: Channel) -> None:
        try:
            with self._reserve.lent():
                received = client.receive()
                answer = self._answered(client, received[0]) if received is not None else None
                if answer is not None:
                    message, payload = answer
                    client.send(message, [payload])
        except Closed:
            self._drop(client)

    def _answered(self, client: Channel, question: Message) -> Answer | None:
        if not isinstance(question, Inquiry) and self._right(client) != "act":
            return NoRight("allowed to read what the daemon says, but not to have it act"), b""
        if isinstance(question, TellProgram) and not self._keep(client):
            return NoRight(f"{MAX_KEPT} programs are told of already"), b""
        return self._answer(question, client.uid(), client.fileno())

    def _keep(self, client: Channel) -> bool:
        """Let a client stay though others come; False if too many do."""
        if client in self._clients and len(self._kept) < MAX_KEPT:
            self._clients.remove(client)
            self._kept.append(client)
        return client in self._kept

    def _right(self, client: Channel) -> Right:
        return self._access().right(client.uid(), client.groups(), os.geteuid())

    def _turn_away(self, client: Channel, reason: str) -> None:
        """Before it takes a place among those who may ask."""
        with contextlib.suppress(Closed):
            client.receive()  # what lies unread would cost it the answer
            client.send(NoRight(reason))
        client.close()

    def _refuse(self, client: Channel, reason: str) -> None:
        _log.warning("a client is dropped: %s", reason)
        self._drop(client)

    def _drop(self, client: Channel) -> None:
        clients = self._kept if client in self._kept else self._clients
        if client in clients:
            clients.remove(client)
            self._gone(client.fileno())
            self._loop.forget(client)
            client.close()
            self._reserve.refill()


def _mode(access: ControlAccess) -> int:
    """The socket's mode: the kernel keeps all others out where nobody else is let in."""
    return _SHARED if access else _OWN
