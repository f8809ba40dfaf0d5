"""``check`` and ``plan`` find the directories that a sync will need and that are not there."""

import os
from collections.abc import Iterator

import pytest

from lighthouse.haproxy.schema.balancer import parse_settings
from lighthouse.haproxy.schema.directories import lacking
from tests.fleet import Fleet, running
from tests.stranger import open_directory


@pytest.fixture
def bare() -> Iterator[Fleet]:
    """A configuration like the README's first one, on a host without /etc/haproxy."""
    with open_directory() as root, running(root) as fleet:
        fleet.haproxy |= {
            "config_file": f"{root}/etc/haproxy/lighthouse.cfg",
            "socket_file": f"{root}/var/haproxy.sock",
            "pid_file": f"{root}/var/haproxy.pid",
        }
        fleet.write("balancers/haproxy.yaml", fleet.haproxy)
        fleet.cluster("web")
        yield fleet


@pytest.mark.parametrize("command", ["check", "plan"])
def test_a_directory_that_is_missing_is_told_with_the_remedy(bare: Fleet, command: str) -> None:
    result = bare.lighthouse(command)
    assert result.returncode == 1, result.stdout
    for key, directory in (("config_file", "etc/haproxy"), ("pid_file", "var")):
        place = f"{key}: there is no directory {bare.root}/{directory} to write to: create it"
        assert place in result.stdout
    assert f"socket_file: {bare.root}/var/haproxy.sock: there is no directory" in result.stdout
    (bare.root / "etc/haproxy").mkdir(parents=True)
    (bare.root / "var").mkdir()
    assert "there is no directory" not in bare.lighthouse(command).stdout


def test_what_is_no_directory_or_closed_to_the_worker(bare: Fleet) -> None:
    settings = parse_settings(bare.haproxy)
    (bare.root / "etc").mkdir()
    (bare.root / "etc/haproxy").write_text("")
    (bare.root / "var").mkdir(0o500)
    reasons = {finding.path[0]: finding.message for finding in lacking(settings)}
    assert reasons["config_file"].endswith("/etc/haproxy is no directory")
    if os.geteuid() != 0:
        assert "cannot be written by the user" in reasons["pid_file"]


def test_a_file_in_the_place_of_the_daemons_own_directories(bare: Fleet) -> None:
    (bare.root / "taken").write_text("")
    taken = f"{bare.root}/taken"
    bare.write("lighthouse.yaml", {"run_dir": taken, "state_dir": f"{taken}/state"})
    lines = bare.lighthouse("check").stdout.splitlines()
    told = f"run_dir: {taken} is no directory: move it away, or name another"
    assert f"lighthouse.yaml:1:1: {told}" in lines
    (state,) = [line for line in lines if "state_dir" in line]
    assert state.endswith(f"state_dir: {taken}/state cannot be made, for {taken} is no directory")
    started = bare.lighthouse("run")
    assert started.returncode != 0
    assert f"{taken} is no directory: move it away, or name another" in started.stderr
    assert "lighthouse.yaml can name another directory with run_dir" in started.stderr
