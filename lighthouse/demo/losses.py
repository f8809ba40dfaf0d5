"""Which failed requests the demonstration may answer for: a pure judgement.

A service that is killed takes with it the requests that it was just answering. Nothing else
is excused.
"""

from typing import Final

import msgspec

from lighthouse.demo.traffic import FailedRequest

BLINK: Final = 0.05
"""Seconds by which the clocks of two threads may tell the same moment differently."""


class Kill(msgspec.Struct, frozen=True):
    """A service killed at ``at``, in use until ``dropped``; times are ``time.monotonic()``.

    ``name`` is for people, ``servers`` are HAProxy's names of it.
    """

    name: str
    servers: frozenset[str]
    at: float
    dropped: float


def kill_behind(failure: FailedRequest, kills: list[Kill]) -> Kill | None:
    """The kill that a failed request is due to, None if there is none.

    A request of which HAProxy did not name the server must have been on its way at the very
    moment of the kill.
    """
    for kill in kills:
        if failure.server in kill.servers:
            if failure.ended >= kill.at - BLINK and failure.sent <= kill.dropped + BLINK:
                return kill
        elif not failure.server and failure.sent - BLINK <= kill.at <= failure.ended + BLINK:
            return kill
    return None
