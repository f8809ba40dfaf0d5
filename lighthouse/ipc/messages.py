"""Everything that crosses a process boundary, and its encoding.

Each message is a small frozen struct and fits one frame of the channel. What may be large
(snapshots, readings, verdicts, the status document) is a payload that goes with it. Workers,
the control socket and tests speak the same messages.
"""

from typing import Any, Final, TypeVar

import msgspec

from lighthouse.balancer import Kind, Withheld
from lighthouse.discovery import Connection
from lighthouse.ipc.control import Question, Reply
from lighthouse.ipc.plugin_report import PluginReport
from lighthouse.ipc.snapshot import Part, WantedServices
from lighthouse.schema import Rejection

T = TypeVar("T")


class Deliver(msgspec.Struct, frozen=True, tag=True):
    """To a worker: make a snapshot true. Answered by ``Applied``.

    The snapshot is the one in the payload, but with the clusters in ``fresh`` and the
    ``services``, if there are any, in place of its own. A payload that has a number (``base``,
    not 0) goes with several deliveries, so that a worker which has read it once needs to look
    at these only; each delivery is a complete statement all the same.
    """

    version: int
    base: int = 0
    fresh: tuple[Part, ...] = ()
    services: WantedServices | None = None


class Validate(msgspec.Struct, frozen=True, tag=True):
    """To a worker: check the configs of the snapshot in the payload, and nothing else.

    Answered by ``Validated``; needs no lock and touches nothing. Without ``software`` the plugin
    answers alone, and takes its config too, as one that is about to serve.
    """

    software: bool = True


class Rehearse(msgspec.Struct, frozen=True, tag=True):
    """To a balancer's worker that was sent nothing else: what would the snapshot change?

    Answered by ``Rehearsed``; needs no lock and touches nothing.
    """


class StatusGiven(msgspec.Struct, frozen=True, tag=True):
    """To the web worker: the answer to ``StatusWanted``; the payload is the status document.

    It is JSON, as ``StatusAnswer`` has it.
    """


class Answered(msgspec.Struct, frozen=True, tag=True):
    """To the web worker: the answer to the ``Asked`` of that number, with that one's payload."""

    number: int
    reply: Reply


class Describe(msgspec.Struct, frozen=True, tag=True):
    """To a worker that was sent nothing else: what may its plugin's files say?

    Answered by ``Described``.
    """


class Stop(msgspec.Struct, frozen=True, tag=True):
    """To a worker: deregister, close and exit, within ``grace`` seconds.

    ``keep``: leave registrations as a kill would, for somebody takes over at once.
    """

    grace: float
    keep: bool = False


class Ready(msgspec.Struct, frozen=True, tag=True):
    """From a worker: its plugin is loaded; the report has no faults but warnings."""

    report: PluginReport | None = None


class Reported(msgspec.Struct, frozen=True, tag=True):
    """From a worker: the report of its plugin as it is by now, with what is wrong with it."""

    report: PluginReport


class Alive(msgspec.Struct, frozen=True, tag=True):
    """From a worker's loop, every few seconds: it turns; ``status`` is the plugin's."""

    status: dict[str, Any] = {}


class Working(msgspec.Struct, frozen=True, tag=True):
    """From a worker, before it goes to work without having been sent anything; names the work.

    Ends with ``Applied``.
    """

    what: str


class Applied(msgspec.Struct, frozen=True, tag=True):
    """From a worker: what became of a snapshot; sent again when a retry changes it.

    ``applied_at`` is ``time.monotonic()``, which all processes of a host share.
    ``rejections`` and ``warnings`` are complete each time, but for ``left_out`` problems that
    the frame had no room for: then a config that they do not name may be rejected too.
    ``withheld`` are nodes that it keeps traffic from, but for ``unnamed`` more.
    """

    version: int
    kind: Kind
    applied_at: float
    reason: str = ""
    traceback: str = ""
    rejections: tuple[Rejection, ...] = ()
    status: dict[str, Any] = {}
    warnings: tuple[Rejection, ...] = ()
    left_out: int = 0
    withheld: tuple[Withheld, ...] = ()
    unnamed: int = 0


