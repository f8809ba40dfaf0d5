"""The only place where plugin code is entered, and where whatever it throws is caught."""

import errno
import os
import threading
import traceback
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

from lighthouse.process.trace import TracedProcess
from lighthouse.workers.boundary import place
from lighthouse.workers.boundary.limits import one_line, tail

P = ParamSpec("P")
T = TypeVar("T")


class HostedPlugin:
    """The one plugin that this process hosts: whose it is, and which of its methods runs."""

    def __init__(self) -> None:
        self._source = ""
        self._traced: TracedProcess | None = None
        self._thread = 0

    def follow(self, traced: TracedProcess) -> None:
        """Note there what this thread calls."""
        self._traced, self._thread = traced, threading.get_ident()

    def come_from(self, source: str) -> None:
        """The distribution and the entry point; empty for one that comes with Lighthouse."""
        self._source = source
        if self._traced is not None:
            self._traced.of(source)

    def at(self, work: str) -> None:
        """This method is called now; none, if empty."""
        if self._traced is not None and threading.get_ident() == self._thread:
            self._traced.at(work)

    def located(self, text: str, where: str) -> str:
        """A text about the plugin with whose it is, and FILE:LINE of what it is about."""
        if not self._source:
            return text
        return f"{text} ({', '.join(filter(None, (self._source, where)))})"


hosted: Final = HostedPlugin()


class PluginError(Exception):
    """A plugin raised; ``reason`` is one line for an operator, ``error`` what was raised.

    ``place`` is where in the plugin, as FILE:LINE, empty if that cannot be told.
    """

    def __init__(self, where: str, error: BaseException) -> None:
        self.what: Final = describe(error)
        self.reason: Final = one_line(f"{where}: {self.what}")
        super().__init__(self.reason)
        self.place: Final = place.of_error(error)
        self.traceback: Final = tail(_traceback(error))
        # Without its frames, which would keep all of the plugin's locals alive.
        self.error: Final = error.with_traceback(None)

    @property
    def is_expected(self) -> bool:
        """Return True if it says that something outside is not there: no fault of the plugin."""
        return isinstance(self.error, OSError) and self.error.errno != errno.EBADF

    @property
    def located(self) -> str:
        """The reason, and where it comes from unless it is expected."""
        return self.reason if self.is_expected else hosted.located(self.reason, self.place)


def _traceback(error: BaseException) -> str:
    """The traceback without what loads and calls plugins; empty if nothing of a plugin is left.

    A ``SyntaxError`` keeps the line that is wrong.
    """
    found = traceback.TracebackException.from_exception(error)
    pending = [found]
    while pending:
        one = pending.pop()
        kept = [frame for frame in one.stack if not place.loads(frame.filename)]
        one.stack = traceback.StackSummary.from_list(kept)
        pending += filter(None, (one.__cause__, one.__context__))
    bare = not found.stack and not found.__cause__ and not found.__context__
    if bare and not isinstance(error, SyntaxError):
        return ""
    lines = found.format_exception_only() if bare else found.format()
    return "".join(lines)


def describe(error: BaseException) -> str:
    """The exception's type and text, on one line."""
    if isinstance(error, OSError):
        return one_line(f"{type(error).__name__}: {error}")
    lines = traceback.format_exception_only(error)
    return one_line(lines[-1] if isinstance(error, SyntaxError) else lines[0])


def call(where: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The function's result; raises ``PluginError`` for anything that it raises.

    ``where`` is the method's name, for those who are told what it raises or that it hangs. A
    child that the plugin forked and that comes back out of the plugin ends here: only the
    worker itself may go on with the worker's loop.
    """
    pid = os.getpid()
    failure: PluginError | None = None
    hosted.at(where)
    try:
        result = function(*args, **kwargs)
    # A plugin may raise anything, SystemExit and KeyboardInterrupt included, and none of it
    # may end the worker.
    except BaseException as error:  # noqa: BLE001
        failure = PluginError(where, error)
    if os.getpid() != pid:
        os._exit(0 if failure is None else 1)
    hosted.at("")
    if failure is not None:
        raise failure
    return result
