"""Runs one plugin once: ``python -P -m lighthouse.standalone.foreground KIND NAME CONFIG NODES``.

For its author, who sees what it does, and may step into it: no worker, no channel, no deadline.
"""

import pdb
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import yaml

from lighthouse.balancer import APPLIED, Balancer, Outcome
from lighthouse.check import Check
from lighthouse.cluster import Cluster
from lighthouse.discovery import Connection, Discovery, Reading
from lighthouse.installed import Installed
from lighthouse.node import Node, parse
from lighthouse.standalone.changes import FileChanges
from lighthouse.workers.loading.kind import BALANCER, CHECK, DISCOVERY, PluginKind
from lighthouse.workers.loading.plugin import load
from lighthouse.workers.process import GivingUp

_KINDS: Final[dict[str, PluginKind[Any]]] = {
    "balancer": BALANCER,
    "discovery": DISCOVERY,
    "check": CHECK,
}
_GOOD: Final = ("unchanged", "applied", "held")
_WATCHED: Final = 2.0
"""Seconds for which a discovery is watched."""

Config = dict[str, Any]


def main(arguments: list[str]) -> int:
    """Print what the plugin does; 0 if that went well."""
    kind, name, config_file, nodes_file, *options = arguments
    try:
        plugin, report = load(_KINDS[kind], name, Installed.here())
        config = _config(config_file)
        clusters = [_cluster(*item) for item in sorted(_map(nodes_file).items())]
    except GivingUp as end:
        print(f"{name}: {end.reason}\n{end.traceback}".rstrip())
        return 1
    except (OSError, ValueError, yaml.YAMLError) as error:
        print(error)
        return 1
    print(f"{report.source}: {report.loaded} ({report.place})")
    for fault in report.faults:
        print(f"warning: {fault}")
    changes = FileChanges()
    changes.watch()
    try:
        return _ACTS[kind](plugin, config, clusters, changes)
    # Whatever the plugin raises is what its author wants to see.
    except Exception as error:  # noqa: BLE001
        traceback.print_exc()
        if "--pdb" in options:
            pdb.post_mortem(error.__traceback__)
        return 1


def _balance(
    plugin: type[Balancer], config: Config, clusters: list[Cluster], changes: FileChanges
) -> int:
    plugin.validate_config(config)
    for cluster in clusters:
        if cluster.config is not None:
            plugin.validate_cluster_config(cluster.config)
    instance = plugin()
    instance.apply_config(config)
    unknown = {cluster.name for cluster in clusters if not cluster.known and not cluster.nodes}
    given = [c for c in clusters if plugin.handles_unknown or c.name not in unknown]
    said = instance.sync_file(given)
    outcome = said if isinstance(said, Outcome) else APPLIED
    print(f"outcome: {outcome.kind}{': ' if outcome.reason else ''}{outcome.reason}")
    for finding in outcome.findings:
        place = ".".join(map(str, finding.path))
        print(f"{'warning' if finding.warning else 'fault'}: {place}: {finding.message}")
    instance.close()
    _tell(changes)
    return 0 if outcome.kind in _GOOD else 1


def _discover(
    plugin: type[Discovery], config: Config, clusters: list[Cluster], changes: FileChanges
) -> int:
    plugin.validate_config(config)
    instance = plugin()
    instance.apply_config(config)
    instance.connect(_read, _connected)
    for cluster in clusters:
        instance.start_watching(cluster.name)
    deadline = time.monotonic() + _WATCHED
    while (left := deadline - time.monotonic()) > 0:
        after = instance.wake_after()
        time.sleep(max(0.0, min(left, 0.05 if after is None else after)))
        instance.wake()
    instance.disconnect()
    _tell(changes)
    return 0


def _read(cluster: str, reading: Reading) -> None:
    print(f"{cluster}: {reading}")


def _connected(state: Connection, reason: str = "") -> None:
    print(f"the source is {state}{': ' if reason else ''}{reason}")


def _probe(
    plugin: type[Check], config: Config, clusters: list[Cluster], changes: FileChanges
) -> int:
    plugin.validate_config(config)
    passing = True
    for node in [node for cluster in clusters for node in cluster.nodes]:
        instance = plugin()
        instance.apply_config(config)
        result = instance.perform(node.ip, node.port, 2.0)
        print(f"{node.place}: {result}")
        passing = passing and result.passing
    _tell(changes)
    return 0 if passing else 1


_ACTS: Final[dict[str, Callable[[Any, Config, list[Cluster], FileChanges], int]]] = {
    "balancer": _balance,
    "discovery": _discover,
    "check": _probe,
}


def _tell(changes: FileChanges) -> None:
    for command in changes.commands:
        print(f"ran: {command}")
    found = dict(changes.differences())
    for path, diff in found.items():
        print(f"changed: {path}\n{diff}")
    if not found:
        print("no file changed")


def _config(file: str) -> Config:
    """The content of the plugin's file, without what is Lighthouse's own in it."""
    content = _map(file)
    return {key: value for key, value in content.items() if key not in ("plugin", "worker")}


def _map(file: str) -> dict[str, Any]:
    content = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    if content is not None and not isinstance(content, dict):
        raise ValueError(f"{file}: expected a map")
    return content or {}


def _cluster(name: str, content: Any) -> Cluster:
    """A cluster as the file of nodes describes it; raises ``ValueError``."""
    about = {"nodes": content} if isinstance(content, list) else content or {}
    if not isinstance(about, dict) or (odd := about.keys() - _KEYS):
        told = f"unknown key {sorted(odd)[0]!r}" if isinstance(about, dict) else "no map"
        raise ValueError(f"{name}: {told}; expected nodes, config, known and stale")
    members = [_node(name, one) for one in about.get("nodes") or []]
    nodes = sorted(members, key=lambda node: node.key)
    rest = {key: value for key, value in about.items() if key != "nodes"}
    return Cluster(str(name), nodes, **rest)


_KEYS: Final = frozenset(("nodes", "config", "known", "stale"))


def _node(cluster: str, record: Any) -> Node:
    fields = record
    if isinstance(record, str):
        ip, _, port = record.rpartition(":")
        fields = {"ip": ip.strip("[]"), "port": port}
    try:
        return parse(fields if isinstance(fields, dict) else "", strict=True)
    except ValueError as error:
        raise ValueError(f"{cluster}: {record}: {error}") from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
