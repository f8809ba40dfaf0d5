"""Which clusters a balancer waits for that cannot tell "no nodes" from "nobody knows"."""

from collections.abc import Iterable, Mapping, Set
from typing import Final

from lighthouse.cluster import Cluster

_NAMED: Final = 5
"""At most so many clusters are named in one line."""


def awaited(
    clusters: Iterable[Cluster], unknown: Mapping[str, Cluster], unserved: Set[str]
) -> str:
    """Why the plugin cannot be given the clusters yet, empty if it can.

    The software may serve nodes of an unknown cluster by now, of an earlier run; without that
    cluster in the list, the plugin would take them out. It serves none of the ``unserved``.
    """
    # A plugin of whose sections there is none at all has to do with every cluster.
    every = unknown and all(cluster.config is None for cluster in clusters)
    used = {name for name, cluster in unknown.items() if every or cluster.config is not None}
    waits = sorted(used - unserved)
    if not waits:
        return ""
    names = ", ".join(waits[:_NAMED]) + (", ..." if len(waits) > _NAMED else "")
    return (
        f"nobody has said yet who the nodes of {names} are: what runs is left as it is; "
        f"`lighthouse explain {waits[0]}` tells why"
    )
