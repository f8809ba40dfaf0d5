"""The names of what there is: as the running daemon knows them, else as the tree's files are.

Whoever presses a key waits for them, so the daemon gets a moment only, and files are not read.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click
import msgspec
from click.shell_completion import CompletionItem

from lighthouse.commands.options import DEFAULT
from lighthouse.config.scan import FileKind, is_config_name
from lighthouse.daemon.client import DaemonClient, DaemonSilent
from lighthouse.daemon.locate import settings

WITHIN: Final = 0.15
"""Seconds that the daemon gets to answer."""


class KnownNode(msgspec.Struct, frozen=True):
    name: str = ""


class NamedCluster(msgspec.Struct, frozen=True):
    name: str = ""
    nodes: tuple[KnownNode, ...] = ()


class KnownService(msgspec.Struct, frozen=True):
    name: str = ""
    port: int = 0


class KnownWorker(msgspec.Struct, frozen=True):
    kind: str = ""
    name: str = ""


class KnownNames(msgspec.Struct, frozen=True):
    """What the status document has names of."""

    clusters: tuple[NamedCluster, ...] = ()
    services: tuple[KnownService, ...] = ()
    workers: tuple[KnownWorker, ...] = ()


def clusters(ctx: click.Context, _: click.Parameter, typed: str) -> list[CompletionItem]:
    """The clusters of this host."""
    root = _root(ctx)
    known = _known(root)
    if known is None:
        return items(typed, _stems(root, "clusters"))
    return items(typed, (c.name for c in known.clusters))


def nodes(ctx: click.Context, _: click.Parameter, typed: str) -> list[CompletionItem]:
    """The nodes of the cluster that stands before them."""
    known = _known(_root(ctx)) or KnownNames()
    wanted = ctx.params.get("cluster")
    found = (node.name for c in known.clusters if c.name == wanted for node in c.nodes)
    return items(typed, found)


def services(ctx: click.Context, _: click.Parameter, typed: str) -> list[CompletionItem]:
    """The services of this host, with their ports once there is a colon."""
    root = _root(ctx)
    known = _known(root)
    if known is None:
        return items(typed, _stems(root, "services"))
    if ":" in typed:
        return items(typed, (f"{service.name}:{service.port}" for service in known.services))
    return items(typed, (service.name for service in known.services))


def workers(ctx: click.Context, _: click.Parameter, typed: str) -> list[CompletionItem]:
    """The workers as ``KIND/NAME``."""
    return items(typed, (f"{kind}/{name}" for kind, name in _workers(_root(ctx))))


def worker_names(ctx: click.Context, _: click.Parameter, typed: str) -> list[CompletionItem]:
    """The workers by their names alone."""
    return items(typed, (name for _, name in _workers(_root(ctx))))


def balancers(ctx: click.Context, _: click.Parameter, typed: str) -> list[CompletionItem]:
    """The files of ``balancers/``."""
    return items(typed, _stems(_root(ctx), "balancers"))


def _root(ctx: click.Context) -> Path:
    """The tree that is meant, as far as it can be told while somebody still types."""
    said = (place.params.get("root") for place in (ctx, ctx.parent) if place is not None)
    fallback = Path(os.environ.get("LIGHTHOUSE_CONFIG") or DEFAULT)
    return next((root for root in said if root is not None), fallback).absolute()


def _known(root: Path) -> KnownNames | None:
    """What the daemon of this tree knows, None if it does not run or does not say."""
    try:
        text = DaemonClient(root, settings(root)).status(WITHIN)
        return None if text is None else msgspec.json.decode(text, type=KnownNames)
    except (DaemonSilent, OSError, msgspec.DecodeError):
        return None


def _workers(root: Path) -> Iterable[tuple[str, str]]:
    known = _known(root)
    if known is not None:
        return [(worker.kind, worker.name) for worker in known.workers]
    found = [("balancer", name) for name in _stems(root, "balancers")]
    return found + [("discovery", name) for name in _stems(root, "discovery")]


def _stems(root: Path, kind: FileKind) -> list[str]:
    try:
        names = os.listdir(root / kind)
    except OSError:
        return []
    return [name.rpartition(".")[0] for name in names if is_config_name(name)]


def items(typed: str, names: Iterable[str]) -> list[CompletionItem]:
    """Those that begin with what was typed, each once, sorted."""
    found = sorted({name for name in names if name.startswith(typed) and name.isprintable()})
    return [CompletionItem(name) for name in found]
