"""A worker's life as named states and one pure step function.

::

    waiting ──due──▶ starting ──ready──▶ running
       ▲                │  late             │  silent, too large, told to
       │                ▼                   ▼
       └──exited──── stopping ◀─────────────┘     (traced, then TERM, then KILL)

A worker that is no longer wanted is asked to stop, is traced and killed if it is late, and ends
in ``stopped``. No clock and no system call in here.
"""

from typing import Literal

import msgspec

from lighthouse.process.timing.backoff import Backoff

LifecycleState = Literal["waiting", "starting", "running", "stopping", "stopped"]
Action = Literal["spawn", "ask", "trace", "term", "kill"]
Ending = Literal[
    "memory",
    "budget",
    "protocol",
    "hung",
    "failed",
    "killed",
    "starved",
    "crashed",
    "exited",
    "unstarted",
    "replaced",
]
"""Why a process ended: it took too much memory, or of something else; broke a rule of the channel;
hung; gave up and said why; was killed by somebody else, or by the kernel, for lack of memory; by a
signal of its own doing; ended by itself; could not be started; or another took over."""

KILL_AFTER = 1.0
"""Seconds between TERM and KILL, and between one KILL and the next."""


TRACED_WITHIN = 0.3
"""Seconds that a worker which hangs has to write down where, before TERM."""


class LifecycleLimits(msgspec.Struct, frozen=True):
    """A worker's deadlines, in seconds: until it is ready, and until it has stopped.

    ``backoff`` spaces its starts; after it has run for ``healthy_after`` it begins anew.
    """

    start: float = 15.0
    stop: float = 5.0
    backoff: Backoff = Backoff(jitter=0.1, free=1)
    healthy_after: float = 30.0


class Lifecycle(msgspec.Struct, frozen=True):
    """Where a worker stands; ``reason`` says in words why it is not running.

    While it runs, ``reason`` is what will have been wrong if the deadline passes.

    ``deadline`` is when the next step is due by itself. ``wanted`` turns false once. ``fell``:
    the last process ended unwanted though it had become ready, so that the next may do so too.
    ``traced``: it was asked where it hangs, and has not been told to end yet. ``ending`` is why
    its last process ended, or is ended now.
    """

    state: LifecycleState = "waiting"
    since: float = 0.0
    deadline: float | None = 0.0
    wanted: bool = True
    failures: int = 0
    fell: bool = False
    starts: int = 0
    running_since: float | None = None
    reason: str = ""
    last_exit: str = ""
    traced: bool = False
    ending: Ending | None = None


class Due(msgspec.Struct, frozen=True):
    """The deadline may have passed; ``doing`` is what the process is calling.

    ``remedy`` is what to do about a process that hangs.
    """

    doing: str = ""
    remedy: str = ""


class Became(msgspec.Struct, frozen=True):
    """The worker has loaded its plugin; heard from until ``deadline`` it is well."""

    deadline: float


class Heard(msgspec.Struct, frozen=True):
    """The worker gave a sign of life; the next is expected before ``deadline``.

    ``otherwise`` says what it means if none comes.
    """

    deadline: float
    otherwise: str


class Overstepped(msgspec.Struct, frozen=True):
    """The worker broke a rule, which ``reason`` names, and must go."""

    reason: str
    ending: Ending = "protocol"


class Hurried(msgspec.Struct, frozen=True):
    """What it failed for may be mended: the next try is due at once, as if it was the first."""


class Unwanted(msgspec.Struct, frozen=True):
    """The worker is to stop for good; ``at_once``: it has nothing to put in order."""

    at_once: bool = False


class Exited(msgspec.Struct, frozen=True):
    """The process is gone; ``status`` tells how, ``said`` what it gave as its reason.

    ``ending`` is why, as far as its exit status alone tells.
    """

    status: str
    said: str = ""
    ending: Ending | None = None


class Stalled(msgspec.Struct, frozen=True):
    """The supervisor itself did not run for so many ``seconds``: nobody was late meanwhile."""

    seconds: float


Event = Due | Became | Heard | Overstepped | Hurried | Unwanted | Exited | Stalled


