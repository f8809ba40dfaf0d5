"""What a sync would do, and what Envoy itself has against a config: both touch nothing."""

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lighthouse.balancer import Finding, Preview
from lighthouse.cluster import Cluster
from lighthouse.envoy.rendering.bootstrap import trial, trial_of
from lighthouse.envoy.rendering.text import discovery_file, resources_in
from lighthouse.envoy.runtime import process
from lighthouse.envoy.runtime.watched import WatchedFiles
from lighthouse.envoy.schema.settings import EnvoySettings
from lighthouse.envoy.sync.wanted import WantedProxies, nobody
from lighthouse.software.binary import Missing


def preview(settings: EnvoySettings, clusters: Sequence[Cluster]) -> Preview:
    """The files as they would be against those that are there."""
    wanted, files = WantedProxies(settings), WatchedFiles()
    wanted.take(clusters)
    after: dict[str, str] = {}
    upstreams, listeners = {}, {}
    for name, one in wanted.proxies.items():
        path = settings.endpoints_file(name)
        there = files.read(path)
        if not (one.cluster.known or one.cluster.nodes or resources_in(there)):
            continue
        upstreams[name], listeners[one.listener_name] = one.upstream, one.listener
        if one.endpoints is not None:
            after[path] = discovery_file([one.endpoints])
        elif not resources_in(there):
            after[path] = discovery_file([nobody(name, settings)])
    after[settings.clusters_file] = _file(upstreams)
    after[settings.listeners_file] = _file(listeners)
    for name in resources_in(files.read(settings.clusters_file)).keys() - upstreams.keys():
        after[settings.endpoints_file(name)] = ""
    diff = "".join(line for path in sorted(after) for line in _diff(files, path, after[path]))
    return Preview(diff, findings=wanted.findings)


def examine(settings: EnvoySettings, clusters: Sequence[Cluster]) -> Sequence[Finding]:
    """What ``envoy --mode validate`` says of the bootstrap and of each cluster's section."""
    try:
        binary = process.find_binary(settings.envoy_bin)
    except Missing as error:
        return (Finding((), str(error)),)
    wanted = WantedProxies(settings)
    wanted.take(clusters)
    found = [*wanted.findings, *_directory(settings.directory)]
    if fault := process.trial(binary, trial_of(settings)):
        found.append(Finding((), fault))
    pairs = [(one.upstream, one.listener) for one in wanted.proxies.values()]
    if pairs and process.trial(binary, trial(*map(list, zip(*pairs, strict=True)))):
        for name, one in wanted.proxies.items():
            if fault := process.trial(binary, trial([one.upstream], [one.listener])):
                found.append(Finding((), fault, name))
    return found


def _file(resources: Mapping[str, str]) -> str:
    return discovery_file(resources[name] for name in sorted(resources))


def _diff(files: WatchedFiles, path: str, after: str) -> Iterator[str]:
    before = files.read(path)
    old, new = before.rstrip("\n").splitlines(), after.rstrip("\n").splitlines()
    for line in difflib.unified_diff(old, new, path, path, lineterm=""):
        yield line + "\n"


def _directory(directory: str) -> Iterator[Finding]:
    """A finding if the directory is not there and cannot be made, or cannot be written."""
    there = Path(directory)
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        yield Finding(("directory",), f"{there} is no directory")
    elif not os.access(there, os.W_OK | os.X_OK):
        reason = f"{there} cannot be written by the user of this worker"
        yield Finding(("directory",), reason)
