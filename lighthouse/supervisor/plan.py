"""What should run: a pure function of what is known."""

import msgspec

from lighthouse.config.kinds import WorkerSettings
from lighthouse.snapshot import (
    BalancerSnapshot,
    CheckSnapshot,
    DiscoverySnapshot,
    Snapshot,
)
from lighthouse.supervisor.state import State

Name = tuple[str, str]
"""A worker's kind (balancer, discovery, check) and its name among them."""


class Wanted(msgspec.Struct, frozen=True):
    """A worker that should run, and the snapshot that it should make true."""

    plugin: str
    settings: WorkerSettings
    snapshot: Snapshot


def plan(state: State) -> dict[Name, Wanted]:
    """Every worker that should run now."""
    wanted: dict[Name, Wanted] = {}
    config, ledger = state.config, state.ledger
    for name, balancer in config.balancers.items():
        settings = ledger.settings(("balancer", name))
        snapshot: Snapshot = BalancerSnapshot(settings, state.parts(name))
        wanted["balancer", name] = Wanted(balancer.plugin, balancer.worker, snapshot)
    for name, discovery in config.discovery.items():
        up, down = state.report.reports(name, config)
        watch = state.memberships.watches(name)
        reporters = tuple(sorted(s for s, f in config.services.items() if name in f.discovery))
        own = ledger.settings(("discovery", name))
        snapshot = DiscoverySnapshot(own, watch, up, down, reporters)
        wanted["discovery", name] = Wanted(discovery.plugin, discovery.worker, snapshot)
    plugins = {check.plugin for service in config.services.values() for check in service.checks}
    for plugin in sorted(plugins):
        snapshot = CheckSnapshot(state.report.probes(plugin, config))
        wanted["check", plugin] = Wanted(plugin, config.daemon.worker, snapshot)
    return wanted
