"""Credentials by reference, so that no config file, log or status ever holds one."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

import msgspec

from lighthouse.schema import Problem
from lighthouse.text import hide

_MAX: Final = 64 * 1024
_NAME: Final = re.compile(
    r"(?:.*[_-])?(?:pass(?:word|wd|phrase)?|pwd?|secret|token|api[_-]?key|credentials?)", re.I
)
"""Keys of a config whose value is most likely a secret."""


class Secret(msgspec.Struct, frozen=True):
    """Where a secret lies: the content of a ``file``, or an environment variable (``env``).

    It is read anew each time, so that one which is changed is taken with the next connection.
    What has been read is masked in all that the worker says, logs and prints from then on.
    """

    expected: ClassVar[str] = (
        "where the secret lies, not the secret itself: {file: /absolute/path} or {env: VARIABLE}"
    )

    file: str | None = None
    env: str | None = None

    def read(self) -> str:
        """The secret, without the line end behind it; raises ``OSError`` if there is none."""
        if self.env is not None:
            found = os.environ.get(self.env)
            if found is None:
                raise OSError(f"the environment has no {self.env}")
        else:
            found = self._content()
        if not found:
            raise OSError(f"{self.env or self.file}: the secret is empty")
        hide(found)
        return found

    def _content(self) -> str:
        path = Path(self.file or "")
        try:
            # Never waits and never reads on and on, whatever the path leads to.
            flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            with open(os.open(path, flags), "rb", buffering=0) as file:
                return (file.read(_MAX) or b"").decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise OSError(f"{path}: expected UTF-8 text") from None


def is_name_of_secret(key: str) -> bool:
    """Return True if what stands under such a key is most likely a secret."""
    return _NAME.fullmatch(key) is not None


def hide_plain(content: object) -> None:
    """Hide what stands in a config in plain text under a key such as ``password``."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            if isinstance(value, str) and is_name_of_secret(str(key)):
                hide(value)
            hide_plain(value)
    elif isinstance(content, list | tuple):
        for value in content:
            hide_plain(value)


def problems(secret: Secret | None, *path: str | int) -> list[Problem]:
    """What is wrong with a reference beyond its types; the file may still appear later."""
    if secret is None:
        return []
    if (secret.file is None) == (secret.env is None):
        return [Problem(path, "expected either 'file' or 'env'")]
    if secret.file is not None and (not os.path.isabs(secret.file) or "\0" in secret.file):
        return [Problem((*path, "file"), "expected an absolute path")]
    if secret.env is not None and not secret.env.isidentifier():
        return [Problem((*path, "env"), "expected the name of an environment variable")]
    return []
