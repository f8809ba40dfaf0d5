"""What a process is doing, for whoever started it, though the process itself may hang.

Both share a piece of memory. The process notes there what it is about to call; and at a signal,
whatever it does just then, its interpreter writes the stacks of all of its threads there.
"""

import faulthandler
import fcntl
import functools
import mmap
import os
import re
import signal
from typing import Final

SIGNAL: Final = signal.SIGRTMIN + 7
"""Asks for the stacks; no plugin is likely to have a use of its own for it."""

_WORK: Final = 256
_SOURCE: Final = 768
_SIZE: Final = 64 * 1024
"""Bytes: of what is called, of whose code that is, of all with the stacks behind them."""

_SEALS: Final = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
_FRAME: Final = re.compile(r'  File "(.+)", line (\d+) in (.+)')
_CALLER: Final = "/plugin_call.py"


class Trace:
    """The memory, as the one who starts the process sees it; owns its descriptor."""

    def __init__(self) -> None:
        self._descriptor: Final = os.memfd_create("trace", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.truncate(self._descriptor, _SIZE)
        fcntl.fcntl(self._descriptor, fcntl.F_ADD_SEALS, _SEALS)
        os.lseek(self._descriptor, _WORK + _SOURCE, os.SEEK_SET)

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        os.close(self._descriptor)

    def stacks(self) -> str:
        """The stacks that were asked for, empty if there are none."""
        return self._text(_WORK + _SOURCE, _SIZE)

    def words(self) -> str:
        """What the process is calling, whose code that is, and where; empty if nothing."""
        work = self._text(0, _WORK)
        if not work:
            return ""
        about = filter(None, (self._text(_WORK, _SOURCE), innermost(self.stacks())))
        told = ", ".join(about)
        return f"{work} ({told})" if told else work

    def _text(self, start: int, length: int) -> str:
        data = os.pread(self._descriptor, length, start).partition(b"\0")[0]
        return data.decode("utf-8", "replace").strip()


class TracedProcess:
    """The memory, as the process sees it that is followed; it stays its own in a fork."""

    def __init__(self, descriptor: int) -> None:
        self._memory: Final = mmap.mmap(descriptor, _WORK + _SOURCE)
        faulthandler.register(SIGNAL, descriptor, all_threads=True)

    def at(self, work: str) -> None:
        """This is called now; nothing, if empty."""
        if work:
            self._put(work, 0, _WORK)
        else:
            self._memory[0] = 0

    def of(self, source: str) -> None:
        """Whose code it is that is called from now on."""
        self._put(source, _WORK, _SOURCE)

    def _put(self, text: str, start: int, room: int) -> None:
        data = _terminated(text, room)
        self._memory[start : start + len(data)] = data


@functools.lru_cache(1000)
def _terminated(text: str, room: int) -> bytes:
    """As bytes with a zero behind them; the same few methods are called again and again."""
    return text.encode("utf-8", "replace")[: room - 1] + b"\0"


def innermost(stacks: str) -> str:
    """Where the thread that was asked stands, as FILE:LINE, not counting the standard library.

    Empty if it is in no plugin.
    """
    library = os.path.dirname(os.__file__) + os.sep
    found: list[tuple[str, str]] = []
    for line in stacks.rpartition("Current thread ")[2].splitlines():
        frame = _FRAME.fullmatch(line)
        if frame is None:
            continue
        if frame[1].endswith(_CALLER):
            own = [one for one in found if not _is_in(one[0], library)]
            return ":".join((own or found)[0]) if found else ""
        found.append((frame[1], frame[2]))
    return ""


def _is_in(path: str, library: str) -> bool:
    return path.startswith((library, "<")) and "/site-packages/" not in path
