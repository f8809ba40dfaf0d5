"""``lighthouse init``: a configuration to start from, which fits the host."""

import os
import pwd
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from lighthouse.commands.failure import CommandFailure
from lighthouse.commands.output.console import say
from lighthouse.commands.setup.schema import write_all
from lighthouse.commands.setup.starting_tree import (
    DISABLED,
    StartingTree,
    starting_tree,
    unfit,
)
from lighthouse.commands.setup.survey import ETCD, ZOOKEEPER, HostSurvey, Source, survey
from lighthouse.config.directories import DEFAULT_TREE
from lighthouse.config.scan import scan
from lighthouse.text import plain


@click.command()
@click.argument("directory", metavar="[DIR]", type=click.Path(path_type=Path), required=False)
@click.option(
    "--discovery",
    "source",
    type=click.Choice(["file", "zookeeper", "etcd"]),
    help="Where nodes are, in place of what is found.",
)
@click.option("--no-schemas", is_flag=True, help="Leave out the schemas for editors.")
def command(directory: Path | None, source: Source | None, no_schemas: bool) -> None:
    """Write a configuration to start from into DIR, /etc/lighthouse if left out.

    Looks for HAProxy, a free port, and a ZooKeeper or an etcd on this host; else nodes are
    files. It has comments, an example of a cluster that has no nodes yet, and one of a service
    that is not read until its file is renamed. Nothing that exists is overwritten.
    """
    root = (directory or DEFAULT_TREE).absolute()
    _vacant(root)
    host = survey()
    chosen: Source = source or (host.sources[0] if host.sources else "file")
    closed = host.user is not None and not all(map(_enterable, [*root.parents]))
    tree = starting_tree(root, host, chosen, closed)
    if reason := unfit(tree):
        raise CommandFailure(plain(reason))
    for line in _found(host, chosen):
        say(plain(line))
    say("")
    os.umask(os.umask(_NOT_OTHERS) | _NOT_OTHERS)
    _write(tree, None if closed else host.user)
    for name in tree.files:
        say(plain(f"wrote {root / name}"))
    if not no_schemas:
        written = len([*write_all(root / "schemas")])
        say(plain(f"wrote {root / 'schemas'}: {written} files, for editors"))
    say("\nnext:")
    own = "" if root == DEFAULT_TREE else f" -c {shlex.quote(str(root))}"
    for name in ("check", "run", "status"):
        say(plain(f"  lighthouse {name}{own}"))


def _vacant(root: Path) -> None:
    """A ``CommandFailure`` if there is a configuration already."""
    try:
        listing = scan(root)
    except FileNotFoundError:
        return
    there = [*(found.file for found in listing.files), *listing.strays]
    if there:
        raise CommandFailure(
            f"{plain(root)} has a configuration already ({plain(there[0])}): nothing is "
            f"overwritten; name another directory"
        )


def _found(host: HostSurvey, chosen: Source) -> Iterator[str]:
    yield str(host.haproxy or _NO_HAPROXY)
    places = {"zookeeper": f"ZooKeeper on port {ZOOKEEPER}", "etcd": f"etcd on port {ETCD}"}
    there = ", ".join(places[name] for name in host.sources) or "no ZooKeeper, no etcd"
    yield f"discovery: {chosen} (found on this host: {there})"
    yield f"address: {host.address or 'no default route: set advertise in lighthouse.yaml'}"
    yield f"port: {host.port} is free, and for the cluster example"
    runs = f"root; its workers as {host.user}" if host.user else "root"
    yield f"user: {runs if host.is_root else 'not root, so no port below 1024'}"


_NOT_OTHERS: Final = 0o022
"""Who may write to the tree decides what the host runs."""

_NO_HAPROXY: Final = (
    f"HAProxy: none; install it, or pip install 'lighthouse-balancer[haproxy]', and then rename "
    f"balancers/haproxy.yaml{DISABLED}"
)


def _write(tree: StartingTree, user: str | None) -> None:
    """Make the directories and the files; what is there already is an ``OSError``."""
    for name, text in tree.files.items():
        path = tree.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    (tree.root / "services").mkdir(exist_ok=True)
    for directory in tree.owned:
        directory.mkdir(parents=True, exist_ok=True)
        if user is not None:
            account = pwd.getpwnam(user)
            os.chown(directory, account.pw_uid, account.pw_gid)


def _enterable(directory: Path) -> bool:
    """Return True if every account may enter it, or it is not there yet."""
    try:
        return bool(directory.stat().st_mode & stat.S_IXOTH)
    except FileNotFoundError:
        return True
