"""``lighthouse explain``: why a node is in a cluster, or out of it."""

import time
from pathlib import Path

import click
import msgspec

from lighthouse.commands.completion.names import clusters, nodes
from lighthouse.commands.failure import CommandFailure, StatusNotRunning
from lighthouse.commands.options import root_option
from lighthouse.commands.output.console import say
from lighthouse.commands.output.explanation import lines
from lighthouse.commands.question import PATIENCE, asking
from lighthouse.daemon.explanation_document import parse_explanation
from lighthouse.daemon.locate import find
from lighthouse.text import plain


@click.command()
@root_option
@click.argument("cluster", shell_complete=clusters)
@click.argument("node", required=False, default="", shell_complete=nodes)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(root: Path, cluster: str, node: str, as_json: bool) -> None:
    """Explain why the nodes of CLUSTER are in or out, or only NODE.

    NODE is a name (host:port), a host, an address (ip or ip:port), or the name of a refused
    record. Tells of each which source names it, and what the shrink guard, the loss of a
    source, the selection and the weights make of it; of services of this host also how they
    are; and whether each balancer has applied the cluster as it is.

    \b
    Exit codes:
      0  explained
      1  no such cluster or node, or no answer
      3  not running
    """
    try:
        with asking():
            text = find(root).explanation(cluster, node, PATIENCE)
    except LookupError as error:
        raise CommandFailure(plain(error.args[0])) from error
    if text is None:
        raise StatusNotRunning(root)
    if as_json:
        say(text)
        return
    try:
        found = parse_explanation(text)
    except msgspec.DecodeError as error:
        raise CommandFailure(f"the daemon's answer cannot be read: {error}") from error
    for line in lines(found, time.time()):
        say(line)
