"""The only place where plugin code is entered, and where whatever it throws is caught."""

import os
import traceback
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

from lighthouse.workers import place
from lighthouse.workers.limits import one_line, tail

P = ParamSpec("P")
T = TypeVar("T")


class PluginError(Exception):
    """A plugin raised; ``reason`` is one line for an operator, ``error`` what was raised.

    ``place`` is where in the plugin, as FILE:LINE, empty if that cannot be told.
    """

    def __init__(self, where: str, error: BaseException) -> None:
        self.what: Final = describe(error)
        self.reason: Final = one_line(f"{where}: {self.what}")
        super().__init__(self.reason)
        self.place: Final = place.of_error(error)
        own = error.__traceback__
        frames = own.tb_next if own is not None else None
        self.traceback: Final = tail(
            "".join(traceback.format_exception(type(error), error, frames))
        )
        # Without its frames, which would keep all of the plugin's locals alive.
        self.error: Final = error.with_traceback(None)


def describe(error: BaseException) -> str:
    """The exception's type and text, on one line."""
    if isinstance(error, OSError):
        return one_line(f"{type(error).__name__}: {error}")
    lines = traceback.format_exception_only(error)
    return one_line(lines[-1] if isinstance(error, SyntaxError) else lines[0])


def call(where: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The function's result; raises ``PluginError`` for anything that it raises.

    A child that the plugin forked and that comes back out of the plugin ends here: only the
    worker itself may go on with the worker's loop.
    """
    pid = os.getpid()
    failure: PluginError | None = None
    try:
        result = function(*args, **kwargs)
    # A plugin may raise anything, SystemExit and KeyboardInterrupt included, and none of it
    # may end the worker.
    except BaseException as error:  # noqa: BLE001
        failure = PluginError(where, error)
    if os.getpid() != pid:
        os._exit(0 if failure is None else 1)
    if failure is not None:
        raise failure
    return result
