"""What is wrong with a config, and where, in words for an operator."""

import msgspec


class Problem(msgspec.Struct, frozen=True):
    """One fault of a config: the keys and indexes that lead to it, and what is wrong."""

    path: tuple[str | int, ...]
    message: str


class Rejection(msgspec.Struct, frozen=True):
    """What is wrong with a config; ``cluster`` is set for a section of a cluster's file.

    ``service`` is set for what a service's file says to the worker: a check's section, or
    that it reports to a discovery.
    """

    problems: tuple[Problem, ...]
    cluster: str | None = None
    service: str | None = None
