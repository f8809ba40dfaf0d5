"""The contracts on imports: what is listed in two places is the same in both."""

import tomllib
from pathlib import Path
from typing import Any

from lighthouse import hooks

ROOT = Path(hooks.__file__).parents[1]


def _contracts() -> list[dict[str, Any]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return list(settings["tool"]["importlinter"]["contracts"])


def test_every_plugin_and_the_workers_are_forbidden_to_what_decides() -> None:
    layers, forbidden = (
        next(c for c in _contracts() if c["type"] == kind and "lighthouse" in str(c))
        for kind in ("layers", "forbidden")
    )
    (beside,) = (row.split(" | ") for row in layers["layers"] if row.startswith("workers |"))
    expected = {f"lighthouse.{name}" for name in (*beside, "hooks", "web")}
    assert set(forbidden["forbidden_modules"]) == expected


def test_every_bundled_plugin_stands_beside_the_workers() -> None:
    (row,) = (
        row for c in _contracts() for row in c.get("layers", ()) if row.startswith("workers |")
    )
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    named = {
        line.split(" = lighthouse.")[1].split(".")[0]
        for line in setup.splitlines()
        if " = lighthouse." in line and "commands" not in line and "pytest11" not in line
    }
    assert named
    assert named <= set(row.split(" | "))
