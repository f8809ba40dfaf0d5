"""Where a tree's daemon keeps what it writes, and directories that are safe to write to."""

import os
from pathlib import Path

import pytest

from lighthouse.config.directories import create, run_dir, state_dir
from lighthouse.config.schema.types import DaemonSettings

DEFAULT = Path("/etc/lighthouse")


def test_the_default_tree() -> None:
    assert run_dir(DEFAULT, DaemonSettings()) == Path("/run/lighthouse")
    assert run_dir(Path("/etc/../etc/lighthouse/"), DaemonSettings()) == Path("/run/lighthouse")
    assert state_dir(DEFAULT, DaemonSettings()) == Path("/var/lib/lighthouse")


def test_what_the_file_says_counts(tmp_path: Path) -> None:
    daemon = DaemonSettings(run_dir=Path("/x/run"), state_dir=Path("var/../state"))
    for root in (DEFAULT, tmp_path):
        assert run_dir(root, daemon) == Path("/x/run")
        assert state_dir(root, daemon) == root / "state"
        assert state_dir(root, DaemonSettings(run_dir=Path("/x/run"))) == Path("/x/run/state")


def test_other_trees_have_directories_of_their_own(tmp_path: Path) -> None:
    one, two = (
        run_dir(tmp_path / "one", DaemonSettings()),
        run_dir(tmp_path / "two", DaemonSettings()),
    )
    assert one != two
    assert one.name.startswith("lighthouse-")
    assert len(one.name) == len("lighthouse-") + 8
    assert state_dir(tmp_path / "one", DaemonSettings()) == one / "state"
    assert run_dir(tmp_path / "x" / ".." / "one", DaemonSettings()) == one


def test_a_relative_tree_is_the_same_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_dir(Path("one"), DaemonSettings()) == run_dir(tmp_path / "one", DaemonSettings())


def test_a_tree_keeps_its_directory_when_its_link_is_swapped(tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to("releases/1")
    before = run_dir(tmp_path / "current", DaemonSettings())
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to("releases/2")
    assert run_dir(tmp_path / "current", DaemonSettings()) == before
    (tmp_path / "alias").symlink_to(tmp_path)
    assert run_dir(tmp_path / "alias" / "current", DaemonSettings()) == before


@pytest.mark.needs("root")
def test_where_a_users_directories_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/somewhere")
    assert run_dir(tmp_path, DaemonSettings()).parent == Path("/run")
    try:
        os.seteuid(54321)
        assert run_dir(tmp_path, DaemonSettings()).parent == Path("/run/somewhere")
        monkeypatch.setenv("XDG_RUNTIME_DIR", "relative")
        assert run_dir(tmp_path, DaemonSettings()).parent == Path("/tmp/lighthouse-54321")
        monkeypatch.delenv("XDG_RUNTIME_DIR")
        assert run_dir(tmp_path, DaemonSettings()).parent == Path("/tmp/lighthouse-54321")
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_directories_are_made_with_their_mode_whatever_the_umask(
    tmp_path: Path, mode: int
) -> None:
    before = os.umask(0o077)
    try:
        assert create(tmp_path / "a" / "b", mode) == tmp_path / "a" / "b"
    finally:
        os.umask(before)
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == mode
    assert create(tmp_path / "a" / "b", mode).is_dir()


def test_directories_that_others_may_write_to_are_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(PermissionError, match="can be written by everyone"):
        create(tmp_path / "open")


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        create(tmp_path / "file")


@pytest.mark.needs("root")
def test_someone_elses_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 54321, 54321)
    with pytest.raises(PermissionError, match="belongs to user 54321, not to 0"):
        create(tmp_path / "theirs")


@pytest.mark.needs("root")
def test_a_directory_in_one_that_someone_else_made_for_us_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    (tmp_path / "lighthouse-0").mkdir()
    assert create(tmp_path / "lighthouse-0" / "good").is_dir()
    os.chown(tmp_path / "lighthouse-0", 54321, 54321)
    with pytest.raises(PermissionError, match="belongs to user 54321"):
        create(tmp_path / "lighthouse-0" / "bad")


def test_a_file_in_a_directorys_place_is_told_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "state"):
        with pytest.raises(NotADirectoryError, match=r"/file is no directory: move it away, or"):
            create(path)
