"""The token of the page's actions, as it is in its file at the moment."""

import os
import stat
from pathlib import Path

from lighthouse.web.serving import guard


def read(path: str) -> tuple[str, str]:
    """The token in a file, and why there is none: one of the two is empty."""
    try:
        with Path(path).open("rb") as file:
            found = os.fstat(file.fileno())
            token = file.read(4096).decode("ascii", "replace").strip()
    except OSError as error:
        return "", f"token_file {path}: {error.strerror}"
    if found.st_mode & (stat.S_IROTH | stat.S_IWOTH):
        return "", f"token_file {path} may be read or written by everybody: chmod o-rwx it"
    flaw = guard.flaw(token)
    return ("", f"token_file {path} {flaw}") if flaw else (token, "")


def problem(path: str) -> str:
    """Why there is no token in a file, empty if there is one or if none is configured."""
    return read(path)[1] if path else ""
