"""An HAProxy that runs already: the proof that it is ours, and its newest worker."""

import os
import time
from pathlib import Path
from typing import Final

from lighthouse.haproxy.rendering.render import generation_in
from lighthouse.haproxy.runtime import pid, process
from lighthouse.haproxy.runtime.instance import Instance
from lighthouse.haproxy.runtime.socket import Lost
from lighthouse.haproxy.schema.balancer import HAProxySettings

_PATIENCE: Final = 1.0
_BEGUN: Final = 0.3
"""Seconds within which a reload begins that somebody asked for before they were killed."""


class Stranger(RuntimeError):
    """Whoever answers on our socket is not the HAProxy of our configuration file."""


def newest(instance: Instance, settings: HAProxySettings, text: str) -> Instance:
    """The worker to attach to: what comes of a reload, if somebody has one under way.

    ``text`` is the file. If it does not run, a killed worker of ours may have asked for it,
    and the reload is about to begin. Raises ``Stranger``, or ``Lost``.
    """
    try:
        _identify(instance, settings)
        if settings.command or not _is_replaced(instance, settings.master, text):
            return instance
    except (Stranger, Lost):
        instance.close()
        raise
    instance.close()
    try:
        return Instance.attach(settings.socket_file, _PATIENCE)
    except OSError as error:
        raise Lost(f"the new worker does not answer: {error}") from error


def _is_replaced(instance: Instance, master: str, text: str) -> bool:
    begins = generation_in(text) not in ("", instance.generation)
    deadline = time.monotonic() + (_BEGUN if begins else 0.0)
    try:
        found = process.processes(master)
        while found.workers[:1] == (instance.pid,) and time.monotonic() < deadline:
            time.sleep(0.02)
            found = process.processes(master)
    except OSError:
        return False
    return found.workers[:1] not in ((), (instance.pid,))


def _words(pid: int) -> bytes | None:
    """A process's command line, which is empty when it has ended; None if it is out of sight."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return None


def _identify(instance: Instance, settings: HAProxySettings) -> None:
    """Return True if this is our HAProxy, by its files and its owner; raises ``Stranger``."""
    config = settings.config_file
    uid = instance.runtime.owner()
    fault = ""
    words = _words(instance.pid)
    if words == b"":
        raise Lost(f"worker {instance.pid} is ending")
    if words is not None and not pid.runs_on(instance.pid, config):
        fault = f"was not started on {config}"
    elif os.geteuid() and uid not in (0, os.geteuid()):
        fault = f"belongs to user {uid}"
    if fault:
        who = f"the HAProxy at {settings.socket_file} (pid {instance.pid})"
        raise Stranger(f"{who} {fault}; it is left alone")
