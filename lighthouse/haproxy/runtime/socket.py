"""A client of HAProxy's command line socket: one held connection, in prompt mode.

Commands are tuples of words. Every word must pass a whitelist, so that nothing can smuggle in
a second command; several commands are pipelined, one a line, and each gets its own reply.
"""

import re
import select
import socket
import struct
from collections.abc import Sequence
from typing import Final

Command = tuple[str, ...]

_WORD: Final = re.compile(r"[A-Za-z0-9_.,:/%@()=+*\[\]~^!?|&-]+")
_MAX_WORDS: Final = 64
_BATCH: Final = 8 * 1024
"""Bytes of commands sent before their replies are read; HAProxy's buffer holds twice that."""

_PROMPT: Final = b"\n> "
_CREDENTIALS: Final = "3i"


_FEW: Final = 16 * 1024
_MANY: Final = 256 * 1024
"""Bytes to read at once: most replies are short, and much room has a price."""


class Forbidden(ValueError):
    """A command has a word that must not reach the socket."""


class Lost(ConnectionError):
    """The connection broke or did not answer in time; whether commands ran is unknown."""


def line(command: Command) -> bytes:
    """The command as it is sent; raises ``Forbidden``."""
    if len(command) > _MAX_WORDS:
        raise Forbidden(f"{len(command)} words; HAProxy drops those after {_MAX_WORDS}")
    for word in command:
        if not _WORD.fullmatch(word):
            raise Forbidden(f"{word!r} cannot be part of a command")
    return " ".join(command).encode() + b"\n"


class Runtime:
    """The held connection. Made anew, by ``Runtime(...)``, after each loss and reload."""

    def __init__(self, path: str, timeout: float = 2.0) -> None:
        """Connects; raises ``OSError`` if nobody listens, ``Lost`` if nobody answers."""
        self._timeout: Final = timeout
        self._socket: Final = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(timeout)
            self._socket.connect(path)
            self._exchange(b"prompt\n", 1)
            self.ask([("set", "timeout", "cli", "1d")])
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def owner(self) -> int:
        """The user who opened the socket at the other end."""
        size = struct.calcsize(_CREDENTIALS)
        found = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        return int(struct.unpack(_CREDENTIALS, found)[1])

    @property
    def lost(self) -> bool:
        """Return True if the other end has hung up."""
        if self._socket.fileno() < 0:
            return True
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(0))

    def ask(self, commands: Sequence[Command], within: float | None = None) -> list[str]:
        """The reply to each command, stripped; raises ``Lost`` or ``Forbidden``.

        ``within``: seconds of silence that are too many, if not as many as always.
        """
        self._socket.settimeout(self._timeout if within is None else within)
        lines = [line(command) for command in commands]
        replies: list[str] = []
        start = 0
        while start < len(lines):
            end, size = start, 0
            while end < len(lines) and (end == start or size + len(lines[end]) <= _BATCH):
                size += len(lines[end])
                end += 1
            replies += self._exchange(b"".join(lines[start:end]), end - start)
            start = end
        return replies

    def _exchange(self, request: bytes, count: int) -> list[str]:
        try:
            self._socket.sendall(request)
            received = self._read(count)
        except OSError as error:
            self._socket.close()
            raise Lost(f"HAProxy's socket: {error}") from error
        replies = received.split(_PROMPT)[:count]
        return [reply.decode("utf-8", "replace").strip() for reply in replies]

    def _read(self, count: int) -> bytes:
        pieces: list[bytes] = []
        prompts = 0
        tail = b""
        while prompts < count:
            piece = self._socket.recv(_MANY if pieces else _FEW)
            if not piece:
                raise Lost("HAProxy's socket was closed")
            prompts += (tail + piece).count(_PROMPT)
            tail = (tail + piece)[-2:]
            pieces.append(piece)
        return b"".join(pieces)
