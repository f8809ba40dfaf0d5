"""Whether a node holds nothing that anybody could miss, by what it exports itself."""

from typing import Any, Final

import msgspec

from lighthouse.rabbitmq.topology import json_of

_EMPTY: Final = ("queues", "exchanges", "bindings", "policies", "parameters")
_OWN: Final = frozenset(("cluster_name", "cluster_tags", "internal_cluster_id"))
"""Global parameters that a node gives itself."""


class NamedThing(msgspec.Struct, frozen=True):
    """A virtual host, a user or a global parameter."""

    name: str


class Definitions(msgspec.Struct, frozen=True):
    """What ``export_definitions`` shows; what is missing is not proven to be empty."""

    vhosts: tuple[NamedThing, ...]
    users: tuple[NamedThing, ...]
    queues: tuple[Any, ...]
    exchanges: tuple[Any, ...]
    bindings: tuple[Any, ...]
    policies: tuple[Any, ...]
    parameters: tuple[Any, ...]
    topic_permissions: tuple[Any, ...] = ()
    global_parameters: tuple[NamedThing, ...] = ()


def fullness(definitions: str, queues: str) -> str:
    """What a node holds, or why that is not known; empty if it is proven to be blank.

    ``definitions`` is what ``export_definitions`` printed, ``queues`` is what ``list_queues``
    did: of queues that are lost with a restart the first does not tell.
    """
    try:
        found = msgspec.json.decode(json_of(definitions), type=Definitions)
        transient = msgspec.json.decode(json_of(queues), type=list[Any])
    except msgspec.DecodeError as error:
        return f"what it holds could not be read ({error})"
    if [one.name for one in found.vhosts] != ["/"]:
        return f"it has {len(found.vhosts)} virtual hosts, and not just /"
    if [one.name for one in found.users] != ["guest"]:
        return f"it has {len(found.users)} users, and not just guest"
    for kind in (*_EMPTY, "topic_permissions"):
        if count := len(getattr(found, kind)):
            return f"it has {kind} ({count})"
    if any(one.name not in _OWN for one in found.global_parameters):
        return "it has global parameters"
    return f"it has queues ({len(transient)})" if transient else ""


def connected(printed: str) -> int | None:
    """How many clients ``list_connections`` has printed; None if that cannot be read."""
    try:
        return len(msgspec.json.decode(json_of(printed), type=list[Any]))
    except msgspec.DecodeError:
        return None
