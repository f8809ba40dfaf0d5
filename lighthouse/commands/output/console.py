"""Where the commands with tables print."""

import sys

from rich.console import Console

PIPE_WIDTH = 160
"""Columns where nothing says how many there are."""


def console(stderr: bool = False) -> Console:
    """Where to print: no markup, no guessing of colours in what others wrote."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PIPE_WIDTH
    return Console(
        stderr=stderr, markup=False, highlight=False, emoji=False, width=width, soft_wrap=False
    )
