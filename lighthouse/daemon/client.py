"""The daemon of one configuration, as other processes see it: found, asked and signalled."""

import contextlib
import os
import select
import signal
import time
from pathlib import Path
from typing import Final, Literal, TypeVar

import msgspec

from lighthouse.cluster import Cluster
from lighthouse.config.directories import run_dir, state_dir
from lighthouse.config.schema import types
from lighthouse.daemon.claim import DaemonClaim
from lighthouse.ipc.channel import Channel, Closed
from lighthouse.ipc.control import (
    Explanation,
    GetExplanation,
    GetHistory,
    GetMembers,
    GetStatus,
    GetVersions,
    HistoryAnswer,
    Leave,
    Leaving,
    MembersAnswer,
    NoRight,
    Question,
    StatusAnswer,
    VersionsAnswer,
)
from lighthouse.ipc.messages import decode_as
from lighthouse.known_types import make_known

SYSTEM_ROOT: Final = Path("/etc/lighthouse")
SYSTEM_LOG: Final = Path("/var/log/lighthouse.log")

MARGIN: Final = 5.0
"""Seconds that a daemon gets beyond its own stop timeout before it is killed."""

_PAUSE: Final = 0.02

_PATIENCE: Final = 5.0
"""Seconds that a daemon gets to say how long its end will take, until it is signalled."""

M = TypeVar("M")

Ending = Literal["not running", "stopped", "killed"]


class _Self(msgspec.Struct):
    config_dir: str = ""


class _Head(msgspec.Struct):
    supervisor: _Self


make_known(_Head)


class DaemonSilent(Exception):
    """The daemon runs but does not say how it is; the text tells why."""


class NotAllowed(DaemonSilent):
    """The caller has no right to ask it that."""