class Validated(msgspec.Struct, frozen=True, tag=True):
    """From a worker: the answer to ``Validate``; ``reason`` if not all of it could be tried.

    ``report`` tells of the plugin itself.
    """

    rejections: tuple[Rejection, ...] = ()
    reason: str = ""
    warnings: tuple[Rejection, ...] = ()
    report: PluginReport | None = None


class Rehearsed(msgspec.Struct, frozen=True, tag=True):
    """From a worker: the answer to ``Rehearse``; the payload is a ``Rehearsal``."""


class Described(msgspec.Struct, frozen=True, tag=True):
    """From a worker: the answer to ``Describe``; the payload is a ``PluginSchema``."""


class Observed(msgspec.Struct, frozen=True, tag=True):
    """From a discovery worker: a cluster as just read; the payload is a ``Reading``.

    ``observed_at`` is ``time.monotonic()``; ``reread`` echoes the watch's.
    """

    cluster: str
    trace: str
    observed_at: float
    reread: int = 0


class Counted(msgspec.Struct, frozen=True, tag=True):
    """From a balancer's worker: the payload maps each cluster to what was counted for it."""


class Unreached(msgspec.Struct, frozen=True, tag=True):
    """From a balancer's worker: the payload lists an ``Unreachable`` for each such member."""


class Connected(msgspec.Struct, frozen=True, tag=True):
    """From a discovery worker: what became of its source."""

    state: Connection
    reason: str = ""


class Registered(msgspec.Struct, frozen=True, tag=True):
    """From a discovery worker: the payload lists a ``Registration`` for each service.

    The list is complete each time.
    """


class VerdictsSaid(msgspec.Struct, frozen=True, tag=True):
    """From a check worker: the payload lists a ``Verdict`` for each of its probes.

    If not ``whole``, for some of them: those that are others than before.
    """

    whole: bool = True


class Probed(msgspec.Struct, frozen=True, tag=True):
    """From a check worker, now and then: the payload lists a ``Performed`` for each probe.

    It is complete each time, and sent though no verdict has changed: that is what tells a
    service that is well from one that nobody looks at.
    """


class StatusWanted(msgspec.Struct, frozen=True, tag=True):
    """From the web worker: the status document, once something has changed since the last.

    Not sooner than ``pace`` seconds after that, and after ``patience`` seconds though nothing
    has. One is under way at most: a newer wish takes the place of the one before it.
    """

    pace: float
    patience: float


class Asked(msgspec.Struct, frozen=True, tag=True):
    """From the web worker: what somebody asks of the daemon. Answered by ``Answered``."""

    number: int
    question: Question


class Failed(msgspec.Struct, frozen=True, tag=True):
    """From a worker that cannot go on and exits: why, in words.

    ``report`` tells of its plugin, as far as it came with that.
    """

    reason: str
    traceback: str = ""
    report: PluginReport | None = None


ToWorker = Deliver | Validate | Rehearse | Describe | StatusGiven | Answered | Stop
FromWorker = (
    Ready
    | Reported
    | Alive
    | Working
    | Applied
    | Validated
    | Rehearsed
    | Described
    | Observed
    | Counted
    | Unreached
    | Connected
    | Registered
    | VerdictsSaid
    | Probed
    | StatusWanted
    | Asked
    | Failed
)
Control = Question | Reply
Message = ToWorker | FromWorker | Control


class Frame(msgspec.Struct, frozen=True, array_like=True):
    """One packet of the channel: a message, and its payload if that is short."""

    message: Message
    payload: bytes = b""


MAX_FRAME: Final = 64 * 1024
_encoder: Final = msgspec.msgpack.Encoder()
_frames: Final = msgspec.msgpack.Decoder(Frame)


def encode(value: object) -> bytes:
    """Any struct of the domain, as bytes for a frame or a payload."""
    return _encoder.encode(value)


def decode(packet: bytes) -> Frame:
    """The frame in a packet; raises ``msgspec.DecodeError`` or ``ValidationError``."""
    return _frames.decode(packet)


def decode_as(kind: type[T], data: bytes | memoryview) -> T:
    """A payload of a known kind; raises like ``decode``."""
    return msgspec.msgpack.decode(data, type=kind)
