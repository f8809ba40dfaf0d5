"""Who else moves the standbys: an HA manager, which Lighthouse does not interfere with."""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePath
from typing import Final

_FILES: Final = {
    "postgresql.base.conf": "Patroni",
    "postgresql-auto-failover.conf": "pg_auto_failover",
    "postgresql-auto-failover-standby.conf": "pg_auto_failover",
}
_LIBRARIES: Final = {"repmgr": "repmgr", "pgautofailover": "pg_auto_failover"}
_CONNINFO: Final = (
    (re.compile(r"\b(?:user|dbname)=repmgr\b"), "repmgr"),
    (re.compile(r"\bapplication_name='?stolon_"), "stolon"),
    (re.compile(r"\bapplication_name='?pgautofailover_"), "pg_auto_failover"),
)
DYNAMIC: Final = "patroni.dynamic.json"
"""What Patroni keeps in the data directory."""


def evidence(
    files: Collection[str], settings: Mapping[str, str], foreign_conninfo: str, dynamic: bool
) -> tuple[str, str]:
    """The HA manager that owns the settings, and what shows it; empty texts if none does.

    ``files`` are those that the settings come from, ``settings`` their values by name,
    ``foreign_conninfo`` the ``primary_conninfo`` that somebody else wrote, ``dynamic`` if there
    is a ``patroni.dynamic.json`` in the data directory.
    """
    return next(_traces(files, settings, foreign_conninfo, dynamic), ("", ""))


def refusal(manager: str, trace: str) -> str:
    """Why nothing is done, and what an operator does about it."""
    return (
        f"{manager} owns the replication settings of this server ({trace}) and moves the standbys "
        f"itself: remove this balancer's file, and leave them to {manager}; the check postgresql "
        "and the balancers of clients go well with it"
    )


def _traces(
    files: Collection[str], settings: Mapping[str, str], foreign_conninfo: str, dynamic: bool
) -> Iterator[tuple[str, str]]:
    if dynamic:
        yield "Patroni", f"{DYNAMIC} in the data directory"
    for path in sorted(files):
        name = PurePath(path).name
        if name in _FILES:
            yield _FILES[name], f"its settings come from {path}"
        if name.startswith("stolon-"):
            yield "stolon", f"its settings come from {path}"
    libraries = re.split(r"[,\s]+", settings.get("shared_preload_libraries", ""))
    for library, manager in _LIBRARIES.items():
        if library in libraries:
            yield manager, f"shared_preload_libraries has {library}"
    for pattern, manager in _CONNINFO:
        if pattern.search(foreign_conninfo):
            yield manager, "primary_conninfo is its own"
