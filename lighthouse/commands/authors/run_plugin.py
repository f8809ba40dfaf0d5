"""``lighthouse run-plugin``: one balancer once, in the foreground."""

import os
import subprocess
import sys
from pathlib import Path

import click

from lighthouse.commands.authors.check_plugin import kind_of
from lighthouse.installed import GROUPS

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("name")
@click.option("--kind", type=click.Choice(list(GROUPS)), help="If several kinds have the name.")
@click.option("--config", type=_FILE, required=True, help="The plugin's YAML file.")
@click.option(
    "--nodes", type=_FILE, required=True, help="YAML: the clusters and their nodes (see below)."
)
@click.option("--pdb", is_flag=True, help="Enter the debugger where the plugin raises.")
def command(name: str, kind: str | None, config: Path, nodes: Path, pdb: bool) -> None:
    """Run a plugin once in the foreground, and print what it did.

    A balancer is given the clusters of the file, as by a daemon; it prints the outcome, and
    which files changed, with their difference. A discovery is watched for two seconds, and a
    check performed once, at the nodes of the file.

    \b
    The file of nodes is a map of clusters:
      web:
        nodes: ["10.0.0.1:80", {ip: 10.0.0.2, port: 80, weight: 0}]
        config: {port: 8000}       the balancer's section, if it wants one
        stale: true                known: false
      other: ["10.0.0.3:80"]       a list stands for its nodes
    """
    words = [kind_of(name, kind), name, str(config), str(nodes), *(["--pdb"] if pdb else [])]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "lighthouse.standalone.foreground", *words],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        check=False,
    )
    sys.exit(done.returncode if done.returncode >= 0 else 1)
