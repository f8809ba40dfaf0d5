"""A configuration as it would be started, but cut off from the world: a pure function.

HAProxy can be started on it beside the one that serves: it listens at stand-ins of the
addresses, writes no log, asks no server whether it is well, and tells no peer anything. It has
line for line what the configuration has, so that a fault's place is the same.
"""

import re
from typing import Final

import msgspec

from lighthouse.haproxy.schema.directive import words

_PROXIES: Final = ("listen", "frontend", "backend", "defaults")
_DROPPED: Final = ("daemon", "master-worker", "pidfile", "noreuseport")
_STATES: Final = "load-server-state-from-file"
_ROOT: Final = ("chroot", "user", "group", "uid", "gid")
_PATH: Final = re.compile(r"(unix@)?(/[A-Za-z0-9_./@:+-]+)")
_ABSTRACT: Final = re.compile(r"abns@[A-Za-z0-9_./@:+-]+")
_INTERNET: Final = re.compile(r"([A-Za-z0-9_.:*@\[\]-]*):([0-9]+)(-[0-9]+)?")
_UNPRIVILEGED: Final = 1024


class Ports(msgspec.Struct, frozen=True):
    """What stands in for ports; ``low``: for those that only root may bind."""

    high: int
    low: int


class Detached(msgspec.Struct, frozen=True):
    """``paths`` are the sockets in the file system, by their stand-ins."""

    text: str
    paths: dict[str, str]


class Unsure(ValueError):
    """An address that no stand-in can be given: whoever bound it would take its traffic."""


def detached(text: str, directory: str, ports: Ports, rootless: bool) -> Detached:
    """The configuration with stand-ins, the sockets among them in ``directory``.

    ``rootless``: without what takes root. Raises ``Unsure``.
    """
    paths: dict[str, str] = {}
    section = ""
    lines = []
    for line in text.split("\n"):
        if line[:1] not in (" ", "#", ""):
            section = line.partition(" ")[0]
        elif line.startswith("    "):
            line = _Line(line, directory, ports, paths).detached(section, rootless)
        lines.append(line)
    return Detached("\n".join(lines), paths)


class _Line:
    """One line of a section."""

    def __init__(self, text: str, directory: str, ports: Ports, paths: dict[str, str]) -> None:
        self._text: Final = text
        self._directory: Final = directory
        self._ports: Final = ports
        self._paths: Final = paths

    def detached(self, section: str, rootless: bool) -> str:
        first, _, rest = self._text.strip().partition(" ")
        second = rest.strip().partition(" ")[0]
        if first in ("server", "server-template") and section in ("listen", "backend"):
            return self._in_maintenance(3 if first == "server" else 4)
        if first in ("bind", "dgram-bind"):
            return self._elsewhere(1)
        if section == "peers" and first in ("peer", "server") and len(words(self._text)) > 2:
            return self._elsewhere(2)
        if section == "global":
            if first == "unix-bind":
                raise Unsure(self._text.strip())
            if (first, second) == ("stats", "socket"):
                return self._elsewhere(2)
            if first in _DROPPED or (rootless and first in _ROOT):
                return "    #"
        if first == _STATES or (first == "log" and section in ("global", *_PROXIES)):
            return "    #"
        return self._text

    def _in_maintenance(self, behind: int) -> str:
        """A server that is checked by nobody; it takes up all that it will take up."""
        if self._text.endswith(" disabled"):
            return self._text
        start, word, end = self._split(behind - 1)
        return f"{start}{word} disabled{end}"

    def _elsewhere(self, place: int) -> str:
        start, given, end = self._split(place)
        return start + ",".join(self._stand_in(part) for part in given.split(",")) + end

    def _split(self, place: int) -> tuple[str, str, str]:
        """What is before a word of the line, the word, and what is behind it."""
        found = re.match(rf"(\s*(?:\S+\s+){{{place}}})(\S+)(.*)$", self._text)
        if found is None:
            raise Unsure(self._text.strip())
        return found[1], found[2], found[3]

    def _stand_in(self, address: str) -> str:
        if address.startswith(("fd@", "sockpair@")):
            return address
        if _ABSTRACT.fullmatch(address):
            path = f"{self._directory}/{len(self._paths)}"
            self._paths[path] = address
            return f"abns@{path}"
        if found := _PATH.fullmatch(address):
            path = f"{self._directory}/{len(self._paths)}"
            self._paths[path] = found[2]
            return path
        if found := _INTERNET.fullmatch(address):
            low = int(found[2]) < _UNPRIVILEGED
            return f"{found[1]}:{self._ports.low if low else self._ports.high}"
        raise Unsure(address)
