"""Young garbage goes at once, old garbage in the end, and what lives is not looked at."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from lighthouse.process.gc import WHOLE, GarbageCollector


class Ring:
    """Refers to itself, so that only the collector can free it."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture(autouse=True)
def _thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_young_garbage_is_freed_at_once() -> None:
    gone = weakref.ref(Ring())
    GarbageCollector().tidy()
    assert gone() is None


def test_old_garbage_is_freed_in_the_end() -> None:
    garbage, ring = GarbageCollector(), Ring()
    gone = weakref.ref(ring)
    garbage.tidy()
    del ring
    for _ in range(WHOLE - 2):
        garbage.tidy()
    assert gone() is not None
    garbage.tidy()
    assert gone() is None


def test_what_lives_is_out_of_sight() -> None:
    ring = Ring()
    GarbageCollector().tidy()
    assert not any(seen is ring for seen in gc.get_objects())
