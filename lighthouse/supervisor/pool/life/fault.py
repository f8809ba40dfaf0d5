"""What an operator is told of a fault at a worker's run time: whose code it was, what to do.

``source`` is where the code comes from; it is empty for what comes with Lighthouse, whose
faults are told as they are.
"""

from typing import Final

from lighthouse.supervisor.pool.life.lifecycle import Lifecycle

_BY_KILL: Final = "killed by SIGKILL"
_BUDGET: Final = "mend the plugin, or raise this budget under `worker:` in its file"
_BROKEN: Final = "report this to the author of the plugin"
_MEMORY: Final = (
    "likely the kernel ended it because memory ran out: look at the kernel's log, give the host "
    "or its container more memory, or lower `memory` under `worker:` in its file"
)
_STARVED: Final = (
    "the kernel ended it because memory ran out: give the host or its container more memory, or "
    "lower `memory` under `worker:` in its file, so that it is started again before that"
)
_KILLED: Final = (
    "not for lack of memory, of which the kernel has ended nothing just then: somebody else "
    "killed it, or the plugin itself"
)
_ENDED: Final = "look at what it logged last, and report it to the author of the plugin"
_LEFT: Final = (
    "it ended itself (os._exit), or closed descriptors that are not its own (os.close, "
    "os.closerange): have it close only what it opened, and raise an exception to say what failed"
)
_HUNG: Final = "have that call return sooner, or raise `{}` under `worker:` in its file"


def exceeded(reason: str, source: str) -> str:
    """A budget was exceeded."""
    return _told(reason, source, _BUDGET)


def broken(reason: str, source: str) -> str:
    """A rule of the channel to the daemon was broken."""
    return _told(reason, source, _BROKEN)


def ended(status: str, source: str, starved: bool | None = None) -> str:
    """Its process has ended and has said nothing of why; ``status`` tells how.

    ``starved``: the kernel has just ended a process for lack of memory; None: nobody knows.
    """
    if status == _BY_KILL and starved is not None:
        whose = f" ({source})" if source else ""
        return f"{status}{whose}; {_STARVED if starved else _KILLED}"
    remedies = {_BY_KILL: _MEMORY, "exited with status 0": _LEFT}
    return _told(status, source, remedies.get(status, _ENDED))


def on_trial(fault: str, source: str) -> str:
    """A successor's fault: what to do stands in the refusal that it is the reason for."""
    return f"{fault} ({source})" if source else fault


def overdue(life: Lifecycle, source: str) -> str:
    """What to do about a call that has not returned in time, as it was needed in this life."""
    if not life.wanted:
        limit = "stop_timeout"
    else:
        limit = "start_timeout" if life.running_since is None else "sync_timeout"
    return _HUNG.format(limit) if source else ""


def _told(fault: str, source: str, remedy: str) -> str:
    return f"{fault} ({source}); {remedy}" if source else fault
