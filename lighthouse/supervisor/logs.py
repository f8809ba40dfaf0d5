"""The supervisor's log: set up, set up anew, and reopened."""

import logging
import logging.config
import logging.handlers
import sys
from pathlib import Path
from typing import Any, Final

FORMAT: Final = "%(asctime)s %(levelname)-7s %(message)s"
_log: Final = logging.getLogger("lighthouse.supervisor")


def configure(custom: dict[str, Any] | None, file: Path | None, level: str) -> None:
    """Log as ``logging.yaml`` says; else to ``file``, else to standard error.

    A ``logging.yaml`` that cannot be applied is reported and the default used instead.
    """
    default(file, level)
    if custom is None:
        return
    try:
        logging.config.dictConfig({"disable_existing_loggers": False, **custom})
    except (ValueError, TypeError, AttributeError, ImportError, OSError) as error:
        default(file, level)
        _log.error("logging.yaml: %s; logging as by default", error)


def default(file: Path | None, level: str) -> None:
    """One line per event, to a file that log rotation may move, or to standard error."""
    handler: logging.Handler
    if file is None:
        handler = logging.StreamHandler(sys.stderr)
    else:
        handler = logging.handlers.WatchedFileHandler(file, encoding="utf-8", errors="replace")
    handler.setFormatter(logging.Formatter(FORMAT))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.raiseExceptions = False
