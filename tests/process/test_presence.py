"""The daemon is found, and is the only one, whatever becomes of what proves it."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lighthouse.config.directories import run_dir
from lighthouse.config.schema.types import DaemonSettings
from lighthouse.daemon.locate import settings
from tests.fleet import Fleet
from tests.waiting import eventually

Sweep = Callable[[Path], object]

ADVERTISED = "192.0.2.7"


@pytest.fixture
def started(fleet: Fleet) -> Iterator[Fleet]:
    """A fleet whose daemon was started in the background; whichever runs is stopped."""
    (fleet.config / "lighthouse.yaml").write_text(
        f"run_dir: {fleet.run_dir}\nstate_dir: {fleet.root}/state\nadvertise: {ADVERTISED}\n"
        f"log_file: {fleet.log}\nstop_timeout: 1\n"
    )
    assert fleet.lighthouse("start").returncode == 0
    yield fleet
    fleet.lighthouse("stop")


def _pid(fleet: Fleet) -> int:
    pid: int = json.loads(fleet.lighthouse("status", "--json").stdout)["supervisor"]["pid"]
    return pid


def _lives(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def _remove_pid_file(run: Path) -> None:
    (run / "lighthouse.pid").unlink()


def _remove_socket(run: Path) -> None:
    (run / "control.sock").unlink()


def _put_another_pid_file_there(run: Path) -> None:
    (run / "new").write_text("1\n")
    (run / "new").replace(run / "lighthouse.pid")


def _put_a_link_there(run: Path) -> None:
    (run / "lighthouse.pid").unlink()
    (run / "lighthouse.pid").symlink_to("/no/such/place")


def test_what_nobody_touched_is_not_put_back(started: Fleet) -> None:
    eventually(lambda: started.worker("recorder")["snapshot"]["applied"])
    assert "put back" not in started.log.read_text()


def test_a_directory_in_place_of_the_pid_file_hides_no_daemon(started: Fleet) -> None:
    pid = _pid(started)
    pid_file = started.run_dir / "lighthouse.pid"
    pid_file.unlink()
    pid_file.mkdir()
    _remove_socket(started.run_dir)
    again = started.lighthouse("start")
    assert (again.returncode, again.stdout) == (0, f"lighthouse: already running (pid {pid})\n")
    told = f"{pid_file} is no regular file: remove it"
    eventually(lambda: any(told in problem for problem in started.status()["problems"]))
    eventually((started.run_dir / "control.sock").exists)
    assert started.lighthouse("stop").stdout == f"lighthouse: stopped (pid {pid})\n"
    pid_file.rmdir()


@pytest.mark.parametrize(
    "sweep",
    [
        pytest.param(_remove_pid_file, marks=pytest.mark.slow),
        _remove_socket,
        pytest.param(_put_another_pid_file_there, marks=pytest.mark.slow),
        pytest.param(_put_a_link_there, marks=pytest.mark.slow),
        shutil.rmtree,
    ],
)
def test_what_is_swept_away_is_put_back_and_no_second_daemon_starts(
    started: Fleet, sweep: Sweep
) -> None:
    pid = _pid(started)
    sweep(started.run_dir)
    again = started.lighthouse("start")
    assert (again.returncode, again.stdout) == (0, f"lighthouse: already running (pid {pid})\n")
    eventually(lambda: (started.run_dir / "lighthouse.pid").read_text() == f"{pid}\n")
    eventually(lambda: started.status()["supervisor"]["pid"] == pid)
    assert "put back what was removed or changed there" in started.log.read_text()
    assert _pid(started) == pid
    stopped = started.lighthouse("stop")
    assert (stopped.returncode, stopped.stdout) == (0, f"lighthouse: stopped (pid {pid})\n")
    assert not _lives(pid)


def test_a_daemon_that_can_put_nothing_back_is_found_all_the_same(started: Fleet) -> None:
    pid = _pid(started)
    os.kill(pid, signal.SIGSTOP)
    try:
        shutil.rmtree(started.run_dir)
        assert started.lighthouse("start").stdout == f"lighthouse: already running (pid {pid})\n"
        run = started.lighthouse("run")
        assert (run.returncode, run.stderr) == (1, f"lighthouse: already running (pid {pid})\n")
        assert started.lighthouse("status").returncode == 1  # it runs, and does not answer
        assert f"killed (pid {pid})" in started.lighthouse("stop").stderr
    finally:
        if _lives(pid):
            os.kill(pid, signal.SIGCONT)
    assert not _lives(pid)


@pytest.mark.parametrize("text", ["{stranger}\n", "garbage"])
@pytest.mark.slow
def test_the_text_of_the_pid_file_means_nothing(started: Fleet, text: str) -> None:
    pid = _pid(started)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        os.kill(pid, signal.SIGSTOP)  # so that it cannot put it right
        (started.run_dir / "lighthouse.pid").write_text(text.format(stranger=stranger.pid))
        again = started.lighthouse("start").stdout
        assert again == f"lighthouse: already running (pid {pid})\n"
        assert started.lighthouse("reload").returncode == 0
        os.kill(pid, signal.SIGCONT)
        eventually(lambda: (started.run_dir / "lighthouse.pid").read_text() == f"{pid}\n")
        os.kill(pid, signal.SIGSTOP)
        (started.run_dir / "lighthouse.pid").write_text(text.format(stranger=stranger.pid))
        assert started.lighthouse("stop").stderr.startswith(f"lighthouse: killed (pid {pid})")
        assert stranger.poll() is None
        stranger.kill()


def test_two_daemons_never_share_a_state(started: Fleet, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "lighthouse.yaml").write_text(f"run_dir: run\nstate_dir: {started.root}/state\n")
    line = [sys.executable, "-P", "-m", "lighthouse.commands", "start", "-c", str(other)]
    result = subprocess.run(line, capture_output=True, text=True, env=started.env, check=False)
    assert result.returncode == 1
    assert f"state is in use by another daemon (pid {_pid(started)})" in result.stderr
    assert not (other / "run/lighthouse.pid").exists()


def test_a_daemon_is_never_taken_for_that_of_another_configuration(
    started: Fleet, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "lighthouse.yaml").write_text(f"run_dir: {started.run_dir}\nstate_dir: state\n")
    pid = _pid(started)
    for words in (["start"], ["run"], ["stop"], ["restart"], ["reload"]):
        line = [sys.executable, "-P", "-m", "lighthouse.commands", *words, "-c", str(other)]
        result = subprocess.run(line, capture_output=True, text=True, env=started.env, check=False)
        assert result.returncode == 1, words
        told = f"the daemon (pid {pid}) in {started.run_dir} is that of {started.config}: give"
        assert told in result.stderr
    assert _lives(pid)
    link = tmp_path / "link"
    link.symlink_to(started.config)
    line = [sys.executable, "-P", "-m", "lighthouse.commands", "start", "-c", str(link)]
    again = subprocess.run(line, capture_output=True, text=True, env=started.env, check=True)
    assert again.stdout == f"lighthouse: already running (pid {pid})\n"


def test_restart_after_the_run_directory_was_changed(started: Fleet) -> None:
    first = _pid(started)
    text = (started.config / "lighthouse.yaml").read_text()
    started.write("lighthouse.yaml", text.replace(str(started.run_dir), f"{started.root}/new"))
    assert started.lighthouse("restart").returncode == 0
    assert not _lives(first)
    assert (started.root / "new/control.sock").exists()
    eventually(lambda: started.lighthouse("status").returncode == 0)
    assert _pid(started) != first


def test_restart_after_the_settings_were_removed(started: Fleet) -> None:
    first = _pid(started)
    (started.config / "lighthouse.yaml").unlink()
    place = run_dir(started.config, DaemonSettings())
    try:
        result = started.lighthouse("restart")
        assert result.returncode == 0, result.stderr
        assert not _lives(first)
        eventually(lambda: started.lighthouse("status").returncode == 0)
        assert (place / "control.sock").exists()
        assert started.lighthouse("stop").returncode == 0
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _key_twice(file: Path) -> None:
    file.write_text(file.read_text() + "run_dir: elsewhere\n")


def _not_utf8(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"# \xff\n")


def _directory(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _gibberish(file: Path) -> None:
    file.write_text("}{")


def _wrong_value(file: Path) -> None:
    file.write_text(
        file.read_text().replace("run_dir: ", "run_dir: /elsewhere") + "drain_delay: x\n"
    )


@pytest.mark.parametrize(
    "spoil",
    [
        _key_twice,
        _directory,
        *(
            pytest.param(spoil, marks=pytest.mark.slow)
            for spoil in (_not_utf8, _gibberish, _wrong_value)
        ),
    ],
)
def test_the_last_good_settings_survive_every_start(started: Fleet, spoil: Sweep) -> None:
    started.write("services/web.yaml", "port: 8080\ndiscovery: files\n")

    def advertised() -> set[str]:
        files = (started.nodes / "web").glob("*.json")
        return {json.loads(file.read_text())["ip"] for file in files}

    eventually(lambda: advertised() == {ADVERTISED})
    spoil(started.config / "lighthouse.yaml")
    assert settings(started.config).run_dir == started.run_dir
    for _ in range(2):
        os.kill(pid := _pid(started), signal.SIGKILL)
        eventually(lambda pid=pid: not _lives(pid))
        assert started.lighthouse("start").returncode == 0
        eventually(lambda: started.status()["services"][0]["registered"])
        assert advertised() == {ADVERTISED}
        assert _pid(started) == started.status()["supervisor"]["pid"]
        files = {fault["file"] for fault in started.status()["supervisor"]["config_errors"]}
        assert files == {"lighthouse.yaml"}
