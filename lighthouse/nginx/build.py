"""The nginx that is installed: its version, what it knows, and where it looks for things."""

import os
import re
import shutil
from pathlib import Path
from typing import Final

import msgspec

from lighthouse.software.command import Command, common_environment

_PLACES: Final = os.pathsep.join(("/usr/local/sbin", "/usr/sbin", "/sbin"))
_VERSION: Final = re.compile(r"version: [\w.-]+/(\d+)\.(\d+)\.(\d+)")
_ARGUMENT: Final = re.compile(r"--(prefix|conf-path|pid-path|error-log-path)=(\S+)")
_TIMEOUT: Final = 5.0


class Absent(RuntimeError):
    """There is no nginx that could be asked."""


class NginxBuild(msgspec.Struct, frozen=True):
    """A binary and what it says of itself."""

    binary: str
    version: tuple[int, int, int]
    prefix: str = ""
    conf_path: str = ""
    pid_path: str = ""
    error_log_path: str = ""

    @property
    def resolves(self) -> bool:
        """Return True if an upstream may follow the DNS by itself: ``resolve``."""
        return self.version >= (1, 27, 3)

    @property
    def drains(self) -> bool:
        """Return True if it knows ``drain``: kept for clients that are bound to a server."""
        return self.version >= (1, 29, 6)

    @property
    def keeps_by_default(self) -> bool:
        """Return True if it keeps connections to servers unless it is told not to."""
        return self.version >= (1, 29, 7)

    @property
    def spares_idle_clients(self) -> bool:
        """Return True if it knows ``keepalive_min_timeout``."""
        return self.version >= (1, 27, 4)

    def __str__(self) -> str:
        return ".".join(map(str, self.version))


def find(given: str | None) -> str:
    """The path of nginx: the given one, or of the PATH. Raises ``Absent``."""
    if given is not None:
        if not os.access(given, os.X_OK):
            raise Absent(f"nginx_bin: {given} is not an executable file")
        return given
    found = shutil.which("nginx", path=os.pathsep.join((os.environ.get("PATH", ""), _PLACES)))
    if found is None:
        raise Absent("no nginx on the PATH; install it, or set nginx_bin")
    return found


def ask(binary: str) -> NginxBuild:
    """What a binary says of itself; raises ``Absent`` if it says nothing of use."""
    try:
        result = Command([binary, "-V"], common_environment()).run(_TIMEOUT)
    except (OSError, ValueError) as error:
        raise Absent(f"{binary} cannot be run: {error}") from error
    said = result.output.decode("utf-8", "replace")
    version = _VERSION.search(said)
    if version is None:
        raise Absent(f"{binary} -V tells no version: {result.told(_TIMEOUT)}")
    told = {key.replace("-", "_"): value for key, value in _ARGUMENT.findall(said)}
    prefix = told.get("prefix", "/usr/local/nginx")
    paths = {key: str(Path(prefix, value)) for key, value in told.items() if key != "prefix"}
    number = int(version[1]), int(version[2]), int(version[3])
    return NginxBuild(binary, number, prefix, **paths)
