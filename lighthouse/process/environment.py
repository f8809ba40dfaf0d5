"""What a process of ours gets of the environment in which the daemon was started.

All but what leads to others: to the session of the person who typed the command, and to the
service manager, which is told by the daemon alone.
"""

from collections.abc import Mapping
from typing import Final

_LEADING: Final = frozenset(
    {
        "NOTIFY_SOCKET",
        "WATCHDOG_PID",
        "WATCHDOG_USEC",
        "LISTEN_FDS",
        "LISTEN_FDNAMES",
        "LISTEN_PID",
        "MAINPID",
        "INVOCATION_ID",
        "JOURNAL_STREAM",
        "DBUS_SESSION_BUS_ADDRESS",
        "DISPLAY",
        "WAYLAND_DISPLAY",
        "XAUTHORITY",
        "GPG_AGENT_INFO",
        "KRB5CCNAME",
        "SSH_AGENT_PID",
        "SSH_AUTH_SOCK",
        "SSH_CLIENT",
        "SSH_CONNECTION",
        "SSH_TTY",
    }
)
_SESSION: Final = ("SUDO_", "XDG_SESSION_", "XDG_SEAT", "XDG_VTNR", "TMUX", "STY")


def scrubbed(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of an environment that a process of ours is given."""
    return {
        name: value
        for name, value in environment.items()
        if name not in _LEADING and not name.startswith(_SESSION)
    }
