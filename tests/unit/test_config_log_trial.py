"""A ``logging.yaml`` that the logging package refuses is a fault at its place."""

import logging
from pathlib import Path

import pytest

from lighthouse.config.tree import Installed, Tree

GOOD = "version: 1\nroot: {level: DEBUG}\n"


def _tree(root: Path, text: str) -> Tree:
    (root / "logging.yaml").write_text(text)
    tree = Tree(root, Installed())
    tree.load()
    return tree


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("handlers: {a: {class: no.such.Class}}", "2:12", "Cannot resolve 'no.such.Class'"),
        ("handlers: {a: {class: logging.FileHandler}}", "2:12", "missing 1 required"),
        (
            "handlers: {a: {class: logging.StreamHandler, bogus: 1}}",
            "2:12",
            "unexpected keyword argument 'bogus'",
        ),
        (
            "handlers: {a: {class: logging.StreamHandler, stream: ext://sys.nothing}}",
            "2:12",
            "Cannot resolve 'sys.nothing'",
        ),
        ("formatters: {f: {format: '%(message'}}", "2:14", "Invalid format '%(message'"),
        ("filters: {f: {(): no.such.factory}}", "2:11", "Cannot resolve 'no.such.factory'"),
    ],
)
def test_what_is_refused_leaves_the_last_good_one_in_force(
    tmp_path: Path, text: str, place: str, reason: str
) -> None:
    tree = _tree(tmp_path, GOOD)
    assert tree.faults == ()
    (tmp_path / "logging.yaml").write_text(f"version: 1\n{text}\n")
    tree.load()
    [fault] = tree.faults
    assert str(fault).startswith(f"logging.yaml:{place}: ")
    assert reason in fault.message
    assert tree.config.logging == {"version": 1, "root": {"level": "DEBUG"}}
    assert tree.texts["logging.yaml"] == GOOD.encode()


def test_what_is_good_is_tried_without_any_effect(tmp_path: Path) -> None:
    before = list(logging.getLogger().handlers), logging.getLogger().level
    tree = _tree(
        tmp_path,
        f"""\
version: 1
formatters: {{plain: {{format: '%(message)s'}}}}
handlers:
  behind: {{class: logging.handlers.MemoryHandler, capacity: 3, target: file}}
  file: {{class: logging.FileHandler, filename: {tmp_path}/no/such/log, formatter: plain}}
  kept: {{class: logging.handlers.WatchedFileHandler, filename: {tmp_path}/log}}
root: {{handlers: [behind, kept], level: CRITICAL}}
""",
    )
    assert tree.faults == ()
    assert not (tmp_path / "log").exists()
    assert (list(logging.getLogger().handlers), logging.getLogger().level) == before
