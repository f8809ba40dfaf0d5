"""What browsers ask of the daemon, each with its answer."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Final

from lighthouse.ipc.control import NoRight, Question, Reply

PATIENCE: Final = 5.0
"""Seconds that the daemon may take for an answer."""

MOST: Final = 32
"""So many questions may be under way."""

NO_ANSWER: Final = NoRight("heard: the daemon does not answer just now")


class Questions:
    """``send`` passes a question with its number on to the supervisor."""

    def __init__(self, send: Callable[[int, Question], None]) -> None:
        self._send: Final = send
        self._numbers: Final = itertools.count(1)
        self._open: Final[dict[int, asyncio.Future[tuple[Reply, bytes]]]] = {}

    async def ask(self, question: Question) -> tuple[Reply, bytes]:
        """The daemon's answer and its payload; ``NO_ANSWER`` if there is none in time."""
        if len(self._open) >= MOST:
            return NO_ANSWER, b""
        number = next(self._numbers)
        answer = self._open[number] = asyncio.get_running_loop().create_future()
        self._send(number, question)
        try:
            return await asyncio.wait_for(answer, PATIENCE)
        except TimeoutError:
            return NO_ANSWER, b""
        finally:
            del self._open[number]

    def answered(self, number: int, reply: Reply, payload: bytes) -> None:
        """The supervisor has answered; nobody may care any more."""
        waiting = self._open.get(number)
        if waiting is not None and not waiting.done():
            waiting.set_result((reply, payload))
