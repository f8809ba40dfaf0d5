"""``services/NAME.yaml``."""

from typing import Final

from lighthouse.config.schema.keys.table import (
    ConfigKey,
    KeyTable,
    OneOrMany,
    Switchable,
    Variants,
)
from lighthouse.config.schema.keys.values import (
    ADDRESS,
    HOST,
    METADATA,
    NAME,
    PORT,
    seconds,
    whole,
)
from lighthouse.node import MAX_WEIGHT

_INTERVAL: Final = seconds(0.1)
_TIMEOUT: Final = seconds(0.001)

CHECK: Final = KeyTable(
    {
        "interval": ConfigKey(
            _INTERVAL, "From one performance to the next; as for all checks if left out."
        ),
        "timeout": ConfigKey(_TIMEOUT, "How long one may take; as for all checks if left out."),
        "rise": ConfigKey(whole(1, 1000), "How many passes in a row make it pass. 1 if left out."),
        "fall": ConfigKey(
            whole(1, 1000), "How many failures in a row make it fail. 1 if left out."
        ),
    },
    open=True,
)
"""One check; all other keys are its plugin's."""

CHECKS: Final = KeyTable(
    {
        "interval": ConfigKey(
            _INTERVAL, "For all checks: from one performance to the next. 2s if left out."
        ),
        "timeout": ConfigKey(_TIMEOUT, "For all checks: how long one may take. 1s if left out."),
    },
    others=CHECK,
)
"""All other keys are names of plugins."""

_DAMPING: Final = KeyTable(
    {
        "burst": ConfigKey(whole(1, 1000), "How often it may come back at once. 5 if left out."),
        "every": ConfigKey(_INTERVAL, "And once more each so often. 30s if left out."),
    }
)

SERVICE: Final = KeyTable(
    {
        "name": ConfigKey(
            NAME, "The cluster that the service joins; the file's name if left out."
        ),
        "port": ConfigKey(PORT, "Where it listens."),
        "ports": ConfigKey(
            OneOrMany(PORT, listed=True), "Where it listens; each port is a node of its own."
        ),
        "discovery": ConfigKey(
            OneOrMany(NAME),
            "Where to register: the name of a file of discovery/, or a list of names.",
            required=True,
        ),
        "host": ConfigKey(HOST, "Where the checks connect. 127.0.0.1 if left out."),
        "advertise": ConfigKey(
            ADDRESS, "The IP address to register; as in lighthouse.yaml if left out."
        ),
        "weight": ConfigKey(
            whole(0, MAX_WEIGHT),
            "Relative to the other nodes; 0: no new traffic. 1 if left out.",
        ),
        "metadata": ConfigKey(METADATA, "A map that is published with the node."),
        "checks": ConfigKey(
            CHECKS,
            "One map for each check by its plugin's name; a service without checks is up.",
        ),
        "on_check_loss": ConfigKey(
            Variants(
                {
                    "keep": KeyTable(),
                    "deregister": KeyTable(
                        {
                            "after": ConfigKey(
                                seconds(), "How long there has to be no verdict. 60s if left out."
                            )
                        }
                    ),
                }
            ),
            "What becomes of the service when one of its checks gives no verdict any more: "
            "deregister it (the default), or keep it as it was.",
        ),
        "flap_damping": ConfigKey(
            Switchable(_DAMPING), "How often the service may come back; off: as often as it likes."
        ),
        "drain_delay": ConfigKey(
            seconds(),
            "How long the daemon lives on after a stop has deregistered this service; as in "
            "lighthouse.yaml if left out.",
        ),
    },
    one_of=("port", "ports"),
)
