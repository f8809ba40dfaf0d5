"""Starting software that is to outlive whoever starts it."""

import subprocess
from collections.abc import Mapping, Sequence
from typing import Final

_SCRIPT: Final = """sh -c '"$@" & echo $! >"$0"; wait' "$0" "$@" </dev/null >/dev/null 2>&1 &"""
"""The inner shell stays, as the parent of what it has started, and ends with it: some software,
such as Envoy, ends itself when its parent does. It notes the number though nobody waits for it,
and goes on though it cannot."""


def start(command: Sequence[str], pid_file: str, env: Mapping[str, str], within: float) -> None:
    """Start a command in a session of its own, below no process of ours; a file has its number.

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
