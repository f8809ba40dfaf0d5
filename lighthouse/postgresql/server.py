"""The server of this host: what it says of itself, and the one thing it is told, to reload."""

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import psutil
from psycopg import Error

from lighthouse.net.connection import Deadline, said
from lighthouse.net.postgresql_session import PostgresqlSession, Row
from lighthouse.postgresql import ha_manager
from lighthouse.postgresql.following import OwnServer
from lighthouse.postgresql.receiver import ReceiverLook
from lighthouse.postgresql.slots import Slot
from lighthouse.text import one_line

OLDEST: Final = 130_000
"""The first version that takes another primary by a reload: 13."""

_STATE: Final = """
select pg_is_in_recovery(), (select system_identifier from pg_control_system()),
  greatest(case when not pg_is_in_recovery() then
      ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int end,
    (select timeline_id from pg_control_checkpoint()),
    (select min_recovery_end_timeline from pg_control_recovery()), receiver.received_tli),
  receiver.pid, receiver.status, coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()),
  has_function_privilege('pg_reload_conf()', 'execute'),
  has_function_privilege('pg_show_all_file_settings()', 'execute')
    and has_table_privilege('pg_file_settings', 'select'), current_user
from (select 1) as one left join pg_stat_wal_receiver as receiver on true
"""

_NAMES: Final = (
    *("primary_conninfo", "primary_slot_name", "port", "listen_addresses", "cluster_name"),
    *("data_directory", "shared_preload_libraries", "max_slot_wal_keep_size"),
    *("synchronous_standby_names", "synchronized_standby_slots"),
)
_SETTINGS: Final = (
    "select name, setting, sourcefile from pg_settings where name in "
    f"({', '.join(repr(name) for name in _NAMES)})"
)
_FILES: Final = (
    "select sourcefile, sourceline, name, setting, applied, error from pg_file_settings "
    "order by seqno"
)

_SLOTS: Final = """
select slot_name, active, wal_status = 'lost' {newer} from pg_replication_slots
where slot_type = 'physical' and not temporary
"""
_SLOTS_SINCE_17: Final = (
    "or invalidation_reason is not null, extract(epoch from clock_timestamp() - inactive_since)"
)
_SENDERS: Final = (
    "select distinct application_name from pg_stat_replication where state = 'streaming'"
)


class ServerAway(OSError):
    """The server of this host does not answer; the text says why."""


class FileSetting(msgspec.Struct, frozen=True):
    """One line of the server's configuration files, as they are on disk."""

    file: str
    line: int
    name: str
    value: str
    applied: bool
    error: str

    def is_of(self, path: Path) -> bool:
        """Return True if the line stands in this file, by whatever name."""
        return Path(self.file).resolve() == path.resolve()


class ServerState(msgspec.Struct, frozen=True):
    """``values`` and ``sources`` are of settings by name: what is in force, and its file."""

    version: int
    standby: bool
    system: str
    timeline: int
    look: ReceiverLook
    may_reload: bool
    may_read_files: bool
    user: str
    values: Mapping[str, str]
    sources: Mapping[str, str]

    @property
    def lacks(self) -> str:
        """What keeps Lighthouse from working with this server; empty if nothing does."""
        if self.version < OLDEST:
            version = self.version // 10_000
            return f"PostgreSQL {version} follows another primary by a restart only, expected 13"
        grants = []
        if "primary_conninfo" not in self.values:
            grants.append("GRANT pg_monitor TO {}")
        if not self.may_reload:
            grants.append("GRANT EXECUTE ON FUNCTION pg_reload_conf() TO {}")
        if not self.may_read_files:
            grants.append("GRANT EXECUTE ON FUNCTION pg_show_all_file_settings() TO {}")
            grants.append("GRANT SELECT ON pg_file_settings TO {}")
        if not grants:
            return ""
        statements = "; ".join(grants).replace("{}", self.user)
        return f"the role {self.user} lacks rights; on the primary, in this database: {statements}"

    @property
    def own(self) -> OwnServer:
        """What tells this server from the others of its cluster."""
        listens = [one.strip() for one in self.values.get("listen_addresses", "").split(",")]
        addresses = {
            address.address.partition("%")[0]
            for addresses in psutil.net_if_addrs().values()
            for address in addresses
        }
        return OwnServer(
            int(self.values.get("port", "0")),
            tuple(listens),
            frozenset(addresses),
            self.system,
            self.timeline,
        )


