"""The fixtures that pytest finds where Lighthouse is installed."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lighthouse.testing.services import ANSWER, FakeService
from lighthouse.testing.tree import HostTree

NewService = Callable[..., FakeService]


@pytest.fixture
def lighthouse_tree(tmp_path: Path) -> Iterator[HostTree]:
    """A configuration of the test's own, and the daemon on it once the test starts it."""
    tree = HostTree(tmp_path / "lighthouse")
    try:
        yield tree
    finally:
        tree.close()


@pytest.fixture
def fake_service() -> Iterator[NewService]:
    """Services that behave as they are told, until the test is over."""
    with contextlib.ExitStack() as stack:

        def new(behaviour: str, answer: bytes = ANSWER, password: bytes = b"") -> FakeService:
            return stack.enter_context(FakeService(behaviour, answer, password))

        yield new
