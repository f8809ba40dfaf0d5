"""A terminal of a test's own: a program in a pty, and the screen that a person would see."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from tests.waiting import eventually

pyte = pytest.importorskip("pyte", reason="needs pyte, of the extra `dev`")


class PersonsTerminal:
    """``screen`` is what is shown; ``sent`` all that the program has written."""

    def __init__(self, columns: int = 80, lines: int = 24) -> None:
        self.screen = pyte.Screen(columns, lines)
        self.sent = b""
        self._stream = pyte.ByteStream(self.screen)
        self._master, self._slave = pty.openpty()
        self._size(columns, lines)
        self.before = self.attributes
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def attributes(self) -> list[Any]:
        """How the terminal treats what is typed."""
        return termios.tcgetattr(self._slave)

    def start(self, command: Sequence[str], env: Mapping[str, str], keyboard: bool = True) -> None:
        """Start a program; without a ``keyboard`` its standard input is another."""
        self.process = subprocess.Popen(
            command,
            stdin=self._slave if keyboard else subprocess.DEVNULL,
            stdout=self._slave,
            stderr=self._slave,
            env={**env, "TERM": "xterm-256color"},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(1, termios.TIOCSCTTY, 0),
        )

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        self.screen.resize(lines, columns)
        self._size(columns, lines)

    def lines(self) -> list[str]:
        """What is on the screen by now, without what is blank at its lines' ends."""
        self._read()
        return [line.rstrip() for line in self.screen.display]

    def shows(self, pattern: str, within: float = 20.0) -> str:
        """The first line that has this, once there is one."""

        def found() -> str:
            lines = self.lines()
            return next((line for line in lines if re.search(pattern, line)), "")

        return eventually(found, within, f"{pattern} in:\n" + "\n".join(self.lines()))

    def lacks(self, pattern: str) -> None:
        """Wait until no line has this."""
        eventually(lambda: not any(re.search(pattern, line) for line in self.lines()))

    def ends(self, within: float = 20.0) -> int:
        """The exit status of the program, once it has ended."""
        assert self.process is not None
        process = self.process

        def status() -> tuple[int] | None:
            self._read()
            return None if process.poll() is None else (process.returncode,)

        found = eventually(status, within)
        assert found is not None
        return found[0]

    def hang_up(self) -> None:
        """The person's window is closed."""
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        for descriptor in (self._master, self._slave):
            if descriptor >= 0:
                os.close(descriptor)

    def _size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def _read(self) -> None:
        while self._master >= 0 and select.select([self._master], [], [], 0)[0]:
            data = os.read(self._master, 65536)
            self.sent += data
            self._stream.feed(data)


@contextlib.contextmanager
def terminal(columns: int = 80, lines: int = 24) -> Iterator[PersonsTerminal]:
    """One that is closed in the end, and whose program ends with it."""
    found = PersonsTerminal(columns, lines)
    try:
        yield found
    finally:
        found.close()
