"""``clusters/NAME.yaml``."""

from typing import Final

from lighthouse.config.schema.keys.default_nodes import DEFAULT_NODES
from lighthouse.config.schema.keys.table import (
    ConfigKey,
    KeyTable,
    OneOrMany,
    Shorthand,
    Switchable,
    Variants,
)
from lighthouse.config.schema.keys.values import (
    ANY_OF,
    EQUAL,
    LINE,
    NAME,
    RANKED,
    SHARE,
    seconds,
    whole,
)

_NOTHING: Final = KeyTable()

_FAILOVER: Final = KeyTable(
    {
        "after": ConfigKey(
            seconds(), "How long a source has to be away until it is given up. 10s if left out."
        ),
        "back_after": ConfigKey(
            seconds(),
            "How long it has to be well until it is believed again. 10s if left out.",
        ),
    }
)

_GUARD: Final = KeyTable(
    {
        "max_loss": ConfigKey(
            SHARE,
            "By what share (0.5, 50%) the cluster may shrink at once; 100%: to nothing. 50% if "
            "left out.",
        ),
        "confirm_after": ConfigKey(
            seconds(), "When the cluster is read afresh after a trip. 2s if left out."
        ),
        "obey_after": ConfigKey(
            seconds(),
            "When the loss is obeyed, confirmed or not; at least confirm_after. 5s if left out.",
        ),
    }
)

_PREFERENCE: Final = KeyTable(
    {
        "key": ConfigKey(LINE, "A key of the nodes' metadata, such as zone.", required=True),
        "value": ConfigKey(
            RANKED,
            "The value that is preferred, or a list of them, the best first; what the metadata of "
            "this host's lighthouse.yaml says if left out.",
        ),
        "min": ConfigKey(
            whole(1, 100_000),
            "With fewer nodes of a weight above 0 than that, all are served. 1 if left out.",
        ),
    }
)

_NODES: Final = KeyTable(
    {
        "equals": ConfigKey(
            KeyTable(others=EQUAL), "Keys of metadata with the value that each must have."
        ),
        "not_equals": ConfigKey(
            KeyTable(others=EQUAL), "Keys of metadata with a value that none may have."
        ),
        "in": ConfigKey(
            KeyTable(others=ANY_OF), "Keys of metadata with a list of values, of which one is had."
        ),
        "prefer": ConfigKey(
            Shorthand(LINE, _PREFERENCE),
            "Serve only the nodes with this value, as long as there are enough of them.",
        ),
    }
)


def _loss(default: str) -> KeyTable:
    about = f"How long the source has to be away for that. {default} if left out."
    return KeyTable({"after": ConfigKey(seconds(), about)})


CLUSTER: Final = KeyTable(
    {
        "discovery": ConfigKey(
            OneOrMany(NAME), "The name of a file of discovery/, or a list of names.", required=True
        ),
        "name": ConfigKey(
            NAME, "The name under which its nodes are registered; the file's name if left out."
        ),
        "meta_cluster": ConfigKey(NAME, "The group of clusters that share a port."),
        "combine": ConfigKey(
            Variants(
                {
                    "union": _NOTHING,
                    "failover": _FAILOVER,
                    "percent": KeyTable(others=whole(0, 100)),
                }
            ),
            "What is made of several sources: union (all of them, the default), failover (the "
            "first that can be used), or percent with each source's share of the traffic.",
        ),
        "on_source_loss": ConfigKey(
            Variants({"keep": _NOTHING, "drain": _loss("60s"), "fence": _loss("30s")}),
            "What becomes of the nodes of a source that is away: keep (the default) serves them "
            "for ever, drain gives them no new sessions, fence does not serve them.",
        ),
        "shrink_guard": ConfigKey(
            Switchable(_GUARD),
            "What is done if much of the cluster vanishes at once: it is held back, read afresh, "
            "and obeyed after a while. off: nothing.",
        ),
        "nodes": ConfigKey(_NODES, "Which nodes are served: all conditions must hold."),
        "default_nodes": ConfigKey(
            DEFAULT_NODES, "Nodes that are served whenever the cluster would have none at all."
        ),
    },
    others=KeyTable(open=True),
)
"""All other keys are sections of balancers."""
