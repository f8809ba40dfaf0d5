"""Who holds a pid file: what the kernel says of its lock, and nothing that anybody wrote."""

import fcntl
import os
import socket
import struct
from collections.abc import Callable, Iterator
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


def _put_a_link(path: Path) -> None:
    path.symlink_to("/no/such/place")


def _put_a_loop(path: Path) -> None:
    path.symlink_to(path.name)


def _put_a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


@pytest.mark.parametrize("put", [_put_a_link, _put_a_loop, _put_a_socket, os.mkfifo])
def test_the_holder_is_found_and_puts_its_file_back_where_something_else_lies(
    held: Pidfile, put: Callable[[Path], None]
) -> None:
    held.path.unlink()
    put(held.path)
    assert Pidfile(held.path).owner() == os.getpid()
    assert held.restore()
    assert not held.path.is_symlink()
    assert held.path.read_text() == f"{os.getpid()}\n"


def test_the_holder_is_found_behind_a_directory_which_nobody_removes(held: Pidfile) -> None:
    held.path.unlink()
    held.path.mkdir()
    assert Pidfile(held.path).owner() == os.getpid()
    with pytest.raises(OSError, match="is no regular file: remove it"):
        held.restore()
    assert Pidfile(held.path).owner() == os.getpid()


@pytest.mark.parametrize("put", [_put_a_link, _put_a_loop, _put_a_socket, os.mkfifo, os.mkdir])
def test_what_is_no_file_is_not_locked_and_tells_of_no_holder(
    tmp_path: Path, put: Callable[[Path], None]
) -> None:
    path = tmp_path / "x.pid"
    put(path)
    for ask in (Pidfile(path).owner, Pidfile(path).acquire):
        with pytest.raises(OSError, match="is no regular file: remove it"):
            ask()


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
    with pytest.raises(OSError, match="no regular file"):
        Pidfile(tmp_path / "x.pid").acquire()
    assert victim.read_text() == "precious"
