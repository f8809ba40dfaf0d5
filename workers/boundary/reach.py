"""What a balancer says that its software does not reach, made fit to be passed on."""

import math

from lighthouse.balancer import Unreachable
from lighthouse.workers.boundary.limits import one_line, shown


def admit_unreachable(said: object) -> list[Unreachable]:
    """The members that a plugin names; raises ``TypeError`` for what are none."""
    if not isinstance(said, tuple | list):
        raise TypeError(f"it returned {shown(said)}; expected a list, [] for none")
    return [_admit(one) for one in said]


def _admit(one: object) -> Unreachable:
    if not isinstance(one, Unreachable):
        raise TypeError(f"of what it returned, {shown(one)} is no Unreachable")
    node: object = one.node
    match node:
        case (str() as ip, int() as port):
            place = ip, port
        case _:
            raise TypeError(f"{shown(node)} is no node: expected its ip and port")
    since: object = one.since
    known = isinstance(since, int | float) and math.isfinite(since)
    return Unreachable(
        str(one.cluster), place, one_line(one.reason), float(one.since or 0) if known else None
    )
