"""Which addresses the ``bind`` lines of a front end take connections to."""

from collections.abc import Iterator

import msgspec

from lighthouse.haproxy.schema.directive import words


class Front(msgspec.Struct, frozen=True):
    """A part of a ``bind`` line; ``v4`` and ``v6``: every address of that kind."""

    host: str
    first: int
    last: int
    v4: bool = False
    v6: bool = False

    def takes(self, ip: str, port: int) -> bool:
        """Return True if it takes what is sent to an address, provided that it is of this host."""
        if not self.first <= port <= self.last:
            return False
        return self.host == ip or (self.v6 if ":" in ip else self.v4)


def fronts(text: str) -> Iterator[Front]:
    """What the ``bind`` lines of a text take, as far as they name ports."""
    for line in text.splitlines():
        if line.startswith("    bind "):
            places, *options = words(line)[1:] or ("",)
            for part in places.split(","):
                yield from _front(part, options)


def _front(part: str, options: list[str]) -> Iterator[Front]:
    host, colon, ports = part.rpartition(":")
    low, _, high = ports.partition("-")
    if not colon or "/" in part or not low.isdigit() or not (high or low).isdigit():
        return
    bare = host.removeprefix("ipv4@").removeprefix("ipv6@").strip("[]")
    every = bare in ("", "*", "0.0.0.0", "::")
    six = bare == "::" or (every and host.startswith("ipv6@"))
    four = not six or "v6only" not in options
    yield Front(bare, int(low), int(high or low), every and four, every and six)
