"""Which standbys a commit waits for: pure, so that no history of readings can hang commits.

A list that asks for more names than it has, and one without a live member, make every commit
wait for ever. A list that shrinks weakens what "committed" has meant.
"""

import re
from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from lighthouse.postgresql.settings import SynchronousSettings

SETTING: Final = "synchronous_standby_names"

_QUOTED: Final = re.compile(r'"((?:[^"]|"")+)"')
_NAME: Final = re.compile(r"[\x20-\x7e]{1,63}")

Membership = Mapping[str, float | None]
"""The names of the list, in small letters; each with the time since which it is gone."""


class SynchronousStep(msgspec.Struct, frozen=True):
    """What becomes of the list. ``value`` None: what is in force stays."""

    members: Membership
    value: str | None = None
    warning: str = ""


def parse(value: str) -> dict[str, float | None]:
    """The members of a list that was written here before."""
    return {name.replace('""', '"'): None for name in _QUOTED.findall(value)}


def usable(name: str) -> bool:
    """Return True if a standby can be named in the list; ``*`` would stand for any."""
    return _NAME.fullmatch(name) is not None and name != "*"


def step(
    members: Membership,
    candidates: Collection[str],
    streaming: Collection[str],
    settings: SynchronousSettings,
    now: float,
) -> SynchronousStep:
    """The list after one more look, at a time on the monotonic clock.

    ``candidates`` are known to the cluster and stream; ``streaming`` is whoever streams. A
    candidate joins at once; who is none any more leaves after ``shrink_grace``. Who has left the
    discovery and streams on counts until then, so that a discovery that blinks weakens nothing.
    """
    live = {name.lower() for name in streaming if usable(name)}
    wanted = {name.lower() for name in candidates if usable(name)} & live
    gone = {n: now if since is None else since for n, since in members.items() if usable(n)}
    left = {
        name: since
        for name, since in gone.items()
        if name not in wanted and now - since < settings.shrink_grace
    }
    after: dict[str, float | None] = {**left, **dict.fromkeys(wanted)}
    count = min(settings.count, len(live & after.keys()))
    if count:
        told = ""
        if count < settings.count:
            told = f"commits wait for {count} of the {settings.count} standbys that were asked for"
        return SynchronousStep(after, render(settings.method, count, after), told)
    return _none_left(members, left, gone, settings)


def render(method: str, count: int, names: Collection[str]) -> str:
    """The value of the setting; raises ``ValueError`` for what would hang every commit."""
    if not 0 < count <= len(names):
        raise ValueError(f"{count} of {len(names)} names")
    quoted = ", ".join('"' + name.replace('"', '""') + '"' for name in sorted(names))
    return f"{method.upper()} {count} ({quoted})"


def _none_left(
    members: Membership,
    left: Mapping[str, float],
    gone: Mapping[str, float],
    settings: SynchronousSettings,
) -> SynchronousStep:
    """Nobody is there to wait for."""
    if settings.on_too_few == "keep":
        told = "no standby streams: commits wait until one does (on_too_few: keep)"
        if not members:
            told = "no standby has streamed yet: commits wait for none so far"
        return SynchronousStep(gone, None, told)
    if left:
        told = "no standby streams: commits wait for one until shrink_grace is over"
        return SynchronousStep(gone, None, told)
    told = "no standby streams: commits wait for none, and may be lost with this server"
    return SynchronousStep({}, "", told)
