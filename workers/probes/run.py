"""One performance of a check, in a thread of its own."""

import copy
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Final

import msgspec

from lighthouse.check import Check, Result
from lighthouse.node import Node, Refused, parse
from lighthouse.service import Probe
from lighthouse.workers.boundary import place
from lighthouse.workers.boundary.limits import one_line, redacted, shown, tail
from lighthouse.workers.boundary.plugin_call import PluginError, call, hosted

_STACK: Final = 1500
"""Characters of the stack of one performance."""

_NOTHING: Final = Node("127.0.0.1", "127.0.0.1", 1)


ProbeKey = tuple[str, int]
"""A service's file and a port."""

_log: Final = logging.getLogger("lighthouse.worker")


class ProbeResult(msgspec.Struct, frozen=True):
    """What came of a performance; ``error`` is set if the plugin raised.

    ``breach`` says what it returned, if that is no result, and ``odd`` what of its metadata is
    not published as it is.
    """

    result: Result
    took: float
    error: PluginError | None = None
    breach: str = ""
    odd: str = ""


class Performance:
    """Runs once; nobody waits for it, and whoever started it may stop caring."""

    def __init__(
        self,
        plugin: type[Check],
        instance: Check | None,
        probe: Probe,
        finished: Callable[["Performance"], None],
    ) -> None:
        self._plugin: Final = plugin
        self._probe: Final = probe
        self._finished: Final = finished
        self._thread: Final = threading.Thread(
            target=self._run, name=f"{probe.service}:{probe.port}", daemon=True
        )
        self._cancelled = False
        self.key: Final = probe.key
        self.started_at: Final = time.monotonic()
        self.instance = instance
        self.finding: ProbeResult | None = None

    def start(self) -> None:
        self._thread.start()

    def alive(self) -> bool:
        """Return True while its thread runs."""
        return self._thread.is_alive()

    def stands_at(self) -> str:
        """Where in the plugin its thread is just now, as FILE:LINE."""
        return place.of_frame(self._frame())

    def stack(self) -> str:
        """The stack of its thread, empty if that has ended."""
        frame = self._frame()
        return "" if frame is None else tail("".join(traceback.format_stack(frame)), _STACK)

    def timed_out(self) -> str:
        """That it has not returned in time, and whose code does not."""
        told = f"timed out after {self._probe.timeout:g} s"
        return one_line(hosted.located(told, self.stands_at()))

    def cancel(self) -> None:
        """Nobody waits for it any more: the plugin ends what it has started."""
        self._cancelled = True
        if self.instance is None:
            return
        try:
            call("cancel", self.instance.cancel)
        except PluginError as failure:
            _log.error("%s\n%s", failure.reason, failure.traceback)

    def _frame(self) -> FrameType | None:
        return sys._current_frames().get(self._thread.ident or 0)

    def _run(self) -> None:
        error, breach, odd = None, "", ""
        try:
            instance = self.instance
            if instance is None:
                instance = call("cannot be created", self._plugin)
                config = copy.deepcopy(self._probe.config)
                call("apply_config", instance.apply_config, config)
                self.instance = instance  # not before: one without its config is of no use
            if self._cancelled:
                return
            perform = instance.perform
            found = call("perform", perform, self._probe.host, self._probe.port, self._timeout)
            breach = breach_of(found)
            where = place.of_function(self._plugin.perform)
            told = one_line(hosted.located(breach, where))
            result, odd = (Result(False, told), "") if breach else checked(found)
        except PluginError as failure:
            error = failure
            told = failure.what
            if not failure.is_expected:
                told = one_line(hosted.located(told, failure.place))
            result = Result(False, told)
        self.finding = ProbeResult(result, time.monotonic() - self.started_at, error, breach, odd)
        self._finished(self)

    @property
    def _timeout(self) -> float:
        return self._probe.timeout


def breach_of(found: object) -> str:
    """Why what a plugin returned is no result, empty if it is one."""
    if not isinstance(found, Result):
        return one_line(f"perform returned {shown(found)}, expected a Result")
    if not isinstance(found.passing, bool):
        return one_line(f"perform returned Result({shown(found.passing)}), expected True or False")
    return ""


def checked(found: Result) -> tuple[Result, str]:
    """A plugin's result as it may be published, and what of its metadata is not."""
    reason = one_line(str(found.reason))
    again = found.look_again if isinstance(found.look_again, int | float) else None
    if not found.metadata:
        return Result(found.passing, reason, look_again=again), ""
    node, wrong = _NOTHING, ""
    if not isinstance(found.metadata, Mapping):
        wrong = f"its metadata is not published: {shown(found.metadata)}, expected a map"
    else:
        try:
            node = parse({"ip": "127.0.0.1", "port": 1, "metadata": found.metadata})
            names = [name for name in found.metadata if not isinstance(name, str)]
            odd = [f"its metadata has the name {shown(name)}, which is no text" for name in names]
            wrong = "; ".join((*node.notes, *odd))
        except (Refused, TypeError, ValueError, RecursionError) as error:
            wrong = f"its metadata is not published: {error}"
    wrong = one_line(wrong)
    reason = one_line("; ".join(filter(None, (reason, wrong))))
    return Result(found.passing, reason, redacted(node.metadata), again), wrong
