"""What a path leads to, step by step."""

import os
from pathlib import Path

from lighthouse.config.symlinks import trail


def decisive(base: Path, path: Path) -> list[tuple[str, str]]:
    return [
        (os.path.relpath(step.directory, base), step.name)
        for step in trail(str(path))
        if step.decides or step.last
    ]


def test_a_plain_file(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert decisive(tmp_path, tmp_path / "a") == [(".", "a")]


def test_what_is_missing_ends_the_trail(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert decisive(tmp_path, tmp_path / "a" / "b" / "c") == [("a", "b")]


def test_links_of_every_sort(tmp_path: Path) -> None:
    (tmp_path / "store" / "deep").mkdir(parents=True)
    (tmp_path / "store" / "deep" / "file").touch()
    (tmp_path / "absolute").symlink_to(tmp_path / "store")
    (tmp_path / "store" / "up").symlink_to("../store/deep")
    (tmp_path / "link").symlink_to("absolute/up/file")
    assert decisive(tmp_path, tmp_path / "link") == [
        (".", "link"),
        (".", "absolute"),
        ("store", "up"),
        ("store/deep", "file"),
    ]


def test_a_circle_ends(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert len(decisive(tmp_path, tmp_path / "a")) < 50


def test_below_a_file_there_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert decisive(tmp_path, tmp_path / "a" / "b") == [("a", "b")]
