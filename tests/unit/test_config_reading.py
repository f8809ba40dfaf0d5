"""A config tree is read in steps, and is in force only as a whole."""

from itertools import islice
from pathlib import Path

import pytest

from lighthouse.config.tree import Tree
from lighthouse.distribution.installed import Installed

INSTALLED = Installed(frozenset({"haproxy"}), frozenset({"file"}), frozenset())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for kind in ("clusters", "discovery", "balancers", "services"):
        (tmp_path / kind).mkdir()
    (tmp_path / "discovery/a.yaml").write_text("plugin: file\n")
    return tmp_path


def put(root: Path, *numbers: int, default: int = 1) -> None:
    for number in numbers:
        text = f"discovery: a\nhaproxy: {{port: {default}}}\n"
        (root / f"clusters/c{number:02}.yaml").write_text(text)


def test_nothing_is_in_force_before_the_last_step(root: Path) -> None:
    put(root, *range(20))
    tree = Tree(root, INSTALLED)
    reading = tree.read()
    assert set(islice(reading, 15)) == {None}
    assert tree.config.clusters == {}
    assert list(reading)[-1] is True
    assert len(tree.config.clusters) == 20
    assert list(tree.read())[-1] is False


def test_what_a_reading_that_was_given_up_has_read_is_not_lost(root: Path) -> None:
    put(root, *range(20))
    tree = Tree(root, INSTALLED)
    tree.load()
    put(root, 0, 1, default=2)
    given_up = tree.read()
    assert set(islice(given_up, 21)) == {None}
    assert tree.load()
    assert tree.config.clusters["c00"].sections == {"haproxy": {"port": 2}}
