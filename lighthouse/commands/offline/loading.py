"""Has a plugin loaded as the daemon would, by a worker that is given nothing to do."""

import contextlib
import os
import select
import signal
import time
from typing import Final

from lighthouse.ipc.channel import Channel, Closed
from lighthouse.ipc.messages import Failed, Ready
from lighthouse.process.spawn import WorkerProcess

WITHIN: Final = 30.0
"""Seconds that loading a plugin may take: the default ``start_timeout``."""


def load(kind: str, plugin: str, within: float = WITHIN) -> Ready | Failed:
    """What its worker says of a plugin; the worker is ended then."""
    channel, theirs = Channel.pair()
    with contextlib.closing(theirs):
        words = (plugin, plugin)
        process = WorkerProcess(kind, words, theirs.fileno(), os.devnull)
    try:
        return _said(channel, time.monotonic() + within, within)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        channel.close()


def _said(channel: Channel, deadline: float, within: float) -> Ready | Failed:
    while (left := deadline - time.monotonic()) > 0:
        select.select([channel], [], [], left)
        try:
            while (received := channel.receive()) is not None:
                if isinstance(received[0], Ready | Failed):
                    return received[0]
        except Closed as closed:
            return Failed(f"its worker ended while it loaded it: {closed}")
    return Failed(f"it is not loaded within {within:g} s: killed; look at what its import does")
