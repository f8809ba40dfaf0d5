"""FileTarget: whole or not at all, and back if it does not work."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lighthouse.files import Edited, FileTarget, NotActivated, Refused, target
from lighthouse.files.exchange import exchange
from tests.disk import small_disk


def test_writes_what_differs_and_leaves_no_trace(tmp_path: Path) -> None:
    target = FileTarget(tmp_path / "conf")
    assert target.write(b"one")
    before = os.stat(tmp_path / "conf")
    assert not target.write(b"one")
    assert os.stat(tmp_path / "conf") == before
    assert target.write(b"two")
    assert target.read() == b"two"
    assert os.listdir(tmp_path) == ["conf"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_mode_is_kept(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "conf"
    path.write_bytes(b"old")
    path.chmod(mode)
    FileTarget(path, mode=0o644).write(b"new")
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_mode_of_a_new_file(tmp_path: Path) -> None:
    FileTarget(tmp_path / "conf", mode=0o640).write(b"new")
    assert stat.S_IMODE((tmp_path / "conf").stat().st_mode) == 0o640


@pytest.mark.needs("root")
def test_owner_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "conf"
    path.write_bytes(b"old")
    os.chown(path, 12345, 23456)
    FileTarget(path).write(b"new")
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 23456)


def test_symbolic_link_stays(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "conf").symlink_to("real")
    FileTarget(tmp_path / "conf").write(b"new")
    assert (tmp_path / "conf").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_refused_candidate_never_reaches_the_target(tmp_path: Path) -> None:
    def validate(candidate: Path) -> None:
        if b"bad" in candidate.read_bytes():
            raise Refused("bad is bad")

    target = FileTarget(tmp_path / "conf", validate=validate)
    target.install(b"good")
    for write in (target.write, target.install):
        with pytest.raises(Refused, match="bad is bad"):
            write(b"bad")
        assert target.read() == b"good"
    assert os.listdir(tmp_path) == ["conf"]


class Daemon:
    """Loads a file when told, and refuses one with ``crash`` in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.loaded: list[bytes] = []

    def reload(self) -> None:
        content = self.path.read_bytes()
        if b"crash" in content:
            raise RuntimeError("crashed")
        self.loaded.append(content)


def test_install_activates_once_per_change(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "conf")
    target = FileTarget(daemon.path, activate=daemon.reload)
    assert target.install(b"one")
    assert not target.install(b"one")
    assert target.install(b"one", active=False)
    assert daemon.loaded == [b"one", b"one"]


def test_failed_activation_brings_the_last_good_back(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "conf")
    target = FileTarget(daemon.path, activate=daemon.reload)
    target.install(b"one")
    with pytest.raises(NotActivated, match="crashed") as caught:
        target.install(b"crash")
    assert caught.value.restored
    assert target.read() == b"one"
    assert daemon.loaded == [b"one", b"one"]


def test_first_install_has_nothing_to_go_back_to(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "conf")
    with pytest.raises(NotActivated) as caught:
        FileTarget(daemon.path, activate=daemon.reload).install(b"crash")
    assert not caught.value.restored


def test_last_good_survives_a_crash_between_writing_and_activating(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "conf")
    FileTarget(daemon.path, activate=daemon.reload).install(b"one")

    def die() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FileTarget(daemon.path, activate=die).install(b"crash")
    successor = FileTarget(daemon.path, activate=daemon.reload)
    assert successor.last_good == b"one"
    with pytest.raises(NotActivated) as caught:
        successor.install(b"crash", active=False)
    assert caught.value.restored
    assert successor.read() == b"one"


def test_one_killed_right_after_its_rename_has_kept_what_it_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def exchanged(one: Path, other: Path) -> bool:
        exchange(one, other)
        raise Killed

    path = tmp_path / "a.conf"
    path.write_bytes(b"first")
    FileTarget(path, versions=2).install(b"old")
    monkeypatch.setattr(target, "exchange", exchanged)
    with pytest.raises(Killed):
        FileTarget(path, versions=2).write(b"new", keep=True)
    monkeypatch.undo()
    after = FileTarget(path, versions=2)
    assert (path.read_bytes(), after.last_good) == (b"new", b"old")
    assert after.version(2).read_bytes() == b"first"


@pytest.mark.parametrize("through", [FileTarget.write, FileTarget.install])
def test_what_one_killed_after_its_rename_left_is_removed(
    tmp_path: Path, through: Callable[[FileTarget, bytes], bool]
) -> None:
    (tmp_path / "a.conf").write_bytes(b"new")
    (tmp_path / ".a.conf.new").write_bytes(b"old")
    assert not through(FileTarget(tmp_path / "a.conf"), b"new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.conf"]


def test_missing_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileTarget(tmp_path / "none" / "conf").write(b"new")


def test_a_planted_link_beside_the_target_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / ".conf.new").symlink_to("precious")
    with pytest.raises(OSError, match="symbolic"):
        FileTarget(tmp_path / "conf").write(b"new")
    assert (tmp_path / "precious").read_bytes() == b"precious"


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    with small_disk(tmp_path / "tiny") as place:
        yield place


def test_full_disk_leaves_the_old_file_whole(tiny_disk: Path) -> None:
    target = FileTarget(tiny_disk / "conf")
    target.write(b"small")
    with pytest.raises(OSError, match="No space left"):
        target.write(b"x" * 200_000)
    assert target.read() == b"small"
    assert os.listdir(tiny_disk) == ["conf"]
    assert target.write(b"other")


def test_what_somebody_writes_in_the_meantime_is_not_lost(tmp_path: Path) -> None:
    """The files are exchanged, and what comes out is looked at."""
    path = tmp_path / "conf"
    path.write_bytes(b"old")

    def edit(candidate: Path) -> None:
        theirs = tmp_path / "theirs"
        theirs.write_bytes(b"edited")
        theirs.replace(path)

    with pytest.raises(Edited) as caught:
        FileTarget(path, validate=edit).write(b"new", over=b"old")
    assert caught.value.content == b"edited"
    assert path.read_bytes() == b"edited"
    assert [file.name for file in tmp_path.iterdir()] == ["conf"]


def test_an_edit_that_is_replaced_on_purpose_is_the_version_that_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "conf"
    path.write_bytes(b"old")

    def edit(_: Path) -> None:
        path.write_bytes(b"edited")

    target = FileTarget(path, validate=edit)
    assert target.write(b"new", keep=True)
    assert path.read_bytes() == b"new"
    assert target.version(1).read_bytes() == b"edited"


def test_what_differs_from_what_may_be_replaced_stays(tmp_path: Path) -> None:
    path = tmp_path / "conf"
    path.write_bytes(b"edited")
    with pytest.raises(Edited):
        FileTarget(path).write(b"new", over=b"old")
    assert path.read_bytes() == b"edited"


def test_the_mark_is_of_what_was_written(tmp_path: Path) -> None:
    target = FileTarget(tmp_path / "conf")
    assert target.mark() == ()
    for content in (b"one", b"two"):
        target.write(content)
        assert target.written == target.mark() != ()
    (tmp_path / "conf").write_bytes(b"ours")
    assert target.written != target.mark()


def test_files_that_cannot_be_exchanged_are_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a file system that knows no exchange."""
    monkeypatch.setattr("lighthouse.files.target.exchange", lambda *_: False)
    target = FileTarget(tmp_path / "conf")
    target.write(b"one")
    target.write(b"two", keep=True, over=b"one")
    assert (tmp_path / "conf").read_bytes() == b"two"
    assert target.version(1).read_bytes() == b"one"
