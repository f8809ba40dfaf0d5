"""What has happened to clusters, as lines for the log: the same of many is one line."""

import logging
from collections.abc import Iterable
from typing import NamedTuple

from lighthouse.text import several


class ClusterEvent(NamedTuple):
    """``level`` is that of the log, ``text`` what happened without the cluster's name."""

    level: int
    cluster: str
    text: str


def lines(events: Iterable[ClusterEvent]) -> list[tuple[int, str]]:
    """Each level and line, in the order in which they came."""
    found: dict[tuple[int, str], dict[str, None]] = {}
    for event in events:
        found.setdefault((event.level, event.text), {})[event.cluster] = None
    return [(level, f"{_named(list(names))}: {text}") for (level, text), names in found.items()]


def log(logger: logging.Logger, events: Iterable[ClusterEvent]) -> None:
    """Have a logger tell them."""
    for level, text in lines(events):
        logger.log(level, "%s", text)


def _named(names: list[str]) -> str:
    if len(names) == 1:
        return f"cluster {names[0]}"
    return f"{len(names)} clusters ({several(names)})"
