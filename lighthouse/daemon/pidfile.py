"""Who is the daemon of a configuration: the process that holds the lock of its pid file.

The number in the file only names the holder. Whether there is one is asked of the kernel, so a
file that a crash or a reboot left behind never counts, whoever has that number now.
"""

import contextlib
import fcntl
import os
import struct
from pathlib import Path
from typing import Final

_FLOCK: Final = struct.Struct("hhqqi0q")


class AlreadyRunning(Exception):
    """Another process is the daemon; ``pid`` names it."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"already running (pid {pid})")
        self.pid: Final = pid


class Pidfile:
    """A file with a pid and a newline, locked for as long as that process lives.

    The lock belongs to the open descriptor: it passes to forked children that keep it, is
    let go by the kernel when the last of them is gone, and no child that is started by exec
    inherits it.
    """

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        self._fd = -1

    def fileno(self) -> int:
        """The descriptor that holds the lock, -1 without it."""
        return self._fd

    def acquire(self) -> None:
        """Take the lock and write this process's pid.

        Raises ``AlreadyRunning`` if another process has it, ``OSError`` if there can be no file.
        """
        while True:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _request(fcntl.F_WRLCK))
            except OSError as error:
                pid = _number(fd)
                os.close(fd)
                if isinstance(error, BlockingIOError | PermissionError):
                    raise AlreadyRunning(pid) from error
                raise
            if _is_still(fd, self.path):
                self._fd = fd
                self.write()
                return
            os.close(fd)

    def write(self) -> None:
        """State this process's pid, after a fork."""
        text = f"{os.getpid()}\n".encode()
        os.pwrite(self._fd, text, 0)
        os.ftruncate(self._fd, len(text))

    def hand_over(self) -> None:
        """Let a forked child be the only holder."""
        os.close(self._fd)
        self._fd = -1

    def release(self) -> None:
        """Remove the file and let go of the lock; nothing without it."""
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                self.path.unlink()
            self.hand_over()

    def owner(self) -> int | None:
        """The pid of the holder, or None if nobody holds the lock. Takes no lock itself.

        Raises ``OSError`` if the file is there and cannot be read.
        """
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            answer = fcntl.fcntl(fd, fcntl.F_OFD_GETLK, _request(fcntl.F_WRLCK))
            if _FLOCK.unpack(answer)[0] == fcntl.F_UNLCK:
                return None
            return _number(fd) or None
        finally:
            os.close(fd)


def _request(kind: int) -> bytes:
    return _FLOCK.pack(kind, os.SEEK_SET, 0, 0, 0)


def _number(fd: int) -> int:
    """The pid in the file: its first line, since a longer one may just be cut away."""
    line = os.pread(fd, 32, 0).split(b"\n", 1)[0]
    return int(line) if line.isdigit() else 0


def _is_still(fd: int, path: Path) -> bool:
    """Whether the opened file is what the path names: a holder removes it before it lets go."""
    try:
        named = path.stat()
    except FileNotFoundError:
        return False
    opened = os.fstat(fd)
    return (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)
