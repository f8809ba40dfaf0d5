"""Starting software that is to outlive whoever starts it."""

import subprocess
from collections.abc import Mapping, Sequence
from typing import Final

_SCRIPT: Final = """sh -c 'echo $$ >"$0"; exec "$@"' "$0" "$@" </dev/null >/dev/null 2>&1 &"""
"""The process notes its own number before it becomes what it is to be, so that there is no
moment at which it runs and nobody knows. It does so though it cannot write."""


def start(command: Sequence[str], pid_file: str, env: Mapping[str, str], within: float) -> None:
    """Start a command as nobody's child, in a session of its own; its number goes to a file.

    Returns before it has come up. Raises ``OSError`` or ``subprocess.SubprocessError`` if
    there is no process at all.
    """
    subprocess.run(
        ["/bin/sh", "-c", _SCRIPT, pid_file, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=dict(env),
        start_new_session=True,
        timeout=within,
        check=True,
    )
