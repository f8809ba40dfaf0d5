"""When clients are held while there is no primary: a decision, one step at a time.

A hold begins only while discovery is alive and lists nodes, and after a probe of our own of the
last primary has failed several times in a row. It ends when there is somewhere to go, or when
its time is over; then the same outage begins no other one.
"""

from typing import Final, Literal

import msgspec

from lighthouse.pgbouncer.settings import HoldSettings

Action = Literal["", "pause", "resume"]

UNLISTED: Final = 8
"""Answers in a row that are enough from a server of which nobody says what it is."""


class HoldState(msgspec.Struct, frozen=True):
    """``since`` is when the hold began, None while there is none; ``over``: it was ended."""

    failed: int = 0
    answered: int = 0
    since: float | None = None
    over: bool = False


class HoldSight(msgspec.Struct, frozen=True):
    """What is seen at a moment of the monotonic clock.

    ``listed``: discovery is alive and lists nodes. ``moved``: PgBouncer leads to another primary
    than when the outage began. ``role`` is what the snapshot says of the last primary, empty if
    it says nothing. ``answer`` is a probe's, None if there was none.
    """

    now: float
    listed: bool = False
    moved: bool = False
    role: str = ""
    answer: bool | None = None


def step(state: HoldState, sight: HoldSight, settings: HoldSettings) -> tuple[HoldState, Action]:
    """What is the case now, and what is to be done about it."""
    seen = _counted(state, sight)
    if state.since is not None:
        return _held(seen, state.since, sight, settings)
    if sight.moved or sight.answer:
        return HoldState(answered=seen.answered), ""
    if not sight.listed:
        return msgspec.structs.replace(seen, failed=0), ""
    if sight.answer is False and seen.failed >= settings.confirm and not state.over:
        return HoldState(since=sight.now), "pause"
    return seen, ""


def given_up() -> HoldState:
    """The pools could not be paused: this outage is not held."""
    return HoldState(over=True)


def _held(
    seen: HoldState, since: float, sight: HoldSight, settings: HoldSettings
) -> tuple[HoldState, Action]:
    if sight.moved or _is_back(seen, sight, settings):
        return HoldState(), "resume"
    if sight.now - since >= settings.max:
        return HoldState(over=True), "resume"
    return seen, ""


def _is_back(seen: HoldState, sight: HoldSight, settings: HoldSettings) -> bool:
    """Return True if the last primary serves again; one that is a replica now does not."""
    needed = {"primary": settings.confirm, "": UNLISTED}.get(sight.role)
    return needed is not None and seen.answered >= needed


def _counted(state: HoldState, sight: HoldSight) -> HoldState:
    if sight.answer is None:
        return state
    return msgspec.structs.replace(
        state,
        failed=0 if sight.answer else state.failed + 1,
        answered=state.answered + 1 if sight.answer else 0,
    )
