"""Envoy itself as the judge of single resources: what of them it would not take, and why."""

from collections.abc import Callable, Mapping
from typing import Final

from lighthouse.envoy.rendering.bootstrap import trial
from lighthouse.envoy.runtime import process
from lighthouse.envoy.runtime.control import EnvoyControl
from lighthouse.envoy.sync.resource_file import ResourceFile
from lighthouse.envoy.sync.wanted import ProxiedCluster


class ResourceJudge:
    """Asks another Envoy with ``--mode validate``; ``tell`` hears of each, for that takes long."""

    def __init__(self, control: EnvoyControl, tell: Callable[[str], None]) -> None:
        self._control: Final = control
        self._tell: Final = tell
        self._passed: Final[set[str]] = set()

    def of_clusters(self, changed: Mapping[str, str]) -> dict[str, str]:
        """Which of these clusters Envoy rejects."""
        return self._alone({name: trial([text], []) for name, text in changed.items()})

    def of_listeners(self, changed: Mapping[str, str]) -> dict[str, str]:
        """Which of these listeners it rejects; the one that runs tells best."""
        faults = self._control.admin.listener_faults()
        found = {name: fault for name, fault in faults.items() if name in changed}
        return found or self._alone({name: trial([], [text]) for name, text in changed.items()})

    def options(
        self,
        proxies: Mapping[str, ProxiedCluster],
        clusters: ResourceFile,
        listeners: ResourceFile,
    ) -> None:
        """Refuse what operators wrote in Envoy's own words and it rejects, before it is used."""
        for name, one in proxies.items():
            text = one.upstream + one.listener
            if not one.section.options or text in self._passed:
                continue
            at = one.listener_name
            known = (clusters.refused.get(name), listeners.refused.get(at))
            if any(k and k.text in (one.upstream, one.listener) for k in known):
                continue
            self._tell(f"the trial of the options of {name}")
            fault = process.trial(self._control.binary, trial([one.upstream], [one.listener]))
            if fault:
                clusters.refuse(name, one.upstream, fault)
                listeners.refuse(at, one.listener, fault)
            else:
                self._passed.add(text)

    def _alone(self, bootstraps: Mapping[str, str]) -> dict[str, str]:
        found = {}
        for name, text in bootstraps.items():
            self._tell(f"the trial of {name}")
            if fault := process.trial(self._control.binary, text):
                found[name] = fault
        return found
