"""The terminal while a program has it for itself; it is given back whatever ends the program."""

import contextlib
import os
import signal
import sys
import termios
import tty
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any, Final

_ENTER: Final = "\x1b[?1049h\x1b[?25l\x1b[?7l"
_LEAVE: Final = "\x1b[?7h\x1b[?25h\x1b[?1049l"
_HOME: Final = "\x1b[H"
_END_OF_LINE: Final = "\x1b[K\r\n"
_REST: Final = "\x1b[K\x1b[J"

_CHUNK: Final = 1024


class TerminalGone(BaseException):
    """A signal wants this program's end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number: Final = number


class HungUp(Exception):
    """Nobody is at the terminal any more."""


class Terminal:
    """Standard output, and standard input if a person types there."""

    def __init__(self) -> None:
        self._output: Final = sys.stdout.fileno()
        self._input: Final = sys.stdin.fileno() if _is_terminal(0) else None
        self._before: list[Any] | None = None
        self._drawn = ""
        self._entered = False

    @property
    def keyboard(self) -> int | None:
        """The descriptor that keys come from, None if there is none."""
        return self._input

    def read(self) -> bytes:
        """What was typed; raises ``HungUp``."""
        assert self._input is not None
        try:
            data = os.read(self._input, _CHUNK)
        except OSError as error:
            raise HungUp from error
        if not data:
            raise HungUp
        return data

    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        try:
            found = os.get_terminal_size(self._output)
        except OSError:
            return 80, 24
        return found.columns or 80, found.lines or 24

    def draw(self, lines: Sequence[str]) -> None:
        """Show these lines, if they are others than before; raises ``HungUp``."""
        text = _HOME + _END_OF_LINE.join(lines) + _REST
        if text != self._drawn:
            self._write(text)
            self._drawn = text

    def forget(self) -> None:
        """What is on the screen may not be what was drawn."""
        self._drawn = ""

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Have the terminal for the program, until the end whatever that is."""
        numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP, signal.SIGWINCH)
        handlers = {number: signal.getsignal(number) for number in numbers}
        signal.signal(signal.SIGTERM, _end)
        signal.signal(signal.SIGHUP, _end)
        signal.signal(signal.SIGTSTP, self._suspend)
        signal.signal(signal.SIGWINCH, self._resized)
        try:
            self._enter()
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            self._leave()

    def _enter(self) -> None:
        if self._input is not None and self._before is None:
            self._before = termios.tcgetattr(self._input)
            tty.setcbreak(self._input)
        self._entered = True
        self.forget()
        self._write(_ENTER)

    def _leave(self) -> None:
        """Nothing of what fails here keeps the rest from being done."""
        if self._input is not None and self._before is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._input, termios.TCSANOW, self._before)
            self._before = None
        if self._entered:
            self._entered = False
            with contextlib.suppress(termios.error, HungUp):
                termios.tcflow(self._output, termios.TCOON)  # a person may have stopped it
                self._write(_LEAVE)

    def _suspend(self, number: int, _: FrameType | None) -> None:
        """Ctrl-Z: stop, and be back where it was once it goes on."""
        self._leave()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.signal(number, self._suspend)
        self._enter()

    def _resized(self, _: int, __: FrameType | None) -> None:
        self.forget()

    def _write(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        try:
            while data:
                data = data[os.write(self._output, data) :]
        except OSError as error:
            raise HungUp from error


def is_interactive() -> bool:
    """Return True if standard output is a terminal that can be drawn on."""
    return _is_terminal(1) and os.environ.get("TERM", "dumb") != "dumb"


def _is_terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:
        return False


def _end(number: int, _: FrameType | None) -> None:
    raise TerminalGone(number)
