"""Which plugins there are, by name; none of them is ever imported here."""

from importlib import metadata

import msgspec


class Installed(msgspec.Struct, frozen=True):
    """The names of the entry points of the three groups."""

    balancers: frozenset[str] = frozenset()
    discovery: frozenset[str] = frozenset()
    checks: frozenset[str] = frozenset()

    @classmethod
    def here(cls) -> "Installed":
        """What is installed for this interpreter now."""
        groups = [
            frozenset(metadata.entry_points(group=f"lighthouse.{kind}").names)
            for kind in ("balancers", "discovery", "checks")
        ]
        return cls(*groups)

    def has(self, kind: str, name: str) -> bool:
        """Whether there is such a ``balancer``, ``discovery`` or ``check``."""
        groups = {"balancer": self.balancers, "discovery": self.discovery, "check": self.checks}
        return name in groups[kind]
