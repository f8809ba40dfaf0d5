"""Maintenance: services of this host that an operator has taken out.

A statement is about a whole service, ports that it may get later included, or about one port.
Statements are values; times are wall-clock seconds, so that an expiry outlives a restart.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

import msgspec

KEPT: Final = 7 * 86400.0
"""Seconds that a statement outlives its service's place in the configuration."""

ServicePort = tuple[str, int | None]
"""A service's name and a port, None: all of them."""

Provided = Mapping[str, Collection[int]]
"""The ports of each service of the configuration, by the service's name."""


class Maintenance(msgspec.Struct, frozen=True):
    """One statement; ``until`` None has no end, ``absent_since`` is when its service went."""

    service: str
    port: int | None
    since: float
    reason: str = ""
    until: float | None = None
    by: str = ""
    absent_since: float | None = None

    @property
    def key(self) -> ServicePort:
        return self.service, self.port

    def over(self, now: float) -> bool:
        """Return True if it has expired, or has been of no use for long."""
        expired = self.until is not None and now >= self.until
        return expired or (self.absent_since is not None and now >= self.absent_since + KEPT)


class Logbook:
    """Every statement that is in force."""

    def __init__(self, statements: Iterable[Maintenance] = ()) -> None:
        self._statements: Final = {statement.key: statement for statement in statements}

    def all(self) -> tuple[Maintenance, ...]:
        """Sorted by service and port, a whole service first."""
        found = self._statements
        return tuple(found[key] for key in sorted(found, key=lambda key: (key[0], key[1] or 0)))

    def of(self, service: str, port: int) -> Maintenance | None:
        """What keeps a port out."""
        whole = self._statements.get((service, None))
        return whole or self._statements.get((service, port))

    def begin(self, statement: Maintenance) -> None:
        """Put a statement in force; one that says the same again keeps its time."""
        known = self._statements.get(statement.key)
        if known is not None:
            statement = msgspec.structs.replace(statement, since=known.since)
        self._statements[statement.key] = statement

    def end(self, service: str, port: int | None, ports: Iterable[int]) -> bool:
        """End what keeps a port out, or all of a service's; return True if there was anything.

        If the whole service is out and one port comes back, its other ``ports`` stay out.
        """
        if port is None:
            found = [key for key in self._statements if key[0] == service]
            for key in found:
                del self._statements[key]
            return bool(found)
        whole = self._statements.pop((service, None), None)
        if whole is not None:
            for other in ports:
                statement = msgspec.structs.replace(whole, port=other)
                self._statements.setdefault(statement.key, statement)
        return self._statements.pop((service, port), None) is not None or whole is not None

    def pass_time(self, provided: Provided, now: float) -> list[Maintenance]:
        """Let go of what is over, which is returned; note which services are not there."""
        over = [statement for statement in self._statements.values() if statement.over(now)]
        for statement in over:
            del self._statements[statement.key]
        for key, statement in self._statements.items():
            there = is_provided(statement, provided)
            if there != (statement.absent_since is None):
                absent_since = None if there else now
                self._statements[key] = msgspec.structs.replace(
                    statement, absent_since=absent_since
                )
        return over

    def next_end(self) -> float | None:
        """When the next statement expires."""
        ends = (one.until for one in self._statements.values() if one.until is not None)
        return min(ends, default=None)


def is_provided(statement: Maintenance, provided: Provided) -> bool:
    """Return True if the configuration has what a statement is about."""
    ports = provided.get(statement.service)
    return ports is not None and (statement.port is None or statement.port in ports)


def unknown(service: str, port: int | None, provided: Provided) -> str:
    """Why there is no such service or port, with those that there are; empty if there is."""
    if service not in provided:
        names = ", ".join(sorted(provided)) or "none"
        return f"no service {service}; there are: {names}"
    if port is not None and port not in provided[service]:
        ports = ", ".join(map(str, sorted(provided[service])))
        return f"service {service} has no port {port}; it has: {ports}"
    return ""
