"""Which part a PostgreSQL server plays, how far behind it is, and whether that will do."""

import math
from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

OLDEST: Final = 100_000
"""The first version whose functions have the names that are asked for: 10."""

PREFIX: Final = "^[a-z0-9_]{1,20}$"
"""What the names of replication slots may begin with."""

ServerRole = Literal["any", "primary", "replica"]

# The timeline of a primary is that of the WAL file that it writes: pg_control lags behind a
# promotion. A position of the primary that is null means that nobody knows, not 0.
QUERY: Final = """
select pg_is_in_recovery(),
  case when not pg_is_in_recovery() then substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) end,
  receiver.pid is not null, receiver.status, receiver.received_tli,
  pg_wal_lsn_diff(receiver.latest_end_lsn, pg_last_wal_replay_lsn()),
  pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn(),
  extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())
from (select 1) as one left join pg_stat_wal_receiver as receiver on true
"""


SYSTEM: Final = "select system_identifier from pg_control_system()"
"""What all copies of one database have in common. It may be forbidden, and is asked apart."""


def slots_query(prefix: str) -> str:
    """What names the usable slots that begin so, with commas between them."""
    return (
        "select coalesce(string_agg(slot_name::text, ',' order by slot_name), '') "
        "from pg_replication_slots where slot_type = 'physical' "
        f"and wal_status is distinct from 'lost' and starts_with(slot_name::text, '{prefix}')"
    )


class ReplicationState(msgspec.Struct, frozen=True):
    """What ``QUERY`` found; all but ``role`` and ``timeline`` mean something for replicas only.

    ``visible`` is False if the user may not see the WAL receiver's state. Lags are None where
    nobody knows them.
    """

    role: str
    timeline: int | None = None
    visible: bool = True
    streaming: bool = False
    lag_bytes: int | None = None
    lag_seconds: float | None = None


class LagLimits(msgspec.Struct, frozen=True):
    """What is asked of a server."""

    role: ServerRole = "any"
    seconds: float | None = None
    bytes: int | None = None

    @property
    def lag_matters(self) -> bool:
        return self.seconds is not None or self.bytes is not None


def parse(row: Sequence[str | None]) -> ReplicationState:
    """What a row of ``QUERY`` says."""
    in_recovery, wal_timeline, receiver, status, received, behind, replayed, age = row
    if in_recovery != "t":
        return ReplicationState("primary", None if wal_timeline is None else int(wal_timeline, 16))
    streaming = status == "streaming"
    # On an idle primary the last transaction grows old though nothing is missing.
    idle = streaming and replayed == "t"
    return ReplicationState(
        "replica",
        int(received) if received is not None else None,
        receiver != "t" or status is not None,
        streaming,
        max(int(float(behind)), 0) if behind is not None else None,
        0.0 if idle else max(float(age), 0.0) if age is not None else None,
    )


def fault(found: ReplicationState, limits: LagLimits, user: str) -> str:
    """Why a server is not as wanted; empty if it is."""
    if limits.role not in ("any", found.role):
        return f"is a {found.role}, expected a {limits.role}"
    if found.role == "primary" or not limits.lag_matters:
        return ""
    if not found.visible:
        return f"its lag is not visible; grant pg_monitor to {user}"
    if not found.streaming:
        return "the replica does not stream from its primary"
    for lag, most, unit in (
        (found.lag_bytes, limits.bytes, "bytes"),
        (found.lag_seconds, limits.seconds, "s"),
    ):
        if most is not None and (lag is None or lag > most):
            amount = "an unknown lag" if lag is None else f"a lag of {math.ceil(lag)} {unit}"
            return f"the replica has {amount}, at most {most:g} {unit} are allowed"
    return ""


def described(found: ReplicationState, user: str) -> str:
    """A server that is as wanted, in words that change only when it does."""
    known = "" if found.timeline is None else f" on timeline {found.timeline}"
    if found.role == "primary":
        return f"primary{known}"
    if not found.visible:
        return f"replica; grant pg_monitor to {user} to see its lag"
    return f"replica{known}, {'streaming' if found.streaming else 'not streaming'}"


def facts(
    found: ReplicationState,
    lag_bytes: int | None = None,
    lag_seconds: int | None = None,
    system: str | None = None,
) -> dict[str, Any]:
    """What is published of a server of this system, with its lags as they may be published."""
    values: dict[str, Any] = {"role": found.role, "timeline": found.timeline, "system": system}
    if found.role == "replica" and found.visible:
        values["streaming"] = found.streaming
    values |= {"lag_bytes": lag_bytes, "lag_seconds": lag_seconds}
    return {key: value for key, value in values.items() if value is not None}
