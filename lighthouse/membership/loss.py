"""What becomes of the nodes of a source that is away."""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from lighthouse.config.schema.policy import Loss
from lighthouse.membership.source import STALE_AFTER
from lighthouse.node import Node

Stage = Literal["keep", "drain", "fence", "withhold"]
"""``withhold``: what was remembered is too old to be trusted, but the source has not had the
time to answer yet; nothing is served of it, and what runs is left alone."""

_RANK: Final = {"keep": 0, "drain": 1, "fence": 2, "withhold": 3}


class Away(msgspec.Struct, frozen=True):
    """Since when a source is away (monotonic), and when it was first asked in this run.

    For what was remembered from an earlier run the former lies before the latter.
    """

    since: float
    asked: float

    def until(self, seconds: float) -> float:
        """When it has been away for so long, and has had the time to answer."""
        return max(self.since + seconds, self.asked + STALE_AFTER)


def stage(loss: Loss, away: Away | None, now: float) -> Stage:
    """What is to be done with a source's nodes now."""
    if away is None or loss.deed == "keep" or now < away.since + loss.after:
        return "keep"
    if away.since > away.asked or now >= away.until(loss.after):
        return loss.deed
    return "withhold"


def due(loss: Loss, away: Away | None, now: float) -> float | None:
    """When ``stage`` will say something else."""
    if away is None or loss.deed == "keep":
        return None
    moments = [away.since + loss.after]
    if away.since <= away.asked:
        moments.append(away.until(loss.after))
    return min((moment for moment in moments if moment > now), default=None)


def worst(stages: Sequence[Stage]) -> Stage:
    return max(stages, key=rank, default="keep")


def apply(stage: Stage, node: Node) -> Node | None:
    """The node as it is served at that stage, None if it is not."""
    if stage == "keep" or (stage == "drain" and node.weight == 0):
        return node
    return msgspec.structs.replace(node, weight=0) if stage == "drain" else None


def rank(stage: Stage) -> int:
    return _RANK[stage]
