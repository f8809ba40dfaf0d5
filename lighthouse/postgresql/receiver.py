"""Whether a standby really streams: one look at its WAL receiver proves nothing.

A standby that is ahead of where the new primary's timeline begins cannot follow it. Its receiver
then waits for ever, or begins to stream and fails, again and again.
"""

import collections
from typing import Final, Literal

import msgspec

WINDOW: Final = 12.0
"""Seconds of looks that are judged; PostgreSQL itself tries anew every 5 s by default."""

ENOUGH: Final = 8
"""Looks within the window without which nothing is said."""

STEADY: Final = 3
"""Looks in a row at one receiver that streams, after which all is well."""

Judgement = Literal["unsettled", "streaming", "diverged", "unreachable"]


class ReceiverLook(msgspec.Struct, frozen=True):
    """What one look showed; ``pid`` 0: there was no receiver. ``received`` is a WAL position."""

    pid: int = 0
    status: str = ""
    received: str = ""


class ReceiverLooks:
    """The looks of the last seconds since the standby was told to follow another primary."""

    def __init__(self) -> None:
        self._kept: Final[collections.deque[tuple[float, ReceiverLook]]] = collections.deque()
        self._since: float | None = None

    def begin(self) -> None:
        """What was seen before is of another primary."""
        self._kept.clear()
        self._since = None

    def take(self, look: ReceiverLook, now: float) -> Judgement:
        """Add a look at a time of the monotonic clock; what all of them together show."""
        if self._since is None:
            self._since = now
        self._kept.append((now, look))
        while self._kept[0][0] < now - WINDOW:
            self._kept.popleft()
        return judge([one for _, one in self._kept], now - self._since >= WINDOW)


def judge(looks: list[ReceiverLook], lasted: bool) -> Judgement:
    """What looks show, oldest first; ``lasted``: they cover a whole window."""
    last = looks[-STEADY:]
    steady = all(look.status == "streaming" and look.pid == last[0].pid for look in last)
    if len(last) == STEADY and steady:
        return "streaming"
    if not lasted or len(looks) < ENOUGH:
        return "unsettled"
    if not any(look.pid for look in looks):
        return "unreachable"
    advanced = len({look.received for look in looks if look.received}) > 1
    waiting = sum(look.status == "waiting" for look in looks)
    began = {look.pid for look in looks if look.status == "streaming"}
    if not advanced and (waiting * 2 > len(looks) or len(began) > 1 or (began and waiting)):
        return "diverged"
    return "unsettled" if began or waiting else "unreachable"


def told(judgement: Judgement, primary: str) -> str:
    """What an operator has to know and do, empty if there is nothing."""
    if judgement == "diverged":
        return (
            f"this standby cannot follow {primary}: most likely it is ahead of where the timeline "
            "of the primary began; its log says so (forked off). No reload mends that: run "
            "pg_rewind, or make it anew with pg_basebackup"
        )
    if judgement == "unreachable":
        return (
            f"this standby does not stream from {primary}: its log says why (pg_hba.conf of the "
            "primary, the password, TLS, the network)"
        )
    return ""
