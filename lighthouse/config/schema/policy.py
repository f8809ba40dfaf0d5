"""What a cluster's file says about who its members are: a value, without any doing."""

from typing import Final, Literal

import msgspec

from lighthouse.node import Node

Scalar = str | int | float | bool
Deed = Literal["keep", "drain", "fence"]

DRAIN_AFTER: Final = 60.0
FENCE_AFTER: Final = 30.0
"""Seconds without the source, where the file names none."""


class GuardPolicy(msgspec.Struct, frozen=True):
    """The shrink guard: shrinking by more than ``max_loss`` (0..1) of a cluster is held back.

    It is read afresh ``confirm_after`` seconds later and obeyed after ``obey_after``; the size
    is compared to the largest within that time.
    """

    max_loss: float = 0.5
    confirm_after: float = 2.0
    obey_after: float = 5.0


class Loss(msgspec.Struct, frozen=True):
    """What becomes of the nodes of a source that has been away for ``after`` seconds."""

    deed: Deed = "keep"
    after: float = 0.0


class Failover(msgspec.Struct, frozen=True):
    """The first source in order that can be used is believed, the others are not.

    One that is away is given up after ``after`` seconds, and believed again once it has been
    well for ``back_after``.
    """

    after: float = 10.0
    back_after: float = 10.0


class Percent(msgspec.Struct, frozen=True):
    """Each source's nodes get this share of all weight, however many they are."""

    shares: dict[str, int]


class MetadataCondition(msgspec.Struct, frozen=True):
    """A node's metadata under ``key`` is one of ``values``, or none of them if ``negated``."""

    key: str
    values: tuple[Scalar, ...]
    negated: bool = False


class Preference(msgspec.Struct, frozen=True):
    """Only nodes with the first of ``values`` that ``least`` usable nodes have, if any has.

    ``local``: the value is that of this host's own metadata, which may be none.
    """

    key: str
    values: tuple[Scalar, ...] = ()
    least: int = 1
    local: bool = False


class Selection(msgspec.Struct, frozen=True):
    """Which of the nodes that the sources know are served; all conditions have to hold."""

    conditions: tuple[MetadataCondition, ...] = ()
    prefer: Preference | None = None


class Policy(msgspec.Struct, frozen=True):
    """How a cluster's sources become its nodes; ``combine`` None is the union.

    ``guard`` None is no shrink guard.
    """

    combine: Failover | Percent | None = None
    default_nodes: tuple[Node, ...] = ()
    loss: Loss = Loss()
    guard: GuardPolicy | None = GuardPolicy()
    selection: Selection = Selection()
