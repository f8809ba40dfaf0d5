"""What a Redis server says of its replication, and whether that is good enough."""

from typing import Any, Final, Literal

import msgspec

HEARTBEAT: Final = 10.0
"""Seconds within which a replica hears from an idle master (``repl-ping-replica-period``)."""

_LONGEST: Final = 2**31

ReplicationRole = Literal["any", "master", "replica"]


class Replication(msgspec.Struct, frozen=True):
    """``linked`` and ``lag`` mean something for replicas only.

    ``lag`` is the time in seconds since the master was heard from, None if it never was.
    """

    role: str
    linked: bool = False
    lag: float | None = None


def parse(info: object) -> Replication:
    """What ``INFO replication`` says; raises ``ValueError`` if it names none that there is."""
    if not isinstance(info, bytes):
        raise ValueError("INFO is no text")
    lines = (line.partition(":") for line in info.decode(errors="replace").splitlines())
    fields = {key: value.strip() for key, _, value in lines}
    role = fields.get("role", "")
    if role == "master":
        return Replication(role)
    if role != "slave":
        raise ValueError(f"INFO names the unknown role {role!r}" if role else "INFO names no role")
    linked = fields.get("master_link_status") == "up"
    since = "master_last_io_seconds_ago" if linked else "master_link_down_since_seconds"
    seconds = min(int(fields.get(since, "-1")[:20]), _LONGEST)
    return Replication("replica", linked, float(seconds) if seconds >= 0 else None)


def fault(found: Replication, role: ReplicationRole, max_lag: float | None) -> str:
    """Why a server is not as wanted; empty if it is."""
    if role not in ("any", found.role):
        return f"is a {found.role}, expected a {role}"
    if found.role != "replica" or max_lag is None:
        return ""
    if not found.linked:
        return "the replica has no link to its master"
    if found.lag is None or found.lag > max_lag:
        return f"the replica heard nothing from its master for more than {max_lag:g} s"
    return ""


def facts(found: Replication, lag: int | None) -> dict[str, Any]:
    """What is published of a server, with its lag as it may be published."""
    if found.role != "replica":
        return {"role": found.role}
    known = {} if lag is None else {"lag_seconds": lag}
    return {"role": found.role, "link": "up" if found.linked else "down", **known}


def shown_lag(found: Replication) -> float | None:
    """The lag without the silence of a master that has nothing to say."""
    if found.lag is None or not found.linked or found.lag > HEARTBEAT:
        return found.lag
    return 0.0
