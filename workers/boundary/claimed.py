"""What a balancer claims, made fit to be compared with what others do."""

import copy
import os
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from lighthouse.balancer import Balancer, Claim
from lighthouse.workers.boundary import place
from lighthouse.workers.boundary.conduct import Conduct
from lighthouse.workers.boundary.limits import shown
from lighthouse.workers.boundary.plugin_call import PluginError, call

MOST: Final = 100
"""Claims of one balancer that are compared; what it claims beyond is not."""

_LONGEST: Final = 300
_TOPIC: Final = "claims"
_EXPECTED: Final = "return a list of lighthouse.balancer.Claim, with absolute paths"


def note(plugin: type[Balancer], config: Mapping[str, Any], conduct: Conduct) -> None:
    """Have told what a balancer claims by a config that passed; a fault of that is a warning."""
    where = place.of_function(plugin.claims)
    try:
        said: object = call(_TOPIC, plugin.claims, copy.deepcopy(dict(config)))
        claims = msgspec.convert(msgspec.to_builtins(said), tuple[Claim, ...])
    except PluginError as failure:
        conduct.breaks(_TOPIC, failure.reason, "mend it", failure.place or where, warning=True)
        return
    except (TypeError, ValueError, RecursionError):
        told = f"claims returned {shown(said)}, which are no claims: nothing is compared"
        conduct.breaks(_TOPIC, told, _EXPECTED, where, warning=True)
        return
    for claim in claims:
        if claim.kind != "address" and not os.path.isabs(claim.name):
            told = (
                f"claims returned the {claim.kind} {shown(claim.name)}, which is no absolute path"
            )
            conduct.breaks(_TOPIC, told, _EXPECTED, where, warning=True)
            return
    conduct.keeps(_TOPIC)
    conduct.claims(tuple([one for one in claims if len(one.name) <= _LONGEST][:MOST]))
