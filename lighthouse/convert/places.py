"""Where nodes are registered: paths of other systems as files of discovery/."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from lighthouse.convert.conversion import Conversion, unique
from lighthouse.node import is_cluster_name

PLACE: Final = "{cluster}"


class Places:
    """The files of ``discovery/``, one for all clusters whose paths differ by their name only.

    ``known`` are the names of services, and the paths at which they stand: of a path that has the
    name of its service as a step, that step is where the cluster's name belongs.
    """

    def __init__(self, to: Conversion, known: Iterable[tuple[str, str]]) -> None:
        self._to: Final = to
        self._files: Final[dict[tuple[Any, ...], str]] = {}
        self._patterns: Final[list[tuple[str, ...]]] = []
        self._nodes: Final[set[tuple[str, str, float]]] = set()
        for name, path in known:
            pattern = _named(_steps(path), name)
            if pattern and pattern not in self._patterns:
                self._patterns.append(pattern)

    def zookeeper(self, hosts: Sequence[str], name: str, path: str) -> tuple[str, str]:
        """The discovery for a path of znodes, and the cluster's name in it."""
        pattern, cluster = self._split(name, path)
        where = "/" + "/".join(pattern)
        content = {"plugin": "zookeeper", "format": "smartstack", "hosts": [*hosts], "path": where}
        return self.file("smartstack", content), cluster

    def etcd(self, endpoints: Sequence[str], path: str, format: str) -> tuple[str, str]:
        """The same for a path of keys, whose last step is the cluster."""
        *above, cluster = _steps(path)
        content = {"plugin": "etcd", "endpoints": [*endpoints], "path": "/" + "/".join(above)}
        if format != "lighthouse":
            content["format"] = format
        return self.file("etcd", content), cluster

    def claims(self, discovery: str, cluster: str, port: float) -> bool:
        """Return True if no other service registers this port of the cluster there."""
        node = (discovery, cluster, port)
        first = node not in self._nodes
        self._nodes.add(node)
        return first

    def file(self, wanted: str, content: dict[str, Any]) -> str:
        """The name of the file of discovery/ with this content."""
        key = tuple((name, repr(value)) for name, value in sorted(content.items()))
        if key not in self._files:
            self._files[key] = unique(self._files.values(), wanted)
            if wanted == self._files[key] == content.get("plugin"):
                content = {name: value for name, value in content.items() if name != "plugin"}
            self._to.add(f"discovery/{self._files[key]}.yaml", content)
        return self._files[key]

    def _split(self, name: str, path: str) -> tuple[tuple[str, ...], str]:
        steps = _steps(path)
        own = _named(steps, name)
        if own:
            return own, name
        for pattern in self._patterns:
            at = pattern.index(PLACE)
            rest = (*pattern[:at], *pattern[at + 1 :])
            if len(steps) == len(pattern) and (*steps[:at], *steps[at + 1 :]) == rest:
                return pattern, steps[at]
        at = len(steps) - (2 if len(steps) > 1 and steps[-1] == "services" else 1)
        return (*steps[:at], PLACE, *steps[at + 1 :]), steps[at]


def _steps(path: str) -> tuple[str, ...]:
    return tuple(step for step in path.split("/") if step)


def _named(steps: tuple[str, ...], name: str) -> tuple[str, ...]:
    """The steps with the cluster's place for the last that is its name; empty if none is."""
    if name not in steps:
        return ()
    at = len(steps) - 1 - steps[::-1].index(name)
    return (*steps[:at], PLACE, *steps[at + 1 :])


def fit(name: str) -> str:
    """A name for a file and a cluster: what may not stand in one becomes ``-``."""
    made = re.sub(r"[^A-Za-z0-9_.-]", "-", name).lstrip("-._")[:63]
    return made if is_cluster_name(made) else "unnamed"
