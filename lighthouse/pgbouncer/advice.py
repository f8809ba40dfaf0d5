"""What the operator of a PgBouncer had better change, by what it says of itself."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from lighthouse.balancer import Finding
from lighthouse.pgbouncer.loading import includes
from lighthouse.pgbouncer.settings import PgBouncerSettings

_RETRY: Final = (
    "server_login_retry of PgBouncer is {found} s: after a failover clients wait that long though "
    "the new primary is known; set `server_login_retry = 0.1` in pgbouncer.ini"
)
_WAIT: Final = (
    "clients are held for up to {most:g} s, and PgBouncer turns them away after {found} s "
    "(query_wait_timeout): keep hold.max below it"
)
_ADMIN: Final = (
    "'{user}' is not in admin_users of PgBouncer: it may not RELOAD, PAUSE or RESUME; add it"
)
_INCLUDE: Final = (
    "{file} does not include {path}: add `%include {path}` as the last line of [databases], which "
    "has to be the last section"
)


def warnings(config: Mapping[str, str], settings: PgBouncerSettings) -> tuple[Finding, ...]:
    """Each as a warning; ``config`` is PgBouncer's SHOW CONFIG."""
    return tuple(Finding(path, text, warning=True) for path, text in _found(config, settings))


def _found(
    config: Mapping[str, str], settings: PgBouncerSettings
) -> Iterator[tuple[tuple[str, ...], str]]:
    retry = _seconds(config.get("server_login_retry"))
    if retry > 1:
        yield (), _RETRY.format(found=f"{retry:g}")
    wait = _seconds(config.get("query_wait_timeout"))
    if settings.hold.enabled and 0 < wait <= settings.hold.max:
        yield ("hold", "max"), _WAIT.format(most=settings.hold.max, found=f"{wait:g}")
    user = settings.console()["user"]
    admins = [name.strip() for name in config.get("admin_users", "").split(",")]
    if user not in (*admins, "pgbouncer"):
        yield ("admin",), _ADMIN.format(user=user)
    file = config.get("conffile", "")
    if includes(file, Path(settings.include_file)) is False:
        yield ("include_file",), _INCLUDE.format(file=file, path=settings.include_file)


def _seconds(value: str | None) -> float:
    try:
        return float(value or 0)
    except ValueError:
        return 0.0
