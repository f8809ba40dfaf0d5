"""How a line of the log is written: for people, for programs, for the journal."""

import logging
import os
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

TEXT: Final = "%(asctime)s %(levelname)-7s %(message)s"

_IN_JOURNAL: Final = "%(levelname)-7s %(message)s"
"""The journal has the time by itself."""

_PRIORITIES: Final = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
)
_DEBUG: Final = 7


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time``, ``level``, ``logger``, ``message``, and ``traceback``."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created).astimezone()
        said = {
            "time": time.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _encodable(record.getMessage()),
        }
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            said["traceback"] = _encodable(record.exc_text)
        return msgspec.json.encode(said).decode()


class JournalFormatter(logging.Formatter):
    """What another one makes, each line with the priority that sd-daemon(3) describes."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner: Final = inner

    def format(self, record: logging.LogRecord) -> str:
        number = next((n for level, n in _PRIORITIES if record.levelno >= level), _DEBUG)
        lines = self._inner.format(record).splitlines() or [""]
        return "\n".join(f"<{number}>{line}" for line in lines)


def formatter(name: str, in_journal: bool) -> logging.Formatter:
    """The one of that name (``text`` or ``json``), for the journal or for anything else."""
    if name == "json":
        inner: logging.Formatter = JsonFormatter()
    else:
        inner = logging.Formatter(_IN_JOURNAL if in_journal else TEXT)
    return JournalFormatter(inner) if in_journal else inner


def is_journal(descriptor: int, environment: Mapping[str, str]) -> bool:
    """Return True if a descriptor is the stream to the journal that the environment names."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _encodable(text: str) -> str:
    """Bytes of foreign text that are no UTF-8 are written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()
