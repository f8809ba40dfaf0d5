"""The files of a configuration to start from, made of templates to fit a host."""

import json
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from string import Template
from typing import Final

import msgspec

from lighthouse.commands.setup.survey import HostSurvey, Source
from lighthouse.config.directories import DEFAULT_STATE_DIR, DEFAULT_TREE

_FIT: Final = re.compile(r"[A-Za-z0-9/_.@+-]{1,68}")
"""What the directory of HAProxy's files may be called: it has to stand in HAProxy's own file, and
a socket's path holds 107 characters, with what is added to it while it is made."""

DISABLED: Final = ".disabled"
"""Behind the name of a file that is not read."""


class StartingTree(msgspec.Struct, frozen=True):
    """``files`` by their names below ``root``; ``owned`` are directories that workers write to."""

    root: Path
    files: Mapping[str, str]
    owned: tuple[Path, ...]


def unfit(tree: StartingTree) -> str:
    """Why HAProxy's files cannot lie there, empty if they can."""
    place = str(tree.owned[0])
    if _FIT.fullmatch(place):
        return ""
    return (
        f"{tree.root} will not do: HAProxy's socket has to be in {place}, of which the name may "
        f"have 68 of A-Z a-z 0-9 / _ . @ + -"
    )


def starting_tree(root: Path, host: HostSurvey, source: Source, closed: bool) -> StartingTree:
    """The tree for a host, with its nodes in this source.

    ``closed``: another account than root cannot enter the directory.
    """
    is_default = root == DEFAULT_TREE
    home = DEFAULT_STATE_DIR if is_default else root / "var"
    proxy, nodes = home / "haproxy", home / "nodes"
    facts = {
        "state": "" if is_default else f"\n{_STATE}\nstate_dir: {_quoted(home / 'state')}\n",
        "address": f"; {host.address} without this" if host.address else _NO_ROUTE,
        "user": f"{_CLOSED}\n  user: root" if closed else _user(host),
        "haproxy": str(host.haproxy or "none is installed yet"),
        "config_file": _quoted(proxy / "haproxy.cfg"),
        "socket_file": _quoted(proxy / "haproxy.sock"),
        "pid_file": _quoted(proxy / "haproxy.pid"),
        "nodes": _quoted(nodes),
        "port": str(host.port),
        "discovery": source,
    }
    names = {
        "lighthouse.yaml": "lighthouse",
        f"discovery/{source}.yaml": source,
        "balancers/haproxy.yaml" + ("" if host.haproxy else DISABLED): "haproxy",
        "clusters/example.yaml": "cluster",
        f"services/example.yaml{DISABLED}": "service",
    }
    files = {name: _filled(template, facts) for name, template in names.items()}
    return StartingTree(root, files, (proxy, *([nodes] if source == "file" else [])))


_STATE: Final = "# What outlives a restart: the last known nodes, the last good configuration."
_NO_ROUTE: Final = (
    ".\n# This one has no default route: without it, its services are not registered"
)
_CLOSED: Final = "  # Not lighthouse, since this directory lies where only root may enter."


def _user(host: HostSurvey) -> str:
    if host.user is not None:
        return f"  # They run as {host.user} if the daemon is root's; for root:\n  #user: root"
    return "  #user: lighthouse" if host.is_root else "  # As whoever starts the daemon."


def _quoted(path: Path) -> str:
    """A path as YAML reads it, whatever is in it."""
    return json.dumps(str(path), ensure_ascii=False)


def _filled(template: str, facts: Mapping[str, str]) -> str:
    place = resources.files(__package__) / "templates" / f"{template}.yaml.txt"
    return Template(place.read_text(encoding="utf-8")).substitute(facts)
