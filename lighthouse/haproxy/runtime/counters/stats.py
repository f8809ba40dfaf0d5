"""What HAProxy counts of its servers, gathered a slice at a time."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from lighthouse.balancer import Unreachable
from lighthouse.text import one_line

_SHOWN: Final = 10


class ServerStat(msgspec.Struct, frozen=True, gc=False):
    """One server: its status in HAProxy's words, and its counters since it was added.

    ``said`` is what its last check got, ``changed`` how many seconds ago the status changed.
    """

    status: str
    check: str
    sessions: int
    total: int
    failed: int
    retries: int
    redispatches: int
    address: str = ""
    said: str = ""
    changed: int = 0


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

    def down(self, now: float) -> tuple[Unreachable, ...]:
        """The servers that their checks find down; ``now`` is wall-clock seconds.

        One that was down before keeps the moment at which that began: figures are in seconds.
        """
        found = []
        for backend, servers in sorted(self._by_backend.items()):
            for figure in servers.values():
                node = _place(figure.address)
                if node is not None and figure.status.startswith("DOWN") and figure.check:
                    reason = _words(figure.check, figure.said)
                    found.append(Unreachable(backend, node, reason, now - figure.changed))
        return tuple(found)

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
            address, said, changed = [_of(fields, columns, name) for name in _MORE]
            found[name] = ServerStat(
                status=status,
                check=check,
                sessions=current,
                total=total,
                failed=refused + broken,
                retries=retried,
                redispatches=moved,
                address=address,
                said=said,
                changed=int(changed or 0),
            )
    return found


def _of(fields: Sequence[str], columns: Sequence[str], name: str) -> str:
    """A column that not every HAProxy has."""
    return fields[columns.index(name)].strip('"') if name in columns else ""


def _place(address: str) -> tuple[str, int] | None:
    """What ``IP:PORT`` or ``[IP]:PORT`` says."""
    ip, _, port = address.rpartition(":")
    return (ip.strip("[]"), int(port)) if ip and port.isdigit() else None


def _words(check: str, said: str) -> str:
    """A check's result as HAProxy's manual explains it."""
    code = check.removeprefix("* ").strip()
    told = _RESULTS.get(code, "its check fails")
    return one_line(f"{told} ({code}{': ' if said else ''}{said})")


_MORE: Final = ("addr", "last_chk", "lastchg")

_RESULTS: Final = {
    "L4TOUT": "no connection in time",
    "L4CON": "no connection",
    "L6TOUT": "no TLS in time",
    "L6RSP": "no TLS",
    "L7TOUT": "no answer in time",
    "L7RSP": "no valid answer",
    "L7STS": "answers that it is not well",
    "SOCKERR": "no socket",
}


_COLUMNS: Final = (
    *("svname", "status", "check_status", "scur", "stot", "econ", "eresp", "wretr", "wredis"),
)
