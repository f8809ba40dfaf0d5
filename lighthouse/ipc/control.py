"""What operators ask of a running daemon, and its short answers.

They go over the control socket as all messages do, and are part of ``lighthouse.ipc.messages``.
"""

import msgspec

from lighthouse.ipc.program import ProgramTold, TellProgram


class GetStatus(msgspec.Struct, frozen=True, tag=True):
    """To the control socket; answered by ``StatusAnswer``."""


class StatusAnswer(msgspec.Struct, frozen=True, tag=True):
    """From the control socket: the payload is the status document, as JSON."""


class GetMembers(msgspec.Struct, frozen=True, tag=True):
    """To the control socket; answered by ``MembersAnswer``."""


class MembersAnswer(msgspec.Struct, frozen=True, tag=True):
    """From the control socket: the payload lists a ``Cluster`` for each that is configured.

    They are as balancers are given them, but without anybody's section.
    """


class GetExplanation(msgspec.Struct, frozen=True, tag=True):
    """To the control socket: why is a cluster as it is, or the node of it that is named?

    Answered by ``Explanation``.
    """

    cluster: str
    node: str = ""


class Explanation(msgspec.Struct, frozen=True, tag=True):
    """From the control socket: the payload is the explanation, as JSON.

    ``unknown`` says that there is no such cluster or node; then there is no payload.
    """

    unknown: str = ""


class BeginMaintenance(msgspec.Struct, frozen=True, tag=True):
    """To the control socket; answered by ``Maintained``.

    About one port of a service of this host, or all of them; ``until`` is wall-clock seconds.
    """

    service: str
    port: int | None = None
    reason: str = ""
    until: float | None = None
    by: str = ""


class EndMaintenance(msgspec.Struct, frozen=True, tag=True):
    """To the control socket; answered by ``Maintained``.

    ``anew``: its checks are to decide anew before it is registered.
    """

    service: str
    port: int | None = None
    by: str = ""
    anew: bool = False


class Maintained(msgspec.Struct, frozen=True, tag=True):
    """From the control socket: ``error`` says why nothing was changed.

    ``changed`` is false if all was so already, ``warning`` is what is wrong nevertheless.
    """

    error: str = ""
    changed: bool = False
    warning: str = ""


class GetRemoved(msgspec.Struct, frozen=True, tag=True):
    """To the control socket; answered by ``Removed``."""

    service: str
    port: int | None = None


class Removed(msgspec.Struct, frozen=True, tag=True):
    """From the control socket: which discoveries have not confirmed it yet, and why."""

    waiting: tuple[str, ...] = ()


class GetServed(msgspec.Struct, frozen=True, tag=True):
    """To the control socket: does every balancer serve a node of a cluster, or not any more?

    Without a ``node``: the cluster as it is known by now, or that it is empty. Answered by
    ``Served``.
    """

    cluster: str
    node: str | None = None
    absent: bool = False


class Served(msgspec.Struct, frozen=True, tag=True):
    """From the control socket: why not yet, nothing if so; ``error``: it never may be."""

    error: str = ""
    waiting: tuple[str, ...] = ()


class Leave(msgspec.Struct, frozen=True, tag=True):
    """To the control socket: stop as SIGTERM does; ``keep``: leave what is registered.

    Answered by ``Leaving``.
    """

    keep: bool = False


class Leaving(msgspec.Struct, frozen=True, tag=True):
    """From the control socket: the daemon will be gone within so many seconds.

    ``managed``: it was started by a service manager, which starts it again.
    """

    within: float
    managed: bool = False


class RestartWorker(msgspec.Struct, frozen=True, tag=True):
    """To the control socket: start a worker anew; without a ``kind`` the one of that name.

    It runs until its successor can take over; ``force``: it ends at once. Answered by
    ``RestartingWorker``.
    """

    kind: str
    name: str
    force: bool = False


class RestartingWorker(msgspec.Struct, frozen=True, tag=True):
    """From the control socket: which worker is to end, and the number of its process, if any.

    ``error`` says why none is.
    """

    kind: str = ""
    name: str = ""
    pid: int | None = None
    error: str = ""


class PauseWorker(msgspec.Struct, frozen=True, tag=True):
    """To the control socket: have a worker do nothing, without a ``kind`` the one of that name.

    ``until`` is wall-clock seconds, None: until it is resumed. Answered by ``WorkerOrdered``.
    """

    kind: str
    name: str
    reason: str
    until: float | None = None
    by: str = ""


class ResumeWorker(msgspec.Struct, frozen=True, tag=True):
    """To the control socket: end that. Answered by ``WorkerOrdered``."""

    kind: str
    name: str
    by: str = ""


class PinBalancer(msgspec.Struct, frozen=True, tag=True):
    """To the control socket: have a balancer serve an earlier version, whatever is known.

    ``until`` is wall-clock seconds, None: until it is unpinned. Answered by ``WorkerOrdered``.
    """

    name: str
    version: int
    reason: str
    until: float | None = None
    by: str = ""


class UnpinBalancer(msgspec.Struct, frozen=True, tag=True):
    """To the control socket: end that. Answered by ``WorkerOrdered``."""

    name: str
    by: str = ""


class GetHistory(msgspec.Struct, frozen=True, tag=True):
    """To the control socket: what was applied lately, by one balancer or (empty) by all?

    Only the newest few versions, or those with smaller numbers than ``before``. Answered by
    ``HistoryAnswer``.
    """

    balancer: str = ""
    before: int | None = None


class HistoryAnswer(msgspec.Struct, frozen=True, tag=True):
    """From the control socket: the payload is the history, as JSON; ``error``: there is none."""

    error: str = ""


class GetVersions(msgspec.Struct, frozen=True, tag=True):
    """To the control socket: what did a balancer (empty: each) apply since these versions?

    Has what files say in it, but for secrets: only who may have the daemon act may ask.
    Answered by ``VersionsAnswer``.
    """

    balancer: str = ""
    after: dict[str, int] = {}


class VersionsAnswer(msgspec.Struct, frozen=True, tag=True):
    """From the control socket: the payload has the versions of each balancer, those included.

    They are as they lie on disk. Nothing new, no balancer; ``error``: there is no such balancer.
    """

    error: str = ""


class WorkerOrdered(msgspec.Struct, frozen=True, tag=True):
    """From the control socket: about which worker; ``error`` says why nothing was changed.

    ``changed`` is false if all was so already, ``warning`` is what is wrong nevertheless.
    ``version`` is what a balancer is pinned to.
    """

    kind: str = ""
    name: str = ""
    error: str = ""
    changed: bool = False
    warning: str = ""
    version: int = 0


class NoRight(msgspec.Struct, frozen=True, tag=True):
    """From the control socket: the caller may not ask that; ``reason`` says what is lacking."""

    reason: str


Inquiry = GetStatus | GetMembers | GetExplanation | GetRemoved | GetServed | GetHistory
"""What changes nothing."""

Order = (
    BeginMaintenance
    | EndMaintenance
    | RestartWorker
    | PauseWorker
    | ResumeWorker
    | PinBalancer
    | UnpinBalancer
    | GetVersions
    | TellProgram
    | Leave
)
"""What changes something, or tells more than a status."""

Question = Inquiry | Order
Reply = (
    StatusAnswer
    | MembersAnswer
    | Explanation
    | Maintained
    | Removed
    | ProgramTold
    | Served
    | RestartingWorker
    | WorkerOrdered
    | HistoryAnswer
    | VersionsAnswer
    | Leaving
    | NoRight
)
