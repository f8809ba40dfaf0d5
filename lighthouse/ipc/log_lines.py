"""Log lines, as a worker writes them to its standard error and the supervisor reads them.

``<N>logger: text``, N being the syslog level; further lines of a record begin with a TAB.
"""

import io
import logging
import sys
from typing import Final

from lighthouse.text import masked

_LEVELS: Final = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4))
_READ: Final = {
    **dict.fromkeys("0123", logging.ERROR),
    "4": logging.WARNING,
    **dict.fromkeys("56", logging.INFO),
    "7": logging.DEBUG,
}


class Line(logging.Formatter):
    """Formats a record, with its traceback if it has one."""

    def format(self, record: logging.LogRecord) -> str:
        text = "\n\t".join(super().format(record).splitlines())
        return f"<{_syslog(record.levelno)}>{record.name}: {text}"


class MaskedStream(io.TextIOWrapper):
    """What is written to it goes out line by line, without the secrets that are hidden."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        stream.flush()
        super().__init__(stream.buffer, "utf-8", "backslashreplace", line_buffering=True)
        self._under = stream  # which would close the buffer if it were forgotten

    def write(self, text: str) -> int:
        super().write(masked(text))
        return len(text)


class Once:
    """Logs about topics, each only when what is to be said about it is new."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger: Final = logger
        self._said: Final[dict[str, str]] = {}

    def say(self, level: int, topic: str, text: str, detail: str = "") -> None:
        """Log ``topic: text``, then the detail; silence if the text is what was said last."""
        if self._said.get(topic) != text:
            self._said[topic] = text
            self._logger.log(level, "%s: %s%s", topic, text, detail and "\n" + detail)

    def forget(self, *topics: str) -> bool:
        """These are settled. Return True if anything was said about one of them."""
        settled = self._said.keys() & set(topics)
        for topic in settled:
            del self._said[topic]
        return bool(settled)


def begin() -> None:
    """Log to standard error from now on; what a plugin prints goes out line by line."""
    for name in ("stdout", "stderr"):
        setattr(sys, name, MaskedStream(getattr(sys, name)))
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Line())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.raiseExceptions = False


def parse(line: str, before: int) -> tuple[int, str]:
    """The level and the text of a line that follows one of the level ``before``."""
    if len(line) > 2 and line[0] == "<" and line[2] == ">" and line[1] in _READ:
        return _READ[line[1]], line[3:]
    return before if line.startswith("\t") else logging.INFO, line


def _syslog(level: int) -> int:
    for least, digit in _LEVELS:
        if level >= least:
            return digit
    return 6 if level >= logging.INFO else 7
