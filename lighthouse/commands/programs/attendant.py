"""The word that a command keeps with the daemon about its program."""

import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from lighthouse.daemon.locate import find
from lighthouse.ipc.channel import Channel, Closed
from lighthouse.ipc.control import NoRight
from lighthouse.ipc.program import ProgramPhase, ProgramTold, TellProgram

PATIENCE: Final = 2.0
"""Seconds that the daemon gets to answer."""

RETRY: Final = 0.5
"""Seconds between two looks for a daemon that is away."""


class Attendant:
    """One connection, kept for as long as it lasts; ``say`` is given each new reason why a
    program is not told of, and, with an empty text, that it is."""

    def __init__(
        self, root: Path, service: str, port: int | None, by: str, say: Callable[[str], None]
    ) -> None:
        self._root: Final = root
        self._about: Final = (service, port)
        self._by: Final = by
        self._say: Final = say
        self._said = ""
        self._channel: Channel | None = None
        self._retry_at = 0.0

    @property
    def connected(self) -> bool:
        """Return True unless the connection has ended, as far as is known by now."""
        if self._channel is not None:
            try:
                self._channel.receive()
            except Closed:
                self._lost("the daemon is away")
        return self._channel is not None

    def hurry(self) -> None:
        """Try to reach a daemon that was away with the next that is told, whenever that was."""
        self._retry_at = 0.0

    def tell(self, phase: ProgramPhase) -> ProgramTold | None:
        """What the daemon answers; None if there is none just now, or it refuses."""
        try:
            channel = self._connect()
            answer = None if channel is None else self._ask(channel, phase)
        except (Closed, OSError) as error:
            self._lost(f"the daemon is away: {error}")
            return None
        if isinstance(answer, NoRight):
            self._lost(answer.reason)
            return None
        if answer is not None:
            self._tell(answer.error)
        return None if answer is not None and answer.error else answer

    def close(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _connect(self) -> Channel | None:
        now = time.monotonic()
        if self._channel is None and now >= self._retry_at:
            self._retry_at = now + RETRY
            self._channel = Channel.connect(find(self._root).socket)
        return self._channel

    def _ask(self, channel: Channel, phase: ProgramPhase) -> ProgramTold | NoRight:
        deadline = time.monotonic() + PATIENCE
        poll = select.poll()
        poll.register(channel.fileno(), select.POLLIN)
        channel.send(TellProgram(*self._about, phase, self._by))
        while True:
            received = channel.receive()
            if received is not None and isinstance(received[0], ProgramTold | NoRight):
                return received[0]
            left = deadline - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                raise TimeoutError(f"no answer within {PATIENCE:g} s")

    def _lost(self, reason: str) -> None:
        self.close()
        self._tell(reason)

    def _tell(self, reason: str) -> None:
        if reason != self._said:
            self._said = reason
            self._say(reason)
