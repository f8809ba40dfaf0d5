"""Plugins of the tests, installed where the workers that a test starts find them."""

import os
from pathlib import Path

import pytest

from tests.rig import GROUPS, install


class PluginSite:
    """A directory on the path of processes that are started, for as long as the test lasts."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def add(self, kind: str, name: str, source: str) -> None:
        install(self.directory, GROUPS[kind], name, source)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PluginSite:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    return PluginSite(tmp_path)
