"""Somebody who types what a page says into a shell, and compares what it prints."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.waiting import eventually

_GRACE: Final = 90.0
"""Seconds that one command may take on a busy machine."""


class Reader:
    """A shell with a home of its own; what it has started ends with it.

    ``instead`` has other words put in the place of some of the page, such as free ports, in
    what is typed and in what is expected.
    """

    def __init__(self, home: Path, instead: Mapping[str, str]) -> None:
        self._instead: Final = dict(instead)
        self._home: Final = home
        self._count = 0
        hidden = ("LIGHTHOUSE_CONFIG", "XDG_RUNTIME_DIR")
        env = {key: value for key, value in os.environ.items() if key not in hidden}
        path = f"{Path(sys.executable).parent}:{env.get('PATH', '')}:/usr/sbin"
        self._shell = subprocess.Popen(
            ["bash", "--norc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=home,
            env={**env, "HOME": str(home), "PATH": path},
            start_new_session=True,
        )

    def run(self, command: str) -> tuple[int, str]:
        """Return the exit code and what was printed."""
        self._count += 1
        step, said, code = (self._home / f".{name}{self._count}" for name in ("step", "out", "rc"))
        step.write_text(self.adapted(command))
        assert self._shell.stdin is not None
        line = f". {step} < /dev/null > {said} 2>&1; echo $? > {code}.new; mv {code}.new {code}\n"
        self._shell.stdin.write(line.encode())
        self._shell.stdin.flush()
        eventually(code.exists, _GRACE, command)
        return int(code.read_text()), said.read_text()

    def follow(self, command: str, printed: str | None) -> None:
        """Run it; it has to end well, and to print what the page says.

        ``...`` stands for anything, and any space for any other.
        """
        code, said = self.run(command)
        assert code == 0, f"{command}: exit code {code}: {said}"
        if printed is not None:
            pattern = re.escape(" ".join(self.adapted(printed).split()))
            pattern = pattern.replace(re.escape("..."), ".*")
            assert re.fullmatch(pattern, " ".join(said.split())), f"{command}: {said}"

    def adapted(self, text: str) -> str:
        for word, other in self._instead.items():
            end = r"(?!\w)" if re.match(r"\w", word[-1]) else ""
            text = re.sub(rf"(?<![\w.]){re.escape(word)}{end}", other, text)
        return text

    def close(self) -> None:
        """End the shell, and all that it has started and that is not a daemon."""
        with suppress(ProcessLookupError):
            os.killpg(self._shell.pid, signal.SIGKILL)
        self._shell.communicate()
