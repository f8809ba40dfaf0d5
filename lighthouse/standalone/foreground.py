"""Runs one plugin once: ``python -P -m lighthouse.standalone.foreground KIND NAME CONFIG NODES``.

``NODES`` is a file of clusters, or empty; further words are ``--pdb``, and the addresses or
clusters that are asked for one by one.

For its author, who sees what it does, and may step into it: no worker, no channel, no deadline.
"""

import copy
import pdb
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TypeVar, get_args

import yaml

from lighthouse.balancer import APPLIED, Balancer, Kind, Outcome
from lighthouse.check import Check
from lighthouse.cluster import Cluster
from lighthouse.discovery import Connection, Discovery, Reading
from lighthouse.node import Node, parse
from lighthouse.standalone.changes import FileChanges
from lighthouse.workers.boundary.plugin_call import PluginError
from lighthouse.workers.boundary.validation import admit_findings, admit_withheld
from lighthouse.workers.loading.kind import BALANCER, CHECK, DISCOVERY, PluginKind
from lighthouse.workers.loading.plugin import load
from lighthouse.workers.probes.run import breach_of, checked
from lighthouse.workers.process import GivingUp
from lighthouse.workers.sources.observer import admit_reading

_KINDS: Final[dict[str, PluginKind[Any]]] = {
    "balancer": BALANCER,
    "discovery": DISCOVERY,
    "check": CHECK,
}
_GOOD: Final = ("unchanged", "applied", "held")
_PDB: Final = "--pdb"
_WATCHED: Final = 2.0
"""Seconds for which a discovery is watched."""

_TIMEOUT: Final = 2.0
"""Seconds that a check is given."""

T = TypeVar("T")

Config = dict[str, Any]


def main(arguments: list[str]) -> int:
    """Print what the plugin does; 0 if that went well."""
    kind, name, config_file, nodes_file, *more = arguments
    try:
        plugin, report = load(_KINDS[kind], name)
        config = _config(config_file)
        clusters = [_cluster(*item) for item in sorted(_map(nodes_file).items())]
        clusters += [_asked(kind, word) for word in more if word != _PDB]
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
        good = _ACTS[kind](plugin, config, clusters)
    except _Wrong as wrong:
        print(wrong)
        return 1
    # Whatever the plugin raises is what its author wants to see, SystemExit included.
    except BaseException as error:  # noqa: BLE001
        trace = _frames(error)
        failure = PluginError(name, error.with_traceback(trace))
        print(failure.traceback or failure.reason, file=sys.stderr)
        if _PDB in more:
            pdb.post_mortem(trace)
        return 1
    _tell(changes)
    return 0 if good else 1


class _Wrong(Exception):
    """The plugin returned or reported what it must not; says what."""


def _balance(plugin: type[Balancer], config: Config, clusters: list[Cluster]) -> bool:
    _validate(plugin.validate_config, config)
    for cluster in clusters:
        if cluster.config is not None:
            _validate(plugin.validate_cluster_config, cluster.config)
    instance = plugin()
    instance.apply_config(config)
    unknown = {cluster.name for cluster in clusters if not cluster.known and not cluster.nodes}
    given = [c for c in clusters if plugin.handles_unknown or c.name not in unknown]
    said: object = instance.sync_file(given)
    outcome = said if isinstance(said, Outcome) else APPLIED
    if said is not None and said is not outcome:
        print(f"warning: sync_file returned {said!r:.60}, no Outcome: it is taken as applied")
    if outcome.kind not in get_args(Kind):
        legal = ", ".join(get_args(Kind))
        raise _Wrong(f"sync_file returned Outcome({outcome.kind!r:.60}), expected one of {legal}")
    print(f"outcome: {outcome.kind}{': ' if outcome.reason else ''}{outcome.reason}")
    for finding in _admitted("sync_file", admit_findings, outcome.findings, _any):
        place = ".".join(map(str, finding.path))
        print(f"{'warning' if finding.warning else 'fault'}: {place}: {finding.message}")
    for each in _admitted("withheld", admit_withheld, instance.withheld()):
        print(f"withheld from {each.cluster}: {len(each.nodes)} nodes: {each.reason}")
    instance.close()
    return outcome.kind in _GOOD