class DatabaseServer:
    """A session of the server of this host, kept from one look to the next."""

    def __init__(self, timeout: float) -> None:
        self._timeout: Final = timeout
        self._session: PostgresqlSession | None = None

    def state(self, conninfo: str) -> ServerState:
        """What the server says of itself; raises ``ServerAway``."""
        if self._session is not None:
            with contextlib.suppress(ServerAway):
                return self._state()
        self._open(conninfo)
        return self._state()

    def files(self) -> list[FileSetting]:
        """Its configuration files as they are on disk now; raises ``ServerAway``."""
        rows = self._rows(_FILES)
        return [
            FileSetting(
                file or "", int(line or 0), name or "", value or "", on == "t", error or ""
            )
            for file, line, name, value, on, error in rows
        ]

    def values(self) -> tuple[dict[str, str], dict[str, str]]:
        """The settings in force by name, and the files that they come from."""
        rows = self._rows(_SETTINGS)
        values = {name or "": value or "" for name, value, _ in rows}
        return values, {name or "": file for name, _, file in rows if file}

    def reload(self) -> None:
        """Have it read its files; raises ``ServerAway`` if that cannot be said."""
        self._rows("select pg_reload_conf()")

    def slots(self) -> list[Slot]:
        """Its physical replication slots; raises ``ServerAway``."""
        since_17 = self._session is not None and self._session.version >= 170_000
        rows = self._rows(_SLOTS.format(newer=_SLOTS_SINCE_17 if since_17 else ", null"))
        return [
            Slot(name or "", used == "t", lost == "t", None if idle is None else float(idle))
            for name, used, lost, idle in rows
        ]

    def create_slot(self, name: str) -> str:
        """Make one that keeps WAL from now on; what the server has against it, if anything."""
        return self._tried(f"select pg_create_physical_replication_slot('{name}', true)")

    def drop_slot(self, name: str) -> str:
        """Drop one that is not in use; what the server has against it, if anything."""
        return self._tried(f"select pg_drop_replication_slot('{name}')")

    def senders(self) -> list[str]:
        """What the standbys that stream from it call themselves; raises ``ServerAway``."""
        return [name or "" for (name,) in self._rows(_SENDERS)]

    def nudge(self) -> None:
        """Have standbys answer now, so that commits which wait go by a new list at once."""
        self._rows(
            "set synchronous_commit = local; "
            "select pg_logical_emit_message(true, 'lighthouse', 'nudge'); "
            "reset synchronous_commit"
        )

    def close(self) -> None:
        """Let go of the session."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _open(self, conninfo: str) -> None:
        self.close()
        deadline = Deadline(self._timeout)
        try:
            self._session = PostgresqlSession.open(conninfo, deadline)
        except OSError as error:
            told = one_line(said(error))
            raise ServerAway(f"the server of this host lets nobody in: {told}") from error
        self._rows(f"set statement_timeout = {int(self._timeout * 1000)}")

    def _state(self) -> ServerState:
        row = self._rows(_STATE)[0]
        values, sources = self.values()
        standby, system, timeline, pid, status, received, reloads, reads, user = row
        assert self._session is not None
        return ServerState(
            self._session.version,
            standby == "t",
            system or "",
            int(timeline or 0),
            ReceiverLook(int(pid or 0), status or "", received or ""),
            reloads == "t",
            reads == "t",
            user or "",
            values,
            sources,
        )

    def _tried(self, query: str) -> str:
        """What the server has against a statement, empty if it was done."""
        try:
            self._ask(query)
        except Error as error:
            return one_line(error.diag.message_primary or str(error))
        return ""

    def _rows(self, query: str) -> list[Row]:
        try:
            return self._ask(query)
        except Error as error:
            told = one_line(error.diag.message_primary or str(error))
            raise ServerAway(f"the server of this host refuses a query: {told}") from error

    def _ask(self, query: str) -> list[Row]:
        if self._session is None:
            raise ServerAway("there is no session of the server of this host")
        try:
            return self._session.rows(query, Deadline(self._timeout))
        except OSError as error:
            self.close()
            told = one_line(said(error))
            raise ServerAway(f"the server of this host does not answer: {told}") from error


def manager_of(
    state: ServerState, files: Sequence[FileSetting], include_file: Path
) -> tuple[str, str]:
    """The HA manager that owns the server's settings and what shows it, or two empty texts."""
    foreign = [
        one.value
        for one in files
        if one.name == "primary_conninfo" and not one.is_of(include_file)
    ]
    dynamic = os.path.join(state.values.get("data_directory", "/"), ha_manager.DYNAMIC)
    there = os.path.exists(dynamic)  # False also where this user may not look
    return ha_manager.evidence({one.file for one in files}, state.values, " ".join(foreign), there)
