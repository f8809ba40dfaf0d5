"""What a worker is as a process: whose child, with which descriptors, signals and end."""

import contextlib
import faulthandler
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

import msgspec
import setproctitle

from lighthouse.distribution.origin import PluginOrigin
from lighthouse.ipc import log_lines
from lighthouse.ipc.channel import Channel
from lighthouse.ipc.plugin_report import PluginReport
from lighthouse.process.ending.parenthood import die_with_parent
from lighthouse.process.rights import NEW_PRIVILEGES
from lighthouse.process.trace import TracedProcess
from lighthouse.workers.boundary.limits import REASON, one_line
from lighthouse.workers.boundary.plugin_call import hosted


class GivingUp(Exception):
    """This process cannot do a worker's work; ``reason`` says why in words, on one line.

    ``place`` is where in the plugin the cause stands, ``report`` says it all, if it is about
    the plugin's loading.
    """

    def __init__(
        self,
        reason: str,
        traceback: str = "",
        report: PluginReport | None = None,
        place: str = "",
    ) -> None:
        self.reason: Final = one_line(reason, 2 * REASON)
        self.traceback: Final = traceback
        self.report: Final = report
        self.place: Final = place
        super().__init__(self.reason)


class Arguments(msgspec.Struct, frozen=True):
    """What the supervisor passes: ``parent_pid`` 0 means that any parent will do.

    ``user`` is the account to become, empty to stay as it is. ``trace_fd`` is where to note
    what is done, -1 for nowhere. ``new_privileges``: what it starts may have rights that the
    account has not. ``origin`` is where the plugin comes from, None if the worker has to look
    for that itself.
    """

    name: str
    plugin: str
    channel_fd: int
    lock_path: Path
    parent_pid: int
    user: str = ""
    trace_fd: int = -1
    new_privileges: bool = False
    origin: PluginOrigin | None = None


def arguments(argv: Sequence[str]) -> Arguments:
    """The command line's words, typed; exits with a usage line if they are others."""
    try:
        name, plugin, channel_fd, lock_path, parent_pid, *more = argv[1:]
        typed = int(channel_fd), Path(lock_path), int(parent_pid)
        user, trace_fd, rights, said = more + ["", "-1", "", ""][len(more) :]
        origin = msgspec.json.decode(said, type=PluginOrigin) if said else None
        free = rights == NEW_PRIVILEGES
        return Arguments(name, plugin, *typed, user, int(trace_fd), free, origin)
    except (ValueError, TypeError):
        usage = (
            "usage: NAME PLUGIN CHANNEL_FD LOCK_PATH PARENT_PID "
            "[USER [TRACE_FD [RIGHTS [ORIGIN]]]]"
        )
        raise SystemExit(usage) from None


def begin(kind: str, given: Arguments) -> Channel:
    """Make this process a worker; the channel to its supervisor.

    From here on the process dies with its parent, holds no descriptor that it was not meant
    to have, and is deaf to the terminal's signals.
    """
    bind(given)
    _close_all_but(given.channel_fd, given.trace_fd)
    _default_signals()
    faulthandler.enable()
    if given.trace_fd >= 0:
        os.set_inheritable(given.trace_fd, False)
        hosted.follow(TracedProcess(given.trace_fd))
    log_lines.begin()
    setproctitle.setproctitle(f"lighthouse: {kind} {given.name}")
    os.set_inheritable(given.channel_fd, False)
    channel = Channel(socket.socket(fileno=given.channel_fd))
    os.register_at_fork(after_in_child=die_with_parent)
    os.register_at_fork(after_in_child=channel.close)
    return channel


def bind(given: Arguments) -> None:
    """Die with the parent; the kernel forgets that when a process becomes another user."""
    die_with_parent()
    if given.parent_pid and os.getppid() != given.parent_pid:
        leave(0)


def leave(status: int) -> NoReturn:
    """End now, whatever threads and exit handlers a plugin may have left."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def _close_all_but(*kept: int) -> None:
    low = 3
    for descriptor in sorted({fd for fd in kept if fd >= 0}):
        os.closerange(low, descriptor)
        low = descriptor + 1
    os.closerange(low, max(os.sysconf("SC_OPEN_MAX"), 1 << 20))


def _default_signals() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    for default in (signal.SIGTERM, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(default, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