def step(
    life: Lifecycle, event: Event, now: float, limits: LifecycleLimits, chance: float = 0.0
) -> tuple[Lifecycle, Action | None]:
    """The life after an event, and what is to be done about it."""
    match event:
        case Due():
            return _due(life, event, now, limits)
        case Became(deadline) if life.state == "starting":
            return _moved(life, "running", now, deadline, running_since=now), None
        case Heard(deadline, otherwise) if life.state == "running":
            return msgspec.structs.replace(life, deadline=deadline, reason=otherwise), None
        case Overstepped(reason, ending) if life.state in ("starting", "running"):
            until = now + KILL_AFTER
            return _moved(life, "stopping", now, until, reason=reason, ending=ending), "term"
        case Hurried() if life.state == "waiting":
            return msgspec.structs.replace(life, deadline=now, failures=0), None
        case Unwanted(at_once):
            return _unwanted(life, at_once, now, limits)
        case Exited():
            return _exited(life, event, now, limits, chance)
        case Stalled(seconds) if life.deadline is not None and life.state != "waiting":
            return msgspec.structs.replace(life, deadline=life.deadline + seconds), None
    return life, None


def unsettled(life: Lifecycle, now: float, limits: LifecycleLimits) -> str:
    """Why a worker that runs is not to be relied on yet, empty if it is: it ended lately."""
    if life.state != "running" or not life.fell or life.running_since is None:
        return ""
    if now - life.running_since >= limits.healthy_after:
        return ""
    return f"was started again {now - life.running_since:.0f} s ago: {life.last_exit}"


def _due(
    life: Lifecycle, due: Due, now: float, limits: LifecycleLimits
) -> tuple[Lifecycle, Action | None]:
    if life.deadline is None or now < life.deadline:
        return life, None
    match life.state:
        case "waiting":
            until, starts = now + limits.start, life.starts + 1
            return _moved(life, "starting", now, until, starts=starts, ending=None), "spawn"
        case "starting":
            reason = f"was not ready within {limits.start:g} s: killed"
            until = now + TRACED_WITHIN
            hung = _moved(life, "stopping", now, until, reason=reason, traced=True, ending="hung")
            return hung, "trace"
        case "running":
            until = now + TRACED_WITHIN
            return _moved(life, "stopping", now, until, traced=True, ending="hung"), "trace"
        case "stopping" if life.traced:
            where = f"it hung in {due.doing}" if due.doing else ""
            told = "; ".join(filter(None, (life.reason, where, due.remedy)))
            ending = _moved(life, "stopping", now, now + KILL_AFTER, reason=told, traced=False)
            return ending, "term" if life.wanted else "kill"
        case "stopping" if not life.wanted and not life.reason:
            reason = f"did not stop within {now - life.since:.0f} s: killed"
            until = now + TRACED_WITHIN
            return _moved(life, "stopping", now, until, reason=reason, traced=True), "trace"
        case "stopping":
            return msgspec.structs.replace(life, deadline=now + KILL_AFTER), "kill"
    return life, None


def _unwanted(
    life: Lifecycle, at_once: bool, now: float, limits: LifecycleLimits
) -> tuple[Lifecycle, Action | None]:
    if not life.wanted or life.state == "stopped":
        return life, None
    life = msgspec.structs.replace(life, wanted=False)
    match life.state:
        case "waiting":
            return _moved(life, "stopped", now, None, reason=""), None
        case "starting" | "running" if at_once or life.state == "starting":
            return _moved(life, "stopping", now, now + KILL_AFTER, reason=""), "term"
        case "running":
            return _moved(life, "stopping", now, now + limits.stop, reason=""), "ask"
    return life, None


def _exited(
    life: Lifecycle, event: Exited, now: float, limits: LifecycleLimits, chance: float
) -> tuple[Lifecycle, Action | None]:
    if not life.wanted:
        return _moved(life, "stopped", now, None, last_exit=event.status), None
    told = life.reason if life.state == "stopping" else ""
    reason = told or event.said or event.status
    well = life.running_since is not None and life.state in ("running", "stopping")
    quiet = well and now - (life.running_since or 0) >= limits.healthy_after
    failures = 1 if quiet else life.failures + 1
    deadline = now + limits.backoff.delay(failures, chance)
    return (
        _moved(
            life,
            "waiting",
            now,
            deadline,
            failures=failures,
            fell=well,
            reason=reason,
            last_exit=f"{reason} ({event.status})" if reason != event.status else reason,
            running_since=None,
            traced=False,
            ending=life.ending or event.ending or _ending(event),
        ),
        None,
    )


def _ending(event: Exited) -> Ending:
    """Why a process ended that nobody here has ended."""
    if event.said:
        return "failed"
    return "killed" if event.status.startswith("killed") else "exited"


def _moved(
    life: Lifecycle, state: LifecycleState, now: float, deadline: float | None, **changes: object
) -> Lifecycle:
    return msgspec.structs.replace(life, state=state, since=now, deadline=deadline, **changes)
