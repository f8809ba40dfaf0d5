"""Every directory entry that decides what a path leads to."""

import os
from collections.abc import Iterator
from typing import Final

import msgspec

_MAX_LINKS: Final = 40


class PathStep(msgspec.Struct, frozen=True):
    """An entry of a directory (whose path has no link in it) on the way of a path.

    ``decides`` is true for a symbolic link and for what is missing; anything else leads
    elsewhere only if it is moved itself. ``last`` is true for what the path leads to.
    """

    directory: str
    name: str
    decides: bool
    last: bool


def trail(path: str) -> Iterator[PathStep]:
    """The steps from the root directory along a path, links included, as far as it exists."""
    ahead = os.path.abspath(path).split("/")[::-1]
    current = "/"
    links = 0
    while ahead:
        name = ahead.pop()
        if name in ("", "."):
            continue
        if name == "..":
            current = os.path.dirname(current)
            continue
        target, exists = _target(os.path.join(current, name))
        link = target is not None
        yield PathStep(current, name, decides=link or not exists, last=not ahead and not link)
        links += link
        if not exists or links > _MAX_LINKS:
            return
        if target is None:
            current = os.path.join(current, name)
        else:
            current = "/" if target.startswith("/") else current
            ahead.extend(target.split("/")[::-1])


def _target(path: str) -> tuple[str | None, bool]:
    """Where a link points (None for what is no link), and whether there is anything."""
    try:
        return os.readlink(path), True
    except FileNotFoundError:
        return None, False
    except OSError:
        return None, os.path.lexists(path)
