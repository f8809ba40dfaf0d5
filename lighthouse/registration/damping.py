"""Flap damping: a service that goes up and down all the time bothers its discoveries seldom.

To go *down* is always reported at once. To come back *up* costs a token of a bucket, and so does
a change of what is published (weight, metadata), of another bucket. Without a token the change
waits until there is one; of several that wait the newest is made. The first report after a start
is free. No clock in here: times are monotonic seconds and come in as arguments.
"""

import msgspec

from lighthouse.config.schema.types import DampingPolicy
from lighthouse.service import Service

CHANGES = DampingPolicy(burst=20, every=1.0)
"""The budget for changes of what a service that is up publishes."""


_ROUNDING = 1e-6
"""Seconds; so much may be lost in sums of many."""


class Bucket(msgspec.Struct, frozen=True):
    """Tokens that come back one by one: how many were lacking, and when that was so.

    Its size and pace are not its own, so that another ``limit`` counts as soon as there is one.
    """

    lacking: float = 0.0
    at: float = 0.0

    def due(self, limit: DampingPolicy) -> float:
        """From when on there is a token."""
        return self.at + (self.lacking + 1 - limit.burst) * limit.every - _ROUNDING

    def take(self, limit: DampingPolicy, now: float) -> "Bucket":
        """The bucket with one token less."""
        return Bucket(max(0.0, self.lacking - (now - self.at) / limit.every) + 1, now)


class DampingState(msgspec.Struct, frozen=True):
    """What a service's discoveries are told of one of its ports.

    ``up`` is the newest decision (None before the first), ``published`` the service as it was
    told last while up, ``waiting`` a change of it that has to wait. ``held_since`` is when a
    return had to wait first; ``held`` and ``changes_held`` count what had to.
    """

    up: bool | None = None
    published: Service | None = None
    waiting: Service | None = None
    passing: bool | None = None
    returns: Bucket = Bucket()
    changes: Bucket = Bucket()
    held_since: float | None = None
    held: int = 0
    changes_held: int = 0

    def due(self, limit: DampingPolicy | None) -> float | None:
        """When what is held back may be reported, None if nothing is."""
        if self.holding and limit is not None:
            return self.returns.due(limit)
        return self.changes.due(CHANGES) if self.passing and self.waiting is not None else None

    @property
    def holding(self) -> bool:
        """Return True if the checks pass and the service has to stay down all the same."""
        return self.passing is True and not self.up


def judge(
    before: DampingState,
    passing: bool | None,
    service: Service,
    limit: DampingPolicy | None,
    now: float,
) -> DampingState:
    """The standing after a look at the checks; None for ``passing`` leaves it as it is.

    ``held_since`` ends when the service is up again, not when its checks fail in between, so
    that one row of flaps is one event.
    """
    match passing:
        case True if before.up:
            return _changed(before, service, now)
        case True:
            return _returned(before, service, limit, now)
        case False:
            return msgspec.structs.replace(before, passing=False, up=False, waiting=None)
    return msgspec.structs.replace(before, passing=None)


def _returned(
    standing: DampingState, service: Service, limit: DampingPolicy | None, now: float
) -> DampingState:
    """The checks pass and the service is not up."""
    free = limit is None or standing.published is None
    if limit is not None and not free and now < standing.returns.due(limit):
        return msgspec.structs.replace(
            standing,
            passing=True,
            held_since=now if standing.held_since is None else standing.held_since,
            held=standing.held + (not standing.passing),
        )
    return msgspec.structs.replace(
        standing,
        passing=True,
        up=True,
        published=service,
        returns=standing.returns if limit is None or free else standing.returns.take(limit, now),
        held_since=None,
    )


def _changed(standing: DampingState, service: Service, now: float) -> DampingState:
    """The service is up; another node than before is no change of the one that is published."""
    before = standing.published
    if before is None or before == service or before.place != service.place:
        return msgspec.structs.replace(standing, passing=True, published=service, waiting=None)
    if now < standing.changes.due(CHANGES):
        return msgspec.structs.replace(
            standing,
            passing=True,
            waiting=service,
            changes_held=standing.changes_held + (standing.waiting != service),
        )
    return msgspec.structs.replace(
        standing,
        passing=True,
        published=service,
        waiting=None,
        changes=standing.changes.take(CHANGES, now),
    )