class DaemonClient:
    """Finds its process by its locks and its socket; holds nothing open.

    ``directory`` is that directory, where the settings do not tell. ``managed`` is true once a
    daemon was stopped that its service manager starts again.
    """

    def __init__(
        self, root: Path, settings: types.DaemonSettings, directory: Path | None = None
    ) -> None:
        directory = directory or run_dir(root, settings)
        default_log = SYSTEM_LOG if root == SYSTEM_ROOT else directory / "lighthouse.log"
        self.managed = False
        self.root: Final = root
        self.claim: Final = DaemonClaim(directory, state_dir(root, settings))
        self.socket: Final = directory / "control.sock"
        self.log_file: Final = settings.log_file or default_log
        self.stop_timeout: Final = settings.stop_timeout
        self.drain_delay: Final = settings.drain_delay
        self.start_timeout: Final = settings.worker.start_timeout

    def pid(self) -> int | None:
        """The running daemon's pid, or None. Raises ``OSError`` if that cannot be told."""
        owner = self.claim.pidfile.owner()
        return self._listening() if owner is None else owner

    def _listening(self) -> int | None:
        """Who serves the control socket, as the kernel says."""
        try:
            channel = Channel.connect(self.socket)
        except OSError:
            return None
        with contextlib.closing(channel):
            return channel.pid()

    def status(self, within: float) -> bytes | None:
        """Its status document, or None if it does not run; raises like ``members``."""
        answer = self._answer(GetStatus(), StatusAnswer, within)
        return None if answer is None else answer[1]

    def members(self, within: float) -> list[Cluster] | None:
        """Its clusters with their nodes, without sections, or None if it does not run.

        Raises ``DaemonSilent`` if ``within`` seconds pass without an answer that can be read,
        or if it may not be asked.
        """
        answer = self._answer(GetMembers(), MembersAnswer, within)
        try:
            return None if answer is None else decode_as(list[Cluster], answer[1])
        except msgspec.MsgspecError as error:
            raise DaemonSilent(f"the daemon's answer cannot be read: {error}") from error

    def explanation(self, cluster: str, node: str, within: float) -> bytes | None:
        """Why a cluster or a node of it is as it is, or None if the daemon does not run.

        Raises ``LookupError`` if it knows no such cluster or node, else like ``members``.
        """
        answer = self._answer(GetExplanation(cluster, node), Explanation, within)
        if answer is None:
            return None
        if answer[0].unknown:
            raise LookupError(answer[0].unknown)
        return answer[1]

    def history(self, balancer: str, before: int | None, within: float) -> bytes | None:
        """What a balancer (empty: each) applied lately, or None if the daemon does not run.

        Raises ``LookupError`` if it has no such balancer, else like ``members``.
        """
        answer = self._answer(GetHistory(balancer, before), HistoryAnswer, within)
        if answer is None:
            return None
        if answer[0].error:
            raise LookupError(answer[0].error)
        return answer[1]

    def versions(self, balancer: str, after: dict[str, int], within: float) -> bytes | None:
        """What balancers applied since these versions; raises like ``history``."""
        answer = self._answer(GetVersions(balancer, after), VersionsAnswer, within)
        if answer is None:
            return None
        if answer[0].error:
            raise LookupError(answer[0].error)
        return answer[1]

    def ask(self, question: Question, kind: type[M], within: float) -> M | None:
        """Its answer to a question that has a short one; as for ``status``."""
        answer = self._answer(question, kind, within)
        return None if answer is None else answer[0]

    def _answer(self, question: Question, kind: type[M], within: float) -> tuple[M, bytes] | None:
        deadline = time.monotonic() + within
        reason = "it has no control socket yet"
        while (pid := self.pid()) is not None:
            try:
                return self._ask(question, kind, deadline)
            except PermissionError as error:
                raise NotAllowed(f"not allowed to ask the daemon (pid {pid})") from error
            except TimeoutError:
                reason = f"no answer within {within:g} s"
            except (OSError, Closed) as error:
                reason = str(error)
            if time.monotonic() > deadline:
                raise DaemonSilent(f"the daemon (pid {pid}) runs but does not answer: {reason}")
            time.sleep(_PAUSE)
        return None

    def serves(self, within: float) -> str | None:
        """The configuration that it names as its own; raises like ``status``."""
        text = self.status(within)
        if text is None:
            return None
        try:
            return msgspec.json.decode(text, type=_Head).supervisor.config_dir
        except msgspec.DecodeError:
            return None

    def renewed(self, pid: int, within: float) -> int | None:
        """The pid of the daemon that a service manager has started after that one, None if none
        is there after so many seconds."""
        deadline = time.monotonic() + within
        while (now := self.pid()) in (None, pid):
            if time.monotonic() > deadline:
                return None
            time.sleep(_PAUSE)
        return now

    def stop(self, keep: bool = False) -> Ending:
        """Ask it to stop, wait as long as it is allowed to take, then kill it.

        ``keep``: its registrations stay, for another one takes over at once.
        """
        with contextlib.ExitStack() as stack:
            handle = self._handle(stack)
            if handle is None:
                return "not running"
            leaving = self._leave(keep)
            if leaving is None:
                signal.pidfd_send_signal(handle, signal.SIGTERM)
                leaving = Leaving(self.drain_delay + self.stop_timeout)
            self.managed = leaving.managed
            if _ended(handle, leaving.within + MARGIN):
                return "stopped"
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            _ended(handle, MARGIN)
            return "killed"

    def _leave(self, keep: bool) -> Leaving | None:
        """What it says of its end, None if it says nothing."""
        try:
            return self._ask(Leave(keep), Leaving, time.monotonic() + _PATIENCE)[0]
        except (OSError, Closed, NotAllowed):
            return None

    def reload(self) -> bool:
        """Have it read its configuration again; False if it does not run."""
        with contextlib.ExitStack() as stack:
            handle = self._handle(stack)
            if handle is None:
                return False
            signal.pidfd_send_signal(handle, signal.SIGHUP)
            return True

    def _handle(self, stack: contextlib.ExitStack) -> int | None:
        """A descriptor of the process that is the daemon now, and of no later one."""
        pid = self.pid()
        if not pid:
            return None
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return None
        stack.callback(os.close, handle)
        return handle if self.pid() == pid else None

    def _ask(self, question: Question, kind: type[M], deadline: float) -> tuple[M, bytes]:
        channel = Channel.connect(self.socket)
        with contextlib.closing(channel):
            with contextlib.suppress(Closed):  # then it has been told why, which is read below
                channel.send(question)
            while True:
                received = channel.receive()
                if received is not None and isinstance(received[0], kind):
                    return received[0], bytes(received[1])
                if received is not None and isinstance(received[0], NoRight):
                    raise NotAllowed(received[0].reason)
                _readable(channel.fileno(), deadline - time.monotonic())


def _readable(fd: int, within: float) -> None:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    if within <= 0 or not poll.poll(within * 1000):
        raise TimeoutError


def _ended(handle: int, within: float) -> bool:
    try:
        _readable(handle, within)
    except TimeoutError:
        return False
    return True
