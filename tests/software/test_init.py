"""``lighthouse init``: what it writes passes the check, and runs."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lighthouse.config.directories import run_dir
from lighthouse.config.schema.types import DaemonSettings
from tests.fleet import Fleet, get, running
from tests.ports import free_port
from tests.waiting import eventually

WORDS = ("--discovery", "file", "--no-schemas")


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    """A fleet whose tree is that of ``init`` once it has made it, in a place of a short name."""
    with tempfile.TemporaryDirectory(prefix="lh-") as place, running(Path(place)) as fleet:
        fleet.config = Path(place) / "tree"
        home = fleet.config / "var/haproxy"
        fleet.cfg, fleet.pid_file = home / "haproxy.cfg", home / "haproxy.pid"
        fleet.socket = home / "haproxy.sock"
        fleet.run_dir = run_dir(fleet.config, DaemonSettings())
        yield fleet
        fleet.close()
        assert fleet.leftovers() == []


@pytest.mark.needs("haproxy")
def test_it_runs(fleet: Fleet) -> None:
    made = fleet.bare("init", str(fleet.config), *WORDS)
    assert made.returncode == 0, made.stderr
    assert "HAProxy 2." in made.stdout
    assert f"  lighthouse check -c {fleet.config}\n" in made.stdout
    port = free_port()
    cluster = fleet.config / "clusters/example.yaml"
    cluster.write_text(cluster.read_text().replace("port: 80", f"port: {port} #"))
    checked = fleet.lighthouse("check")
    assert (checked.returncode, checked.stdout) == (0, "4 files good\n")
    fleet.start()
    eventually(lambda: fleet.status()["supervisor"]["ready"], 30)
    eventually(lambda: get(port)[0] == 503)
    assert fleet.lighthouse("status").returncode == 0
    nodes = fleet.config / "var/nodes/example"
    nodes.mkdir()
    (nodes / "here.json").write_text(f'{{"ip": "127.0.0.1", "port": {free_port()}}}')
    eventually(lambda: fleet.serving("example"))


def test_nothing_is_overwritten(fleet: Fleet) -> None:
    tree = fleet.config / "discovery"
    tree.mkdir(parents=True)
    (tree / "mine.yaml").write_text("plugin: file\n")
    made = fleet.bare("init", str(fleet.config), *WORDS)
    assert made.returncode == 1
    assert "has a configuration already (discovery/mine.yaml): nothing is over" in made.stderr
    assert os.listdir(fleet.config) == ["discovery"]


@pytest.mark.parametrize("name", ["x" * 80, "a b"])
def test_a_path_that_haproxy_cannot_have_is_told(fleet: Fleet, name: str) -> None:
    made = fleet.bare("init", str(fleet.root / name), *WORDS)
    assert made.returncode == 1
    assert f"{name} will not do: HAProxy's socket has to be in " in made.stderr
    assert not (fleet.root / name).exists()
