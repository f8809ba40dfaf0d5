"""The supervisor's log: set up, set up anew, and never a reason to end.

A log only tells. What cannot be told (the disk is full, the terminal is gone, a handler of
``logging.yaml`` raises) is lost, and said in the status; what was going on goes on.
"""

import logging
import logging.config
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from lighthouse.supervisor.logs.formats import formatter, is_journal
from lighthouse.supervisor.logs.log_file import LogFile
from lighthouse.supervisor.logs.log_queue import HandlerThread, may_block, words

_STREAMS: Final = (1, 2)
_log: Final = logging.getLogger("lighthouse.supervisor")


class TolerantHandler(logging.Handler):
    """Hands records to another handler, in a thread if that one may block."""

    def __init__(self, inner: logging.Handler) -> None:
        super().__init__(inner.level)
        self._inner: Final = inner
        self._error = ""
        self._failure: BaseException | None = None
        self._thread: Final = HandlerThread(inner) if may_block(inner) else None
        inner.handleError = self._failed  # type: ignore[method-assign]

    @property
    def error(self) -> str:
        """Why what was told last is lost, empty if it is not."""
        return self._error if self._thread is None else self._thread.error

    @property
    def file(self) -> Path | None:
        """The daemon's own log, if this is it."""
        return self._inner.path if isinstance(self._inner, LogFile) else None

    def handle(self, record: logging.LogRecord) -> bool:
        if self._thread is not None:
            self._thread.put(record)
            return True
        self._failure = None
        handled = False
        try:
            handled = bool(self._inner.handle(record))
        # Whatever a handler may raise: the log must not end what it tells of.
        except Exception as error:  # noqa: BLE001
            self._failure = error
        self._error = "" if self._failure is None else words(self._failure)
        return handled

    def write_as(self, formatter: logging.Formatter) -> None:
        """Write what comes now in this format."""
        self._inner.setFormatter(formatter)

    def follow(self) -> None:
        """Leave a file that was moved, though there is nothing to write."""
        if isinstance(self._inner, LogFile):
            with suppress(OSError):
                self._inner.follow()

    def close(self) -> None:
        if self._thread is not None:
            self._thread.end()
        else:
            # Closing writes what is left, which may fail like any other write.
            with suppress(OSError, ValueError):
                self._inner.close()
        super().close()

    def join(self) -> None:
        """Wait a moment until what was told is written; after ``close``."""
        if self._thread is not None:
            self._thread.join()

    def _failed(self, record: logging.LogRecord) -> None:
        self._failure = sys.exc_info()[1]
        if self._thread is not None:
            self._thread.failed(self._failure)


class Logs:
    """Logs to ``file``, or without one to standard error, until configured otherwise.

    With a ``file`` (of a daemon in the background) standard output and error lead to it too.
    """

    def __init__(self, file: Path | None) -> None:
        self._background: Final = file is not None
        self._output: LogFile | None = None
        self._streams_error = ""
        self._refused = ""
        logging.raiseExceptions = False
        self._applied: dict[str, Any] | None = None
        self.configure(None, file, "info")

    def configure(
        self, custom: dict[str, Any] | None, file: Path | None, level: str, form: str = "text"
    ) -> None:
        """Log as ``logging.yaml`` says, opening files anew; else to ``file`` or standard error.

        If that cannot be applied, the last one that could be stays, or else the default.
        """
        self._follow_with_streams(file)
        self._refused = ""
        if custom is None:
            self._applied = None
            _default(file, level, form)
            return
        try:
            _apply(custom)
            self._applied = custom
        # dictConfig makes whatever classes it is told to make, and those raise what they like.
        except Exception as error:  # noqa: BLE001
            self._refused = words(error)
            self._fall_back(file, level, form)
            _log.error("logging.yaml cannot be applied: %s", self._refused)

    def follow(self) -> None:
        """Leave a file that was moved, also with standard output and error."""
        for handler in _handlers():
            handler.follow()
        if self._output is not None:
            self._streams_error = ""
            try:
                self._output.follow()
            except OSError as error:
                self._streams_error = words(error)

    def close(self) -> None:
        """Write what is left, as far as that takes no time."""
        handlers = set(_handlers())
        _clear()
        for handler in handlers:
            handler.join()

    def problems(self) -> list[str]:
        """Why something is not told, or told elsewhere than wanted, in words."""
        found = []
        if self._refused:
            kept = "the one before" if self._applied is not None else "the default"
            found.append(f"logging.yaml cannot be applied, {kept} is in force: {self._refused}")
        errors = {handler.error for handler in _handlers() if handler.error}
        if self._streams_error:
            errors.add(self._streams_error)
        found.extend(f"the log cannot be written: {error}" for error in sorted(errors))
        return found

    def _fall_back(self, file: Path | None, level: str, form: str) -> None:
        if self._applied is not None:
            # It was applied once, but its files and sockets may be gone by now.
            with suppress(Exception):
                _apply(self._applied)
                return
        self._applied = None
        _default(file, level, form)

    def _follow_with_streams(self, file: Path | None) -> None:
        if self._background and file is not None:
            if self._output is None or self._output.path != file:
                if self._output is not None:
                    self._output.close()
                self._output = LogFile(file, _STREAMS)
            self.follow()


def _default(file: Path | None, level: str, form: str) -> None:
    """One line per event, to a file that log rotation may move, or to standard error."""
    written = formatter(form, file is None and is_journal(_STREAMS[1], os.environ))
    root = logging.getLogger()
    root.setLevel(level.upper())
    known = [*_handlers()]
    if file is not None and [handler.file for handler in known] == [file]:
        known[0].write_as(written)
        return  # it follows its file by itself, and knows what of it was lost
    handler = logging.StreamHandler(sys.stderr) if file is None else LogFile(file)
    handler.setFormatter(written)
    _clear()
    root.addHandler(TolerantHandler(handler))


def _apply(custom: dict[str, Any]) -> None:
    _clear()
    logging.config.dictConfig({"disable_existing_loggers": False, **custom})
    tolerant: dict[logging.Handler, TolerantHandler] = {}
    for logger in _loggers():
        for handler in list(logger.handlers):
            logger.removeHandler(handler)
            logger.addHandler(tolerant.setdefault(handler, TolerantHandler(handler)))


def _clear() -> None:
    for logger in _loggers():
        for handler in list(logger.handlers):
            logger.removeHandler(handler)
            with suppress(OSError, ValueError):
                handler.close()


def _loggers() -> Iterator[logging.Logger]:
    yield logging.getLogger()
    known = list(logging.getLogger().manager.loggerDict.values())
    yield from (logger for logger in known if isinstance(logger, logging.Logger))


def _handlers() -> Iterator[TolerantHandler]:
    for logger in _loggers():
        yield from (h for h in logger.handlers if isinstance(h, TolerantHandler))