def _discover(plugin: type[Discovery], config: Config, clusters: list[Cluster]) -> bool:
    _validate(plugin.validate_config, config)
    wrong: list[str] = []

    def read(cluster: str, reading: Reading) -> None:
        try:
            print(f"{cluster}: {admit_reading(reading, {})}")
        except (TypeError, AttributeError, ValueError) as error:
            wrong.append(f"on_reading was given what is no reading of {cluster}: {error}")

    def connected(state: Connection, reason: str = "") -> None:
        print(f"the source is {state}{': ' if reason else ''}{reason}")
        if state not in (legal := get_args(Connection)):
            wrong.append(f"on_connection was given {state!r:.60}, expected one of {legal}")

    instance = plugin()
    instance.apply_config(config)
    instance.connect(read, connected)
    for cluster in clusters:
        instance.start_watching(cluster.name)
    deadline = time.monotonic() + _WATCHED
    while (left := deadline - time.monotonic()) > 0:
        after = instance.wake_after()
        time.sleep(max(0.0, min(left, 0.05 if after is None else after)))
        instance.wake()
    instance.disconnect()
    if wrong:
        raise _Wrong("\n".join(dict.fromkeys(wrong)))
    return True


def _probe(plugin: type[Check], config: Config, clusters: list[Cluster]) -> bool:
    _validate(plugin.validate_config, config)
    passing = True
    for node in [node for cluster in clusters for node in cluster.nodes]:
        instance = plugin()
        instance.apply_config(config)
        found = instance.perform(node.ip, node.port, _TIMEOUT)
        if breach := breach_of(found):
            raise _Wrong(f"{node.place}: {breach}")
        result, _ = checked(found)
        print(f"{node.place}: {result}")
        passing = passing and result.passing
    return passing


_ACTS: Final[dict[str, Callable[[Any, Config, list[Cluster]], bool]]] = {
    "balancer": _balance,
    "discovery": _discover,
    "check": _probe,
}


def _validate(validate: Callable[[Config], object], config: Config) -> None:
    try:
        returned = validate(copy.deepcopy(config))
    except ValueError as error:
        if not str(error):
            raise
        raise _Wrong(f"its config is rejected: {error}") from error
    if returned is not None:
        name = getattr(validate, "__name__", "validation")
        print(f"warning: {name} returned {returned!r:.60}, which rejects nothing")


def _admitted(method: str, admit: Callable[..., T], *said: object) -> T:
    """What a method returned, as a worker takes it; raises ``_Wrong`` for what it does not."""
    try:
        return admit(*said)
    except TypeError as error:
        raise _Wrong(f"{method}: {error}") from error


def _frames(error: BaseException) -> TracebackType | None:
    """The traceback from where the plugin is entered."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return trace


def _any(_cluster: str) -> bool:
    return True


def _tell(changes: FileChanges) -> None:
    for command in changes.commands:
        print(f"ran: {command}")
    found = dict(changes.differences())
    for path, diff in found.items():
        print(f"changed: {path}\n{diff}")
    if not found:
        print("no file changed")


def _asked(kind: str, word: str) -> Cluster:
    """What one word of the command line asks for: an address of a check, else a cluster."""
    return Cluster("at", [_node("--at", word)]) if kind == "check" else Cluster(word)


def _config(file: str) -> Config:
    """The content of the plugin's file, without what is Lighthouse's own in it."""
    content = _map(file)
    return {key: value for key, value in content.items() if key not in ("plugin", "worker")}


def _map(file: str) -> dict[str, Any]:
    if not file:
        return {}
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
