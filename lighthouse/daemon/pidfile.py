"""Who is the daemon of a configuration: the process that holds the lock of its pid file.

The number in the file is for people. Whether there is a holder is asked of the kernel, and so
is who it is: a file that a crash or a reboot left behind never counts, nor what anybody has
written into it. A holder is found by its lock even if the file was removed meanwhile.
"""

import contextlib
import errno
import fcntl
import os
import stat
from pathlib import Path
from typing import Final

from lighthouse.daemon.lock_holders import holders, of_process
from lighthouse.process import record_lock

_FLAGS: Final = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_NO_FILE: Final = (errno.ELOOP, errno.EISDIR, errno.ENXIO)
"""What opening a link, a directory or a socket fails with."""


class AlreadyRunning(Exception):
    """Another process is the daemon; ``pid`` names it, 0 if that cannot be told."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"already running (pid {pid or 'unknown'})")
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
        """Take the lock and write this process's pid, if it is not held.

        Raises ``AlreadyRunning`` if another process has it, ``OSError`` if there can be no file.
        """
        while True:
            fd = self._open(os.O_RDWR | os.O_CREAT)
            try:
                self._lock(fd)
            except BaseException:
                os.close(fd)
                raise
            if _names(self.path, fd):
                held, self._fd = self._fd, fd
                if held >= 0:
                    os.close(held)
                self.write()
                return
            os.close(fd)

    def write(self) -> None:
        """State this process's pid, after a fork; what cannot be written is not needed."""
        text = f"{os.getpid()}\n".encode()
        with contextlib.suppress(OSError):
            os.pwrite(self._fd, text, 0)
            os.ftruncate(self._fd, len(text))

    def restore(self) -> bool:
        """Put back what a holder's file lacks: name, number. Returns True if it had to.

        Raises ``AlreadyRunning`` if another process has the name by now, ``OSError`` if it
        cannot be had.
        """
        if not _names(self.path, self._fd):
            _clear(self.path)
            self.acquire()
            return True
        if os.pread(self._fd, 32, 0) != f"{os.getpid()}\n".encode():
            self.write()
            return True
        return False

    def hand_over(self) -> None:
        """Let a forked child be the only holder."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def release(self) -> None:
        """Remove the file and let go of the lock; nothing without it."""
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                if _names(self.path, self._fd):
                    self.path.unlink()
            self.hand_over()

    def owner(self) -> int | None:
        """The pid of the holder, or None if nobody holds the lock. Takes no lock itself.

        It is 0 for a holder of whom the caller may not know more. Raises ``OSError`` if no
        holder is seen, and what has the file's name now cannot be read.
        """
        try:
            fd = self._open(os.O_RDONLY)
        except (FileNotFoundError, NotADirectoryError):
            return self._of_removed()
        except OSError:
            pid = self._of_removed()
            if pid is None:
                raise
            return pid
        try:
            status = os.fstat(fd)
            if not _is_locked(fd):
                return self._of_removed()
            return self._holder((status.st_dev, status.st_ino), _number(fd))
        finally:
            os.close(fd)

    def _open(self, flags: int) -> int:
        """Open the file. Raises ``OSError``, in words if it is a link, a directory or a pipe."""
        try:
            fd = os.open(self.path, flags | _FLAGS, 0o644)
        except OSError as error:
            if error.errno in _NO_FILE:
                raise OSError(f"{self.path} is no regular file: remove it") from None
            raise
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(f"{self.path} is no regular file: remove it")
        return fd

    def _lock(self, fd: int) -> None:
        try:
            fcntl.fcntl(fd, fcntl.F_OFD_SETLK, record_lock.request(fcntl.F_WRLCK))
        except (BlockingIOError, PermissionError):
            if _is_locked(fd):
                status = os.fstat(fd)
                pid = self._holder((status.st_dev, status.st_ino), _number(fd))
                raise AlreadyRunning(pid) from None
            # Whoever may read the file can take a lock for reading: that says nothing.
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()

    def _holder(self, inode: tuple[int, int], number: int) -> int:
        """Who holds the lock of that very file; the number in it is only the first guess."""
        name = self.path.name
        if number and any(found.inode == inode for found in of_process(number, name)):
            return number
        pids = (found.pid for found in holders(name) if found.inode == inode)
        return next(pids, _unseen(number))

    def _of_removed(self) -> int | None:
        """Who holds the lock of a file that had this name and has none any more."""
        path = Path(os.path.realpath(self.path.parent)) / self.path.name
        return next((found.pid for found in holders(path.name) if found.path == path), None)


def _unseen(number: int) -> int:
    """A number that is believed for want of anything better: to be shown, by who sees no more.

    Whoever could send that process a signal could also see that it holds nothing.
    """
    try:
        os.kill(number, 0)
    except PermissionError:
        return number
    except OSError:
        return 0
    return 0


def _clear(path: Path) -> None:
    """Remove a link, a pipe or a socket of that name: no other process can hold it locked."""
    with contextlib.suppress(OSError):
        mode = path.stat(follow_symlinks=False).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            path.unlink()


def _is_locked(fd: int) -> bool:
    """Return True if somebody else holds a lock for writing."""
    return record_lock.holder(fd, fcntl.F_OFD_GETLK, fcntl.F_RDLCK) is not None


def _number(fd: int) -> int:
    """The pid in the file: its first line, since a longer one may just be cut away."""
    line = os.pread(fd, 32, 0).split(b"\n", 1)[0]
    return int(line) if line.isdigit() and len(line) < 10 else 0


def _names(path: Path, fd: int) -> bool:
    """Return True if the path names the opened file: a holder removes it before it lets go."""
    try:
        named = path.stat(follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return False
    opened = os.fstat(fd)
    return (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)
