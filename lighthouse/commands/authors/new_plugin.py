"""``lighthouse new-plugin``: a complete package to begin a plugin with."""

import datetime
from pathlib import Path

import click

from lighthouse.commands.authors.scaffold.name import PackageNames, unfit
from lighthouse.commands.authors.scaffold.package import LICENSES, files
from lighthouse.commands.failure import CommandFailure
from lighthouse.commands.output.console import say
from lighthouse.distribution.installed import Installed
from lighthouse.distribution.origin import GROUPS
from lighthouse.text import plain


@click.command()
@click.argument("name")
@click.option("--kind", type=click.Choice(list(GROUPS)), required=True, help="What it is.")
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path),
    help="Where to put it; a directory that is empty, or not there yet. [lighthouse-NAME]",
)
@click.option(
    "--license", "license_name", type=click.Choice(LICENSES), default="MIT", show_default=True
)
@click.option("--author", default="The authors", show_default=True, help="Who has the copyright.")
def command(name: str, kind: str, directory: Path | None, license_name: str, author: str) -> None:
    """Make the package of a new plugin.

    It is a plugin that works: it installs, passes the conformance suite of its kind, and can be
    published as it is. Nothing that exists is overwritten.
    """
    reason = unfit(kind, name, Installed.here())
    if reason:
        raise CommandFailure(reason)
    if not author.isprintable() or '"' in author or "\\" in author:
        raise CommandFailure("--author: expected printable text without quotes and backslashes")
    names = PackageNames(kind, name)
    root = directory or Path(names.distribution)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise CommandFailure(
            f"{plain(root)} exists and is not empty: nothing is overwritten; choose another --dir"
        )
    year = datetime.datetime.now(datetime.UTC).year
    for path, text in files(names, license_name, author, year).items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
        say(plain(target))
    say("")
    say(plain(f"cd {root}; pip install -e '.[dev]'; pytest"))
