"""Which hosts Envoy's own checks find down, asked now and then where anything is checked."""

import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from lighthouse.balancer import Unreachable, lasting
from lighthouse.envoy.runtime.admin import AdminSocket
from lighthouse.envoy.sync.wanted import ProxiedCluster

SHARE: Final = 200
"""At least so many times the last question's duration between two: the answer has every host."""

_CHECKS: Final = frozenset({"health_check", "outliers"})
"""Keys of a section by which Envoy judges hosts."""


class HostHealth:
    """``unreachable`` is another object whenever something in it has changed."""

    def __init__(self, admin: AdminSocket) -> None:
        self._admin: Final = admin
        self._due = 0.0
        self.unreachable: tuple[Unreachable, ...] = ()

    def look(self, proxies: Iterable[ProxiedCluster]) -> None:
        """Ask if it is time; an Envoy that does not answer leaves what was known."""
        began = time.monotonic()
        clusters = [one.cluster for one in proxies]
        names = {one.name for one in clusters if _CHECKS & (one.config or {}).keys()}
        if not names:
            self.unreachable = ()
        elif began >= self._due:
            with suppress(OSError, KeyError, ValueError):
                self._take(names)
            self._due = began + SHARE * (time.monotonic() - began)

    def _take(self, names: Iterable[str]) -> None:
        failing, now = self._admin.failing(), time.time()
        found = (
            Unreachable(name, node, reason, now)
            for name in sorted(names)
            for node, reason in sorted(failing.get(name, {}).items())
        )
        self.unreachable = lasting(self.unreachable, found)
