"""A log file that rotation may move, and a full disk may refuse, at any time."""

import errno
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

MODE: Final = 0o640
"""Of a file that is made; one that is there keeps its own."""

_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK


class LogFile(logging.Handler):
    """Appends one line per record; a file that was moved is left for a new one.

    ``descriptors`` (a daemon's standard output and error) are led to the same file. What
    cannot be written raises ``OSError``; how many lines that cost is the first thing that is
    written when it works again.
    """

    def __init__(self, path: Path, descriptors: Iterable[int] = ()) -> None:
        super().__init__()
        self.path: Final = path
        self._descriptors: Final = tuple(descriptors)
        self._file = -1
        self._torn = False
        self._lost = 0
        self._reason = ""

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record) + "\n"
        try:
            missed = self._follow()
            self._write(line)
        except OSError as error:
            self._lost += 1
            self._reason = error.strerror or str(error)
            error.filename = str(self.path)
            raise
        if missed is not None:
            raise missed

    def follow(self) -> None:
        """Be at the file that has the name now; raises ``OSError`` if there can be none."""
        missed = self._follow()
        if missed is not None:
            raise missed

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        super().close()

    def _follow(self) -> OSError | None:
        """Why the file of that name cannot be had, while another one is still open."""
        try:
            if self._file < 0 or not _same(os.stat(self.path), os.fstat(self._file)):
                self._open()
        except FileNotFoundError:
            return self._tried()
        except OSError as error:
            return self._kept(error)
        return None

    def _tried(self) -> OSError | None:
        try:
            self._open()
        except OSError as error:
            return self._kept(error)
        return None

    def _kept(self, error: OSError) -> OSError:
        if self._file < 0:
            raise error
        return error

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.is_symlink() and self.path.lstat().st_uid not in (0, os.geteuid()):
            raise PermissionError(errno.EPERM, "a link that someone else has put there")
        opened = os.open(self.path, _FLAGS, MODE)
        for descriptor in self._descriptors:
            os.dup2(opened, descriptor)
        if self._file >= 0:
            os.close(self._file)
        self._file, self._torn = opened, False

    def _write(self, line: str) -> None:
        if self._lost:
            line = f"{self.format(self._loss())}\n{line}"
        data = (("\n" if self._torn else "") + line).encode("utf-8", "backslashreplace")
        written = os.write(self._file, data)
        self._torn = written < len(data)
        if self._torn:
            os.write(self._file, data[written:])  # raises what kept it from being whole
            self._torn = False
        self._lost = 0

    def _loss(self) -> logging.LogRecord:
        text = f"{self._lost} lines before this one are lost: {self._reason}"
        fields = {"name": "lighthouse.supervisor", "levelno": logging.ERROR, "levelname": "ERROR"}
        return logging.makeLogRecord({**fields, "msg": text})


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
