"""Files that are made of templates: confd's and consul-template's, as balancers/NAME.yaml."""

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from lighthouse.convert import go_template
from lighthouse.convert.conversion import Conversion, Keys, unique
from lighthouse.convert.places import Places, fit

_SHELL: Final = re.compile(r"[|&;<>$`*?\n]")
_CONSUL_PORT: Final = 8600


Discovery = Callable[[str], tuple[str, str]]
"""Where a cluster's nodes are found, by what a template calls it, and under which name."""


class Made(NamedTuple):
    """One file: what it is made of, and how that is checked and told.

    The template stands in ``source``, behind so many lines.
    """

    template: str
    source: str
    lines: int
    path: str
    mode: str | None
    owner: str | int | None
    group: str | int | None
    check: str | None
    reload: str | None


def add(to: Conversion, made: Iterable[Made], discovery: Discovery) -> None:
    """Add a balancer for each file, and the clusters that their templates name."""
    clusters: dict[str, dict[str, Any]] = {}
    names: list[str] = []
    for one in made:
        name = unique(names, fit(Path(one.path).stem.lower()))
        names.append(name)
        converted = go_template.convert(one.template)
        for missing in converted.missing:
            to.note(one.source, one.lines + missing.line, 1, missing.message)
        for cluster, called in converted.clusters.items():
            found, known = discovery(called)
            given = {"name": known if known != cluster else None, "discovery": found}
            clusters.setdefault(cluster, given)[name] = {}
        to.add(f"balancers/{name}.yaml", _balancer(to, one, converted))
    for cluster, content in clusters.items():
        to.add(f"clusters/{cluster}.yaml", content)


def _balancer(to: Conversion, made: Made, converted: go_template.Converted) -> Mapping[str, Any]:
    file = {
        "path": made.path,
        "clusters": list(converted.clusters) or None,
        "mode": made.mode,
        "owner": made.owner,
        "group": made.group,
        "validate": _validate(to, made),
        "template": converted.text,
    }
    given = {key: value for key, value in file.items() if value is not None}
    return {"plugin": "template", "files": [given], "reload": _command(made.reload)}


def _validate(to: Conversion, made: Made) -> list[str] | None:
    """The check with the candidate's place; one that names none cannot look at it."""
    if not made.check:
        return None
    check = re.sub(r"\{\{\s*\.src\s*\}\}", "{file}", made.check)
    if "{file}" in check:
        return _command(check)
    to.note(made.source, 1, 1, f"check_cmd: {check!r} does not look at the candidate: left out")
    return None


def _command(text: str | None) -> list[str] | None:
    """The words of a command; one that needs a shell gets it."""
    if not text:
        return None
    return ["/bin/sh", "-c", text] if _SHELL.search(text) else shlex.split(text)


def of_consul(places: Places, address: str | None) -> Discovery:
    """Where the services of Consul are found: by its name server, which tells no metadata."""
    server = (address or "127.0.0.1").split("://")[-1].rsplit(":", 1)[0]
    host = "127.0.0.1" if server in ("localhost", "") else server
    content = {"name": "{cluster}.service.consul", "nameservers": [f"{host}:{_CONSUL_PORT}"]}

    def discovery(called: str) -> tuple[str, str]:
        return places.file("consul", {"plugin": "dns", **content}), fit(called)

    return discovery


def of_keys(places: Places, keys: Keys | None, prefix: str) -> Discovery:
    """Where confd's keys are found: in etcd or ZooKeeper, if their values are records of nodes."""
    backend = (keys.text("backend") if keys else None) or "etcdv3"
    nodes = keys.texts("nodes") if keys else []
    scheme = (keys.text("scheme") if keys else None) or "http"
    urls = [node if "://" in node else f"{scheme}://{node}" for node in nodes]

    def discovery(called: str) -> tuple[str, str]:
        path = f"{prefix.rstrip('/')}/{called.strip('/*')}"
        if backend == "zookeeper":
            hosts, cluster = nodes or ["127.0.0.1:2181"], fit(path.rsplit("/", 1)[-1])
            return places.zookeeper(hosts, cluster, path)
        return places.etcd(urls or ["http://127.0.0.1:2379"], path, "lighthouse")

    if backend not in ("etcd", "etcdv3", "zookeeper") and keys is not None:
        keys.leave("backend", f"nothing here reads {backend}: the nodes are to be put into etcd")
    return discovery
