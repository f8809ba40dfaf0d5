"""What files of the tree say about each other and about plugins.

Most of such faults are shown while the file is in force all the same, since it may be the
other side that is not there yet. The exception is a key of a cluster's file that names no
balancer: that is taken for a misspelt key.
"""

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from lighthouse import schema
from lighthouse.config.fault import Fault
from lighthouse.config.schema.document import YamlDocument
from lighthouse.config.schema.keys.cluster import CLUSTER
from lighthouse.config.schema.types import ClusterFile, PluginFile, ServiceFile
from lighthouse.distribution.installed import Installed, listed
from lighthouse.schema import shown

_SOFTWARE: Final = {"zookeeper", "etcd", "dns", "redis", "postgresql", "rabbitmq", "grpc"}
"""What a section of a cluster may well be meant for, though no balancer is there for it."""

NameClaim = tuple[str, int, str]
"""What only one file may register: a service's name, a port, a discovery method."""


def uninstalled(
    document: YamlDocument, content: PluginFile, kind: str, installed: Installed
) -> Iterator[Fault]:
    """The fault of a plugin that is not there, or there twice; at ``plugin:`` if it is given."""
    message = _unusable(kind, content.plugin, installed)
    if message:
        place = document.locate(("plugin",)) if "plugin" in (document.data or {}) else (1, 1)
        yield Fault(document.file, *place, message, about=f"{kind} plugin {content.plugin}")


def unknown_sections(
    document: YamlDocument, content: ClusterFile, balancers: Collection[str]
) -> Iterator[Fault]:
    """Faults for keys that are neither a cluster's own nor a balancer's section."""
    for key in content.sections:
        if key not in balancers:
            message = schema.unknown(key, {*CLUSTER.keys, *balancers})
            if key in _SOFTWARE:
                told = "; ".join(filter(None, (_close(key, balancers), listed(balancers))))
                message = f"balancer plugin {shown(key)} is not installed; {told}"
            yield document.fault((key,), message)


def unused_sections(
    clusters: Iterable[tuple[YamlDocument, ClusterFile]],
    plugins: Mapping[str, PluginFile],
    installed: Installed,
) -> Iterator[Fault]:
    """A warning for each balancer that clusters have a section for, and this host no file.

    Such a tree is right on a host that shares its clusters' files with others.
    """
    read = {*plugins, *(plugin.plugin for plugin in plugins.values())}
    places: dict[str, list[YamlDocument]] = {}
    for document, content in clusters:
        for key in (installed.balancers & content.sections.keys()) - read:
            places.setdefault(key, []).append(document)
    for key, (first, *more) in places.items():
        whom = f"this cluster and {len(more)} more" if more else "this cluster"
        message = f"{key}: there is no balancers/{key}.yaml, so that none serves {whom}"
        yield Fault(first.file, *first.locate((key,)), message, warning=True)


def unknown_discovery(
    document: YamlDocument, content: ClusterFile | ServiceFile, discovery: Collection[str]
) -> Iterator[Fault]:
    """Faults for names of discovery methods that have no file."""
    for index, name in enumerate(content.discovery):
        if name not in discovery:
            hint = f"expected one of: {', '.join(sorted(discovery))}" if discovery else "add it"
            message = f"there is no discovery/{name}.yaml; {_close(name, discovery) or hint}"
            place = document.locate(("discovery", index))
            yield Fault(document.file, *place, message, about=f"discovery {name}")


def unknown_preference(document: YamlDocument, content: ClusterFile) -> Iterator[Fault]:
    """The fault of preferring what this host is said to be, where nothing says it."""
    prefer = content.policy.selection.prefer
    if prefer is not None and not prefer.values:
        message = f"lighthouse.yaml has no metadata {shown(prefer.key)}: no node is preferred"
        yield document.fault(("nodes", "prefer"), f"{message}; set it there, or give 'value'")


def unknown_checks(
    document: YamlDocument, content: ServiceFile, installed: Installed
) -> Iterator[Fault]:
    """Faults for checks whose plugin is not there, or there twice."""
    for check in content.checks:
        message = _unusable("check", check.plugin, installed)
        if message:
            place = document.locate(("checks", check.plugin))
            yield Fault(document.file, *place, message, about=f"check plugin {check.plugin}")


def claims(content: ServiceFile) -> set[NameClaim]:
    """What a service's file registers."""
    return {(content.name, port, name) for port in content.ports for name in content.discovery}


def conflict(document: YamlDocument, claim: NameClaim, owner: str) -> Fault:
    """The fault of registering what another file registers."""
    name, port, discovery = claim
    message = f"{owner} registers port {port} of '{name}' with '{discovery}' too"
    ports = document.data.get("ports")
    path = ("ports", ports.index(port)) if isinstance(ports, list) else ("port",)
    return document.fault(path, message)


def _unusable(kind: str, name: str, installed: Installed) -> str:
    """Why there is not one plugin of that name, empty if there is."""
    if not installed.has(kind, name):
        about = f"{kind} plugin {shown(name)} is not installed"
        return f"{about}; {installed.nearest(kind, name)}"
    return installed.clash(kind, name)


def _close(name: str, names: Collection[str]) -> str:
    close = difflib.get_close_matches(name, sorted(names), n=1)
    return f"did you mean '{close[0]}'?" if close else ""
