"""The file that PgBouncer includes: one line for each database, and what such a line says."""

import hashlib
import re
from collections.abc import Iterable
from typing import Final

import msgspec

_HEAD: Final = "; Kept by Lighthouse, which overwrites whatever else is written here.\n"
GENERATION: Final = "lighthouse_generation"
"""The last line, no database of anybody's: that it is loaded proves that all others are."""

_LINE: Final = re.compile(r"([A-Za-z0-9_.-]+) = (.*)")
_PAIR: Final = re.compile(r"([a-z_]+)=(?:'((?:[^']|'')*)'|([^ ']+))(?: |$)")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.,:-]+")


class DatabaseLine(msgspec.Struct, frozen=True):
    """Where one database of PgBouncer is: ``hosts`` by IP, all of them on one port."""

    name: str
    hosts: tuple[str, ...]
    port: int
    dbname: str
    options: tuple[tuple[str, str], ...] = ()

    @property
    def host(self) -> str:
        """The hosts as PgBouncer writes them."""
        return ",".join(self.hosts)

    def leads_as(self, other: "DatabaseLine | None") -> bool:
        """Return True if both lead to the same servers."""
        return other is not None and (self.hosts, self.port) == (other.hosts, other.port)

    def __str__(self) -> str:
        pairs = (("host", self.host), ("port", str(self.port)), ("dbname", self.dbname))
        told = " ".join(f"{key}={_quoted(value)}" for key, value in (*pairs, *self.options))
        return f"{self.name} = {told}"


def render(lines: Iterable[DatabaseLine]) -> bytes:
    """The file with these lines, sorted by name."""
    rows = "".join(f"{line}\n" for line in sorted(lines, key=lambda line: line.name))
    return f"{_HEAD}{rows}{generation(rows)}\n".encode()


def generation(rows: str) -> DatabaseLine:
    """The line that comes after these, and after no others."""
    mark = hashlib.sha256(rows.encode()).hexdigest()[:16]
    return DatabaseLine(GENERATION, ("127.0.0.1",), 1, mark)


def parse(content: bytes | None) -> dict[str, DatabaseLine]:
    """The databases of a file that ``render`` has made, by name; other lines are passed over."""
    found = {}
    for row in (content or b"").decode("utf-8", "replace").splitlines():
        match = _LINE.fullmatch(row)
        line = None if match is None else _read(match[1], match[2])
        if line is not None:
            found[line.name] = line
    return found


def _read(name: str, text: str) -> DatabaseLine | None:
    pairs: dict[str, str] = {}
    place = 0
    while place < len(text):
        match = _PAIR.match(text, place)
        if match is None:
            return None
        pairs[match[1]] = match[3] if match[2] is None else match[2].replace("''", "'")
        place = match.end()
    host, port = pairs.pop("host", ""), pairs.pop("port", "")
    if not host or not port.isdecimal():
        return None
    dbname = pairs.pop("dbname", name)
    return DatabaseLine(name, tuple(host.split(",")), int(port), dbname, tuple(pairs.items()))


def _quoted(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else "'" + value.replace("'", "''") + "'"
