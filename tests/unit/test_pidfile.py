"""Who holds a pid file: what the kernel says of its lock, and nothing that anybody wrote."""

import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from lighthouse.daemon.pidfile import AlreadyRunning, Pidfile

_READING = struct.pack("hhqqi0q", fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Pidfile]:
    pidfile = Pidfile(tmp_path / "x.pid")
    pidfile.acquire()
    yield pidfile
    pidfile.release()


@pytest.mark.parametrize("text", ["1\n", "garbage", "", "0", "-1", "99999999999999999999"])
def test_the_holder_is_found_whatever_the_file_says(held: Pidfile, text: str) -> None:
    held.path.write_text(text)
    assert Pidfile(held.path).owner() == os.getpid()
    with pytest.raises(AlreadyRunning, match=str(os.getpid())):
        Pidfile(held.path).acquire()
    assert held.restore()
    assert held.path.read_text() == f"{os.getpid()}\n"
    assert not held.restore()


def test_the_holder_of_a_removed_file_is_found_and_puts_it_back(held: Pidfile) -> None:
    held.path.unlink()
    assert Pidfile(held.path).owner() == os.getpid()
    assert held.restore()
    assert held.path.read_text() == f"{os.getpid()}\n"
    assert Pidfile(held.path).owner() == os.getpid()


def test_a_name_that_another_one_took_is_not_taken_back(held: Pidfile) -> None:
    held.path.unlink()
    other = Pidfile(held.path)
    other.acquire()
    with pytest.raises(AlreadyRunning):
        held.restore()
    held.release()
    assert other.path.exists()
    other.release()


def test_a_lock_for_reading_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.pid"
    path.write_text("1\n")
    stranger = os.open(path, os.O_RDONLY)
    fcntl.fcntl(stranger, fcntl.F_OFD_SETLK, _READING)
    pidfile = Pidfile(path)
    assert pidfile.owner() is None
    pidfile.acquire()
    assert Pidfile(path).owner() == os.getpid()
    pidfile.release()
    os.close(stranger)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "x.pid").symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        Pidfile(tmp_path / "x.pid").acquire()
    assert victim.read_text() == "precious"
