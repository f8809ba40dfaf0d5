"""What plugins say that their files may hold, each asked in a worker of its own."""

from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from lighthouse.commands.offline.loading import WITHIN
from lighthouse.commands.offline.trial import Task, ask
from lighthouse.config.schema.accounts import default_user
from lighthouse.distribution.installed import Installed, PluginKey
from lighthouse.ipc.messages import Describe, Failed, decode_as
from lighthouse.ipc.payloads import PluginSchema
from lighthouse.ipc.snapshot import (
    BalancerSnapshot,
    CheckSnapshot,
    DiscoverySnapshot,
    PluginSettings,
    Snapshot,
)

_NOTHING: Final[Mapping[str, Snapshot]] = {
    "balancer": BalancerSnapshot(PluginSettings()),
    "discovery": DiscoverySnapshot(PluginSettings()),
    "check": CheckSnapshot(),
}


def descriptions(
    keys: Collection[PluginKey], installed: Installed
) -> dict[PluginKey, PluginSchema]:
    """What each of the plugins says; of one that cannot be asked, only the reason."""
    found = {
        key: PluginSchema(reason=installed.clash(*key))
        for key in keys
        if installed.origin(*key) is None
    }
    user = default_user() or ""
    tasks = {key: Task(key[1], _NOTHING[key[0]], WITHIN, user) for key in keys if key not in found}
    for key, (answer, payload) in ask(tasks, Describe()).items():
        if isinstance(answer, Failed):
            found[key] = PluginSchema(reason=f"it cannot be loaded: {answer.reason}")
            continue
        try:
            found[key] = decode_as(PluginSchema, payload)
        except msgspec.MsgspecError as error:
            found[key] = PluginSchema(reason=f"its answer cannot be read: {error}")
    return found
