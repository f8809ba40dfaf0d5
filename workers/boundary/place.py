"""Where something stands in a plugin's source, as FILE:LINE; empty if nobody can tell."""

import importlib
import linecache
import os
import re
import sys
from types import CodeType, FrameType, TracebackType
from typing import Final

import pluggy

_CALLERS: Final = ("importlib", "pluggy", "lighthouse.workers", "__main__")
"""Packages that load a plugin and call it, and are never at fault."""

_WRAPPED: Final = 20
"""So many decorators may lie around a function."""

_LIBRARY: Final = os.path.dirname(os.__file__) + os.sep

_LOADERS: Final = (
    "<frozen importlib",
    os.path.dirname(importlib.__file__) + os.sep,
    os.path.dirname(pluggy.__file__) + os.sep,
    os.path.dirname(os.path.dirname(__file__)) + os.sep,
)
"""Where the code lies that finds, loads and calls plugins: Python's, pluggy's and the workers'."""


def of_error(error: BaseException) -> str:
    """The place in the plugin where an exception comes from, whoever raised it in the end.

    That is the last line of the package in which the call began.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno or 1}"
    found, package = "", ""
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", "?"))
        called = not module.startswith(_CALLERS) and not _has_no_file(trace)
        if not package and called:
            package = module.partition(".")[0]
        if called and module.partition(".")[0] == package:
            found = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found


def loads(file: str) -> bool:
    """Return True if this file's code finds, loads or calls plugins, and is none of theirs."""
    return file.startswith(_LOADERS)


def of_frame(frame: FrameType | None) -> str:
    """Where in the plugin a thread stands, not counting the standard library."""
    while frame is not None:
        file = frame.f_code.co_filename
        if str(frame.f_globals.get("__name__", "?")).startswith("lighthouse.workers"):
            break
        if not file.startswith((_LIBRARY, "<")) or "/site-packages/" in file:
            return f"{file}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def of_function(function: object) -> str:
    """Where a function, a method or what wraps one is defined."""
    inner = getattr(function, "__func__", None) or getattr(function, "fget", None) or function
    for _ in range(_WRAPPED):
        inner = getattr(inner, "__wrapped__", inner)
    code = getattr(inner, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if isinstance(code, CodeType) else ""


def of_class(owner: type) -> str:
    """Where a class is defined."""
    file = getattr(sys.modules.get(owner.__module__), "__file__", None) or ""
    begin = re.compile(rf"\s*class\s+{re.escape(owner.__name__)}\b")
    lines = linecache.getlines(file)
    found = next((n for n, line in enumerate(lines, 1) if begin.match(line)), None)
    return "" if found is None else f"{file}:{found}"


def _has_no_file(trace: TracebackType) -> bool:
    return trace.tb_frame.f_code.co_filename.startswith("<")
