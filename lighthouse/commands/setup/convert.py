"""``lighthouse convert``: the configuration of another system as a tree of Lighthouse."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import click

from lighthouse.commands.failure import CommandFailure
from lighthouse.commands.output.console import say
from lighthouse.convert import confd, consul_template, smartstack, tree_2016
from lighthouse.convert.conversion import Conversion
from lighthouse.convert.source import SourceFault
from lighthouse.convert.tree import write
from lighthouse.text import counted, plain


def _only(convert: Callable[[Path], Conversion]) -> Callable[[list[Path]], Conversion]:
    def first(sources: list[Path]) -> Conversion:
        if len(sources) != 1:
            raise click.UsageError("this kind has one SOURCE, a directory")
        return convert(sources[0])

    return first


def _smartstack(sources: list[Path]) -> Conversion:
    return smartstack.convert(*smartstack.gather(sources))


KINDS: Final[Mapping[str, Callable[[list[Path]], Conversion]]] = {
    "smartstack": _smartstack,
    "confd": _only(confd.convert),
    "consul-template": consul_template.convert,
    "lighthouse-2016": _only(tree_2016.convert),
}


_PATH: Final = click.Path(path_type=Path)


@click.command()
@click.argument("kind", type=click.Choice(list(KINDS)), metavar="KIND")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=_PATH)
@click.argument("target", metavar="TARGET", type=_PATH)
def command(kind: str, sources: tuple[Path, ...], target: Path) -> None:
    """Write a tree of Lighthouse from the configuration of another system.

    KIND is smartstack (files or directories of nerve and synapse), consul-template (its files
    with the templates that they name), confd (its directory) or lighthouse-2016 (its directory).
    TARGET is a directory that is empty or not there: nothing is overwritten, and nothing that
    runs is touched. Whatever could not be carried over is printed with its place and why; a
    template of which something is missing keeps its file as it is.

    \b
    Exit codes:
      0  written: see what is printed, then run `lighthouse check -c TARGET`
      1  nothing is written, with the reason
    """
    try:
        made = KINDS[kind](list(sources))
        written = write(made, target)
    except (SourceFault, FileExistsError) as error:
        raise CommandFailure(plain(str(error))) from error
    for path in written:
        say(plain(str(path)))
    for fault in sorted(set(made.left)):
        say(plain(str(fault)), err=True)
    left = counted(len(set(made.left)), "thing")
    say(f"{counted(len(written), 'file')} written, {left} not carried over as they are")
