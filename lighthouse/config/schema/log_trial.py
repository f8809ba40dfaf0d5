"""A trial of ``logging.yaml``: all that it describes is made, and thrown away.

Nothing is put in force, and no log file is opened or made: whether one can be written is
another day's matter, and told by the daemon.
"""

import copy
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from logging.config import DictConfigurator
from typing import Any

from lighthouse.schema import Problem


def rejections(config: Mapping[str, Any]) -> Iterator[Problem]:
    """What the logging package refuses, with its reason, at its place."""
    return _Trial(copy.deepcopy(dict(config))).problems()


class _Trial(DictConfigurator):
    """Makes each part as ``dictConfig`` would, in its order."""

    def problems(self) -> Iterator[Problem]:
        makers = {
            "formatters": self.configure_formatter,
            "filters": self.configure_filter,
            "handlers": self.configure_handler,
        }
        for kind, make in makers.items():
            parts = self.config.setdefault(kind, {})
            for name in sorted(parts, key=lambda name: _is_target_of(parts[name])):
                yield from self._try(kind, name, make)

    def _try(self, kind: str, name: str, make: Callable[[Any], Any]) -> Iterator[Problem]:
        part = self.config[kind][name]
        if kind == "handlers" and _opens_a_file(self, part):
            part["delay"] = True
        try:
            made = make(part)
        # It makes whatever classes the file names, and those raise what they like.
        except Exception as error:  # noqa: BLE001
            yield Problem((kind, name), _words(error))
            return
        if isinstance(made, logging.Handler):
            with suppress(OSError, ValueError):
                made.close()
        self.config[kind][name] = made


def _is_target_of(part: object) -> bool:
    """Return True for a handler that hands on to another one, which has to be made first."""
    return isinstance(part, Mapping) and "target" in part


def _opens_a_file(trial: DictConfigurator, part: Mapping[str, Any]) -> bool:
    """Return True for the standard handlers that open a file as they are made."""
    try:
        found = trial.resolve(part["class"])
    except (KeyError, ValueError, ImportError, TypeError, AttributeError):
        return False
    standard = getattr(found, "__module__", "") in ("logging", "logging.handlers")
    return standard and isinstance(found, type) and issubclass(found, logging.FileHandler)


def _words(error: BaseException) -> str:
    """A reason with all its causes, on one line."""
    words = " ".join(str(error).split()) or type(error).__name__
    cause = "" if error.__cause__ is None else _words(error.__cause__)
    return words if cause in words else f"{words}: {cause}"
