"""Waiting for a condition instead of sleeping."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(condition: Callable[[], T], within: float = 15.0, what: str = "") -> T:
    """The condition's first true value; fails when ``within`` seconds have passed without.

    An ``AssertionError`` or ``OSError`` inside the condition counts as not yet. The longer it
    takes, the seldomer it is looked: what is waited for needs the processor more.
    """
    begun = time.monotonic()
    while True:
        last: object = None
        try:
            value = condition()
            if value:
                return value
            last = value
        except (AssertionError, OSError) as error:
            last = error
        waited = time.monotonic() - begun
        if waited > within:
            raise AssertionError(f"not within {within} s: {what or 'condition'}; last: {last!r}")
        time.sleep(min(0.1, max(0.02, waited / 20)))
