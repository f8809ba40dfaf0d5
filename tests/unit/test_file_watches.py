"""Directories that are watched while what a path leads to changes."""

import itertools
from pathlib import Path

import pytest

from lighthouse.file import watches
from lighthouse.file.watches import Watches


def test_a_path_that_never_stays_is_left_to_the_poll(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = itertools.count()
    watched = Watches()
    with monkeypatch.context() as patched:
        patched.setattr(watches, "_identity", lambda _: (0, next(numbers)))
        assert watched.arm("web", str(tmp_path)) is False
    assert not watched.holds("web")
    assert watched.arm("web", str(tmp_path))
    (tmp_path / "a").touch()
    assert watched.drain().names == {"web": {"a"}}
    watched.close()
