"""What differs between the kinds of workers; the loop around it is the same."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from lighthouse.balancer import Kind, Unreachable, Withheld
from lighthouse.ipc.messages import Deliver, Validated, Working
from lighthouse.ipc.payloads import Rehearsal
from lighthouse.plugin import Plugin
from lighthouse.schema import Rejection
from lighthouse.workers.boundary.limits import one_line
from lighthouse.workers.boundary.plugin_call import PluginError, call
from lighthouse.workers.outbox import Outbox
from lighthouse.workers.process import GivingUp

P = TypeVar("P", bound=Plugin)


class WorkReport(msgspec.Struct, frozen=True):
    """What became of the work on a snapshot."""

    kind: Kind
    reason: str = ""
    traceback: str = ""
    rejections: tuple[Rejection, ...] = ()
    warnings: tuple[Rejection, ...] = ()
    withheld: tuple[Withheld, ...] = ()


class WorkerRole(ABC):
    """Makes snapshots true through a plugin; called by the loop only, from one thread.

    ``plugin_class`` is the plugin's. ``base`` is the number of the payload that need not be
    shown again, 0 if there is none.
    """

    plugin_class: type[Plugin]
    base = 0

    @abstractmethod
    def take(self, delivery: Deliver, payload: memoryview) -> None:
        """Remember the snapshot that is delivered as the one to make true."""

    @abstractmethod
    def converge(self) -> WorkReport:
        """Make the newest snapshot true, or as much of it as is not true yet."""

    @abstractmethod
    def validate(self, payload: memoryview, software: bool = True) -> Validated:
        """What the plugin rejects of a snapshot, unbounded; touches nothing.

        Without ``software`` what it configures is not asked; but it takes its config too, and the
        reason says why if it cannot.
        """

    def rehearse(self, payload: memoryview) -> Rehearsal:
        """What ``converge`` would do with a snapshot, of a role that was given none yet.

        Raises ``ValueError`` if this kind of worker cannot tell.
        """
        raise ValueError("only balancers rehearse")

    def wake(self) -> WorkReport | None:
        """The plugin asked to be woken. None: the last report still holds."""
        return None

    def attend(self) -> bool:
        """See to what other threads or the role's own timer brought; no plugin is called.

        True asks for another ``converge`` at once.
        """
        return False

    def attend_at(self) -> float:
        """When to attend next though nothing wakes the loop, in ``time.monotonic()``."""
        return float("inf")

    def fileno(self) -> int | None:
        """The descriptor on which the plugin waits; may raise whatever the plugin does."""
        return None

    def wake_after(self) -> float | None:
        """The plugin's timer, in seconds; may raise whatever the plugin does."""
        return None

    @abstractmethod
    def status(self) -> Mapping[str, Any]:
        """A few values for operators; may raise whatever the plugin does."""

    def counters(self) -> Mapping[str, Mapping[str, int]]:
        """What the software has counted for each cluster; may raise whatever the plugin does."""
        return {}

    def unreachable(self) -> Sequence[Unreachable]:
        """What the software does not reach; may raise whatever the plugin does."""
        return ()

    @abstractmethod
    def summary(self) -> str:
        """What the worker has in hand, for the process title."""

    @abstractmethod
    def close(self, grace: float, keep: bool = False) -> None:
        """The last call: let go of everything, within so many seconds.

        ``keep``: what is registered stays, for somebody takes over at once.
        """


def create(plugin: type[P], outbox: Outbox) -> P:
    """An instance of the plugin's class, whose signs of life are sent; raises ``GivingUp``."""
    try:
        created = call("cannot be created", plugin)
    except PluginError as failure:
        raise GivingUp(failure.reason, failure.traceback, place=failure.place) from failure
    created.sign_of_life = lambda what: outbox.post(Working(one_line(what)))
    return created
