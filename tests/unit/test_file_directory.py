"""One cluster's directory on a clock of the test's own."""

import errno
import os
from pathlib import Path

import pytest

from lighthouse.file.directory import GRACE, SLACK, Directory


def record(port: int, **marks: object) -> str:
    extra = "".join(f', "{key}": {value}' for key, value in marks.items())
    return f'{{"ip": "10.0.0.1", "port": {port}{extra}}}'


def scanned(directory: Directory, now: float) -> Directory:
    directory.scan(directory.names(), now)
    return directory


def ports(directory: Directory) -> list[int]:
    return [node.port for node in directory.reading().nodes]


def reasons(directory: Directory) -> dict[str, str]:
    return {refusal.record: refusal.reason for refusal in directory.reading().refused}


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    return Directory(str(tmp_path))


def test_a_silent_node_expires_and_comes_back(directory: Directory, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(record(1, ttl=10, beat=1))
    (tmp_path / "b.json").write_text(record(2))
    scanned(directory, 100.0)
    due = directory.deadline()
    assert due == 110.0 + SLACK
    directory.expire(due - 0.1)
    assert ports(directory) == [1, 2]
    directory.expire(due)
    assert ports(directory) == [2]
    assert "no heartbeat" in reasons(directory)["a.json"]
    assert "ttl 10 s" in reasons(directory)["a.json"]
    assert directory.deadline() is None
    scanned(directory, 200.0)
    directory.look("a.json", 200.0, force=True)
    assert ports(directory) == [2], "reading it again is no heartbeat"
    file.write_text(record(1, ttl=10, beat=23))
    directory.look_volatile(300.0)
    assert ports(directory) == [1, 2]
    assert directory.deadline() == 310.0 + SLACK


def test_a_heartbeat_that_nothing_told_of_is_found_in_time(
    directory: Directory, tmp_path: Path
) -> None:
    file = tmp_path / "a.json"
    file.write_text(record(1, ttl=10, beat=1))
    scanned(directory, 0.0)
    directory.reading()
    file.write_text(record(1, ttl=10, beat=1234))
    directory.expire(10.0 + SLACK)
    assert not directory.changed, "a heartbeat is nothing new"
    assert ports(directory) == [1]
    assert directory.deadline() == 20.0 + SLACK + SLACK


def test_the_time_of_the_file_is_of_no_account(directory: Directory, tmp_path: Path) -> None:
    for port, time in ((1, 0), (2, 2**33)):
        file = tmp_path / f"{port}.json"
        file.write_text(record(port, ttl=10))
        os.utime(file, (time, time))
    scanned(directory, 50.0)
    directory.expire(60.0)
    assert ports(directory) == [1, 2]


def test_a_half_written_file_keeps_its_node_for_a_moment(
    directory: Directory, tmp_path: Path
) -> None:
    file = tmp_path / "a.json"
    file.write_text(record(1))
    scanned(directory, 1.0)
    directory.reading()
    file.write_text(record(1)[:9])
    directory.look("a.json", 2.0, force=True)
    assert not directory.changed
    assert directory.deadline() == 2.0 + GRACE
    directory.look("a.json", 2.1, force=True)
    assert directory.deadline() == 2.0 + GRACE, "the moment does not start anew"
    directory.expire(2.0 + GRACE)
    assert ports(directory) == []
    assert "JSON" in reasons(directory)["a.json"]
    assert directory.deadline() is None
    file.write_text(record(3))
    directory.look("a.json", 3.0, force=True)
    assert ports(directory) == [3]
    assert reasons(directory) == {}


def test_a_new_file_is_not_refused_before_it_can_be_whole(
    directory: Directory, tmp_path: Path
) -> None:
    (tmp_path / "a.json").touch()
    scanned(directory, 1.0)
    assert (ports(directory), reasons(directory)) == ([], {})
    (tmp_path / "a.json").write_text(record(1))
    directory.expire(1.0 + GRACE)
    assert (ports(directory), reasons(directory)) == ([1], {})


def test_a_file_that_cannot_be_read_keeps_its_node(
    directory: Directory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An I/O error cannot be made here without a broken disk, so ``os.open`` is replaced."""
    file = tmp_path / "a.json"
    file.write_text(record(1, ttl=10))
    scanned(directory, 0.0)
    (tmp_path / "new.json").write_text(record(2))

    def broken(*args: object, **keys: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", broken)
        directory.expire(10.0 + SLACK)
        scanned(directory, 12.0)
        assert ports(directory) == [1], "an error is not a missing heartbeat either"
        assert reasons(directory) == {"new.json": "cannot be read: Input/output error"}
        assert directory.deadline() is None
    directory.look_volatile(50.0)
    assert ports(directory) == [1, 2]
    assert directory.deadline() == 60.0 + SLACK


def test_a_directory_that_is_replaced_is_not_empty_in_between(tmp_path: Path) -> None:
    path = tmp_path / "c"
    path.mkdir()
    (path / "a.json").write_text(record(1))
    directory = scanned(Directory(str(path)), 0.0)
    directory.reading()
    path.rename(tmp_path / "old")
    directory.vanish(5.0)
    assert not directory.changed
    assert directory.deadline() == 5.0 + GRACE
    (tmp_path / "old").rename(path)
    scanned(directory, 5.1)
    assert not directory.changed
    assert directory.deadline() is None
    directory.vanish(6.0)
    directory.vanish(6.0 + GRACE)
    assert directory.changed
    assert ports(directory) == []


def test_a_first_reading_is_news_even_if_there_is_nothing(directory: Directory) -> None:
    assert not directory.read_before
    directory.vanish(0.0)
    assert directory.read_before
    assert directory.changed


def test_a_directory_is_restless_twice(directory: Directory, tmp_path: Path) -> None:
    assert [directory.restless() for _ in range(3)] == [True, True, False]
    (tmp_path / "a.json").touch()
    os.utime(tmp_path, ns=(1, 1))
    assert [directory.restless() for _ in range(3)] == [True, True, False]
