"""``lighthouse run-plugin``: one plugin once, in the foreground."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import click

from lighthouse.commands.authors.check_plugin import kind_of
from lighthouse.commands.completion.plugin_names import plugins
from lighthouse.commands.failure import CommandFailure
from lighthouse.distribution.origin import GROUPS

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("name", shell_complete=plugins)
@click.option("--kind", type=click.Choice(list(GROUPS)), help="If several kinds have the name.")
@click.option("--config", type=_FILE, help="The plugin's YAML file, or a check's section. [empty]")
@click.option("--nodes", type=_FILE, help="YAML: the clusters and their nodes (see below).")
@click.option("--at", multiple=True, metavar="IP:PORT", help="Where a check is performed.")
@click.option("--cluster", multiple=True, help="What a discovery is to watch.")
@click.option("--pdb", is_flag=True, help="Enter the debugger where the plugin raises.")
def command(
    name: str,
    kind: str | None,
    config: Path | None,
    nodes: Path | None,
    at: tuple[str, ...],
    cluster: tuple[str, ...],
    pdb: bool,
) -> None:
    """Run a plugin once in the foreground, and print what it did.

    A balancer is given the clusters of the file, as by a daemon; it prints the outcome, and
    which files changed, with their difference. A check is performed once at each --at, and a
    discovery watched for two seconds with each --cluster; both take the file of nodes as well.

    \b
    The file of nodes is a map of clusters:
      web:
        nodes: ["10.0.0.1:80", {ip: 10.0.0.2, port: 80, weight: 0}]
        config: {port: 8000}       the balancer's section, if it wants one
        stale: true                known: false
      other: ["10.0.0.3:80"]       a list stands for its nodes
    """
    own = kind_of(name, kind)
    if (at and own != "check") or (cluster and own != "discovery"):
        raise CommandFailure(f"{name} is a {own}: {_WANTS[own]}")
    if not (nodes or at or cluster):
        raise CommandFailure(_WANTS[own])
    files = [str(config or ""), str(nodes or "")]
    words = [own, name, *files, *at, *cluster, *(["--pdb"] if pdb else [])]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "lighthouse.standalone.foreground", *words],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        check=False,
    )
    sys.exit(done.returncode if done.returncode >= 0 else 1)


_WANTS: Final = {
    "balancer": "give the clusters that it is to serve with --nodes FILE",
    "check": "say where to perform it with --at IP:PORT",
    "discovery": "say what it is to watch with --cluster NAME",
}
