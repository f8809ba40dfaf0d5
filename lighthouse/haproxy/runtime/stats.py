"""What HAProxy counts of its servers, gathered a slice at a time."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import msgspec

_SHOWN: Final = 10


class ServerStat(msgspec.Struct, frozen=True, gc=False):
    """One server: its status in HAProxy's words, and its counters since it was added."""

    status: str
    check: str
    sessions: int
    total: int
    failed: int
    retries: int
    redispatches: int


class ServerStats:
    """The newest figures of each backend."""

    def __init__(self) -> None:
        self._by_backend: dict[str, dict[str, ServerStat]] = {}

    def take(self, backend: str, text: str) -> None:
        """The reply to ``show stat`` for the servers of one backend."""
        self._by_backend[backend] = read(text)

    def keep(self, backends: Iterable[str]) -> None:
        """Forget all backends but these."""
        kept = set(backends)
        self._by_backend = {n: f for n, f in self._by_backend.items() if n in kept}

    def summary(self) -> dict[str, Any]:
        """Servers by status, the sums, and the first of those that are down."""
        states: Counter[str] = Counter()
        sums: Counter[str] = Counter()
        down: list[str] = []
        for backend, servers in sorted(self._by_backend.items()):
            for name, figure in servers.items():
                state = figure.status.split(" ")[0].lower()
                states[state] += 1
                sums["sessions"] += figure.sessions
                sums["sessions_total"] += figure.total
                sums["errors"] += figure.failed
                sums["retries"] += figure.retries
                sums["redispatches"] += figure.redispatches
                if state == "down" and len(down) < _SHOWN:
                    down.append(f"{backend}/{name} {figure.check}".rstrip())
        return {"servers": dict(sorted(states.items())), **sums, "down": down}


def read(text: str) -> dict[str, ServerStat]:
    """The servers in a reply to ``show stat``, by name."""
    header, *rows = text.splitlines() or [""]
    columns = header.removeprefix("# ").split(",")
    if not set(_COLUMNS) <= set(columns):
        return {}
    place = [columns.index(name) for name in _COLUMNS]
    found = {}
    for row in rows:
        if row:
            fields = row.split(",")
            name, status, check, *counts = [fields[index] for index in place]
            current, total, refused, broken, retried, moved = [int(n or 0) for n in counts]
            found[name] = ServerStat(
                status, check, current, total, refused + broken, retried, moved
            )
    return found


_COLUMNS: Final = (
    *("svname", "status", "check_status", "scur", "stot", "econ", "eresp", "wretr", "wredis"),
)
