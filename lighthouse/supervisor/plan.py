"""What should run: a pure function of what is known."""

from collections.abc import Mapping

import msgspec

from lighthouse.config.schema.types import WorkerSettings
from lighthouse.ipc.snapshot import (
    BalancerSnapshot,
    CheckSnapshot,
    DiscoverySnapshot,
    Snapshot,
    WebSnapshot,
)
from lighthouse.supervisor.standing_order import Name
from lighthouse.supervisor.state import State


class Wanted(msgspec.Struct, frozen=True):
    """A worker that should run, and the snapshot that it should make true.

    ``paused`` says why it must not run for now, empty if it may.
    """

    plugin: str
    settings: WorkerSettings
    snapshot: Snapshot
    paused: str = ""


def plan(state: State) -> dict[Name, Wanted]:
    """Every worker that should run now."""
    wanted: dict[Name, Wanted] = {}
    config, verdicts = state.config, state.verdicts
    for name, balancer in config.balancers.items():
        snapshot: Snapshot = state.wanted_of(balancer)
        wanted["balancer", name] = Wanted(balancer.plugin, balancer.worker, snapshot)
    for name, discovery in config.discovery.items():
        up, down = state.services.wanted(name, config)
        watch = state.memberships.watches(name)
        reporters = tuple(sorted(s for s, f in config.services.items() if name in f.discovery))
        own = verdicts.settings(("discovery", name))
        snapshot = DiscoverySnapshot(own, watch, up, down, reporters)
        wanted["discovery", name] = Wanted(discovery.plugin, discovery.worker, snapshot)
    plugins = {check.plugin for service in config.services.values() for check in service.checks}
    for plugin in sorted(plugins):
        snapshot = CheckSnapshot(state.services.probes(plugin, config))
        wanted["check", plugin] = Wanted(plugin, config.daemon.worker, snapshot)
    if config.daemon.web is not None:
        web = config.daemon.web.settings
        token, hosts = str(web.token_file or ""), web.allowed_hosts
        snapshot = WebSnapshot(web.listen.ip, web.listen.port, token, hosts)
        wanted["web", "web"] = Wanted("web", config.daemon.web.worker, snapshot)
    for paused in state.pauses.names() & wanted.keys():
        words = state.pauses.words(paused)
        wanted[paused] = msgspec.structs.replace(wanted[paused], paused=words)
    return wanted


def renew(wanted: Mapping[Name, Wanted], state: State) -> dict[Name, Wanted]:
    """A plan with the clusters as they are by now, where nothing else may have changed since.

    It has no look at services: what a node costs must not grow with what this host provides.
    """
    return {name: _kept_or_renewed(name, worker, state) for name, worker in wanted.items()}


def _kept_or_renewed(name: Name, worker: Wanted, state: State) -> Wanted:
    snapshot = _renewed(name, worker.snapshot, state)
    if snapshot == worker.snapshot:
        return worker
    return msgspec.structs.replace(worker, snapshot=snapshot)


def _renewed(name: Name, snapshot: Snapshot, state: State) -> Snapshot:
    match snapshot:
        case BalancerSnapshot():
            return state.wanted_of(state.config.balancers[name[1]])
        case DiscoverySnapshot():
            own, watch = state.verdicts.settings(name), state.memberships.watches(name[1])
            if own is snapshot.settings and watch is snapshot.watch:
                return snapshot
            return msgspec.structs.replace(snapshot, settings=own, watch=watch)
    return snapshot
