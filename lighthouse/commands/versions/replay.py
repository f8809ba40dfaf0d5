"""``lighthouse replay``: a recording, run against a plugin in the foreground."""

import os
import subprocess
import sys
from pathlib import Path

import click

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=_FILE)
@click.option("--plugin", required=True, metavar="NAME", help="The balancer's plugin.")
@click.option("--config", type=_FILE, help="The plugin's YAML file. [empty]")
@click.option("--balancer", default="", metavar="NAME", help="Whose versions. [the first one's]")
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0),
    help="So many times as quick as it was; 0: without a pause.",
)
def command(file: Path, plugin: str, config: Path | None, balancer: str, speed: float) -> None:
    """Run the recording FILE of `lighthouse record` against a plugin.

    The plugin gets its config from --config (without: an empty one, never the recorded one, which
    names the files and sockets that the recorded daemon uses), and then each version's clusters
    in turn, with the recorded sections. It acts for real. Prints each outcome with its time, and
    in the end which files differ.

    \b
    Exit codes:
      0  every version was applied, unchanged or held
      1  one was not, the plugin raised, or the file cannot be read
    """
    words = [plugin, str(config or ""), str(file), balancer, str(speed)]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "lighthouse.standalone.replay", *words],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        check=False,
    )
    sys.exit(done.returncode if done.returncode >= 0 else 1)
