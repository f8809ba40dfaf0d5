"""Lets a thread wait for whatever may take its time to be told: a pipe, a server, a terminal."""

import logging
import os
import queue
import stat
import sys
import threading
import time
from contextlib import suppress
from typing import Final

from lighthouse.supervisor.logs.log_file import LogFile

ROOM: Final = 1000
"""Lines that wait at most; what comes while there is no room is lost, and said so."""

PATIENCE: Final = 2.0
"""Seconds after which it is told that something does not take what it is told."""

_FLUSHING: Final = 1.0


def may_block(handler: logging.Handler) -> bool:
    """Return True unless a handler only ever writes to a plain file."""
    if isinstance(handler, LogFile | logging.NullHandler):
        return False
    stream = handler.stream if isinstance(handler, logging.FileHandler) else None
    try:
        return stream is None or not stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):
        return True


class HandlerThread:
    """Hands records to one handler, in the order in which they came."""

    def __init__(self, handler: logging.Handler) -> None:
        self._handler: Final = handler
        self._records: Final[queue.Queue[logging.LogRecord | None]] = queue.Queue(ROOM)
        self._lost = 0
        self._busy_since: float | None = None
        self._error = ""
        _free_of_buffers(handler)
        self._thread: Final = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    @property
    def error(self) -> str:
        """Why something is lost or late, empty if nothing is."""
        busy = self._busy_since
        if busy is not None and time.monotonic() - busy >= PATIENCE:
            return f"{_named(self._handler)} does not take it; {self._lost} lines are lost"
        return self._error

    def put(self, record: logging.LogRecord) -> None:
        """Never waits; a record that finds no room is lost."""
        try:
            self._records.put_nowait(_complete(record))
        except queue.Full:
            self._lost += 1

    def end(self) -> None:
        """Let it end, and close the handler, once it has handed on what is there."""
        try:
            self._records.put_nowait(None)
        except queue.Full:
            self._abandon()

    def join(self) -> None:
        """Wait a moment for its end; one that is stuck must not keep the process from ending."""
        self._thread.join(_FLUSHING)
        if self._thread.is_alive():
            self._abandon()

    def failed(self, error: BaseException | None) -> None:
        """What the handler itself says of the record in hand."""
        self._error = "" if error is None else words(error)

    def _run(self) -> None:
        while (record := self._records.get()) is not None:
            self._busy_since = time.monotonic()
            self._error = ""
            try:
                if self._lost:
                    lost, self._lost = self._lost, 0
                    self._handler.handle(_loss(lost))
                self._handler.handle(record)
            except Exception as error:  # noqa: BLE001  a handler may raise whatever it likes
                self.failed(error)
            self._busy_since = None
        with suppress(Exception):  # it writes what is left, which may fail like any other write
            self._handler.close()

    def _abandon(self) -> None:
        """Whoever shuts down logging would wait for the lock that the stuck thread holds."""
        self._handler.lock = None


class _Unbuffered:
    """Standard output or error without a buffer, whose lock would outlive a stuck write."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: Final = descriptor

    def write(self, text: str) -> int:
        data = text.encode("utf-8", "backslashreplace")
        while data:
            data = data[os.write(self._descriptor, data) :]
        return len(text)

    def flush(self) -> None:
        """There is nothing to flush."""


def _free_of_buffers(handler: logging.Handler) -> None:
    if isinstance(handler, logging.StreamHandler):
        for descriptor, stream in ((1, sys.stdout), (2, sys.stderr)):
            if handler.stream is stream:
                handler.setStream(_Unbuffered(descriptor))


def _complete(record: logging.LogRecord) -> logging.LogRecord:
    """A record that says the same whatever becomes of what it is about."""
    whole = logging.makeLogRecord(record.__dict__)
    whole.msg, whole.args = record.getMessage(), None
    if record.exc_info and not record.exc_text:
        whole.exc_text = logging.Formatter().formatException(record.exc_info)
    whole.exc_info = None
    return whole


def _loss(count: int) -> logging.LogRecord:
    text = f"{count} lines before this one are lost: they were not taken in time"
    fields = {"name": "lighthouse.supervisor", "levelno": logging.ERROR, "levelname": "ERROR"}
    return logging.makeLogRecord({**fields, "msg": text})


def _named(handler: logging.Handler) -> str:
    return handler.get_name() or type(handler).__name__


def words(error: BaseException) -> str:
    """What went wrong, with its cause, on one line."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}"
    text = " ".join(str(error).split()) or type(error).__name__
    return text if error.__cause__ is None else f"{text}: {words(error.__cause__)}"
