"""What ``show servers state`` tells, and which of it the next worker of HAProxy starts with.

HAProxy matches rows by backend and name, and lets a row's port win over the configuration. So
only rows are handed over whose server the new file has at the same address and port.
"""

import contextlib
import ipaddress
import logging
import os
from collections.abc import Callable, Iterator
from typing import Final

from lighthouse.haproxy.rendering.live import Live
from lighthouse.haproxy.rendering.render import carries_states
from lighthouse.haproxy.schema.balancer import HAProxySettings
from lighthouse.haproxy.schema.directive import words

log: Final = logging.getLogger(__name__)

NOTHING: Final = "1\n"
"""A file of states without any; HAProxy 2.6 warns of one that is missing or empty."""

_PROXIES: Final = ("backend", "listen")
_FORCED_MAINT: Final = 0x01
_DRAIN: Final = 0x08
_COLUMNS: Final = (
    *("be_name", "srv_name", "srv_addr", "srv_id", "srv_port"),
    *("srv_uweight", "srv_iweight", "srv_admin_state"),
)


def read_states(text: str) -> dict[str, dict[str, Live]]:
    """The servers by backend in the reply to ``show servers state``."""
    found: dict[str, dict[str, Live]] = {}
    place: dict[str, int] = {}
    for row in text.splitlines():
        if row.startswith("# "):
            columns = row[2:].split()
            place = {name: columns.index(name) for name in _COLUMNS}
        elif place and row.strip():
            fields = row.split()
            backend, name, ip, *numbers = (fields[place[column]] for column in _COLUMNS)
            with contextlib.suppress(ValueError):  # a server of an operator's own kind
                number, port, weight, initial, admin = map(int, numbers)
                live = Live(number, _canonical(ip), port, weight, state_of(admin), initial)
                found.setdefault(backend, {})[name] = live
    return found


def state_rows(text: str) -> Iterator[dict[str, str]]:
    """The rows of a reply to ``show servers state``, by column."""
    columns: list[str] = []
    for row in text.splitlines():
        if row.startswith("# "):
            columns = row[2:].split()
        elif columns and row.strip():
            yield dict(zip(columns, row.split(), strict=False))


def backend_number(text: str) -> str:
    """The number of the backend in a reply about one; empty if that has no server.

    A name alone may be that of a frontend too.
    """
    return next((row.get("be_id", "") for row in state_rows(text)), "")


def _canonical(ip: str) -> str:
    """HAProxy prints IPv4-mapped addresses in another way than nodes are."""
    return str(ipaddress.IPv6Address(ip)) if ":" in ip else ip


def state_of(admin: int) -> str:
    """An administrative state in words; a file's own ``disabled`` does not count when lifted."""
    if admin & _FORCED_MAINT:
        return "maint"
    return "drain" if admin & _DRAIN else "ready"


def carried(states: str, text: str, decides: Callable[[str, str], bool]) -> str:
    """The file of states; ``states`` is the reply to ``show servers state``.

    ``decides`` tells of which servers, by backend and name, lighthouse decides the admin state:
    they go along only if they are ready. Elsewhere a state that somebody set is kept.
    """
    places = {(backend, name): place for backend, name, place in _servers(text)}
    lines = states.splitlines()
    header = next((line for line in lines if line.startswith("# ")), "")
    rows = []
    for fields in state_rows(states):
        key = (fields["be_name"], fields["srv_name"])
        admin = int(fields["srv_admin_state"])
        if places.get(key) != (_bare(fields["srv_addr"]), fields["srv_port"]):
            continue
        if state_of(admin) != "ready" and decides(*key):
            continue
        if state_of(admin) == "ready":
            fields["srv_admin_state"] = "0"
        rows.append(" ".join(fields.values()))
    return "\n".join(("1", header, *rows)) + "\n" if rows else NOTHING


def hand_on(settings: HAProxySettings, states: str) -> None:
    """Write the file of states where the next worker finds it.

    A reload without it is a reload without memory, and no worse.
    """
    if not carries_states(settings):
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        with open(os.open(settings.states, flags, 0o644), "w", encoding="utf-8") as file:
            file.write(states)
    except OSError as error:
        log.warning("%s cannot be written: %s", settings.states, error.strerror)


def _servers(text: str) -> Iterator[tuple[str, str, tuple[str, str]]]:
    """(backend, name, (ip, port)) of each server in a file."""
    proxy = ""
    for line in text.splitlines():
        if line.startswith("    server "):
            found = words(line) if '"' in line or "'" in line else tuple(line.split(None, 3))
            if proxy and len(found) > 2:
                host, _, port = found[2].rpartition(":")
                yield proxy, found[1], (_bare(host), port)
        elif line[:1] not in (" ", "#", ""):
            section, _, name = line.partition(" ")
            proxy = name.strip() if section in _PROXIES else ""


def _bare(host: str) -> str:
    return host.strip("[]")
