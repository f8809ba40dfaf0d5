"""Servers that have left: in maintenance at once, deleted much later and only if it is safe.

A prompt ``del server`` under load crashes HAProxy 2.6 with random balancing; a kept entry costs
a few kilobytes, and a node that returns takes it again.
"""

import time
from collections.abc import Sequence

from lighthouse.haproxy.rendering.stanza import Stanza
from lighthouse.haproxy.runtime.instance import Instance
from lighthouse.haproxy.sync.diff import Servers

DELETE_AFTER = 60.0
"""Seconds in maintenance before an entry is deleted."""


class Retirement:
    """Since when which servers of a worker have been in maintenance, as far as we saw."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, str], float] = {}
        self.deleted = 0

    def forget(self) -> None:
        """Another worker: its servers are other ones."""
        self._since = {}

    def step(self, instance: Instance, backends: Sequence[tuple[Stanza, Servers]]) -> None:
        """Look at the servers of these backends, and delete what is due."""
        now = time.monotonic()
        version = tuple(int(n) for n in instance.version.split("-")[0].split(".")[:2])
        seen: dict[tuple[str, str], float] = {}
        due: dict[str, list[str]] = {}
        for stanza, wanted in backends:
            if not deletable(stanza, version):
                continue
            for name, there in instance.live.get(stanza.cluster, {}).items():
                if there.state == "maint" and name not in wanted and not stanza.owns(name):
                    key = (stanza.cluster, name)
                    seen[key] = self._since.get(key, now)
                    if now - seen[key] >= DELETE_AFTER:
                        due.setdefault(stanza.cluster, []).append(name)
        looked = {stanza.cluster for stanza, _ in backends}
        others = {key: since for key, since in self._since.items() if key[0] not in looked}
        self._since = others | seen
        for backend, names in due.items():
            self.deleted += len(instance.delete(backend, names))


def deletable(stanza: Stanza, version: tuple[int, ...]) -> bool:
    """Return True if ``del server`` is safe here: before 2.8 it crashes with random balancing."""
    if stanza.facts.growth.way == "slot":
        return False
    return version >= (2, 8) or "balance random" not in stanza.text
