"""``lighthouse schema``: what each kind of file may say, for editors and other programs."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import msgspec

from lighthouse.commands.completion.plugin_names import plugins
from lighthouse.commands.failure import CommandFailure
from lighthouse.commands.offline.descriptions import descriptions
from lighthouse.commands.output.console import say
from lighthouse.config.schema.keys import documents
from lighthouse.config.schema.keys.table import JsonSchema
from lighthouse.distribution.installed import Installed, PluginKey
from lighthouse.ipc.payloads import PluginSchema
from lighthouse.text import plain

_SINGLE: Final = ("lighthouse", "logging")
_OF_ONE: Final = ("balancer", "discovery")
_OF_ALL: Final = {"cluster": "balancer", "service": "check"}
"""Kinds of files that have a part for each plugin of a kind."""

_MODE: Final = 0o644

FileMeant = tuple[str, str]
"""A kind of file, and for which plugin it is, empty if it is not for one."""


@click.command()
@click.argument(
    "kind", type=click.Choice([*_SINGLE, *_OF_ONE, *_OF_ALL]), metavar="[KIND]", required=False
)
@click.argument("name", required=False, default="", shell_complete=plugins)
@click.option(
    "--write",
    "directory",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write one file for each kind into this directory.",
)
def command(kind: str | None, name: str, directory: Path | None) -> None:
    """Print the JSON Schema of a kind of file, for editors and other programs.

    KIND is lighthouse, logging, balancer NAME, discovery NAME, cluster or service; NAME is that
    of a plugin. Without KIND: which there are. What plugins say of their own keys is in it, each
    asked in a process of its own; of one that cannot say, any key is let pass, and the reason is
    told on standard error.
    """
    installed = Installed.here()
    if kind is not None:
        if directory is not None:
            raise click.UsageError("--write writes all kinds: leave KIND out")
        meant = _meant(kind, name, installed)
        say(_encoded(_schemas([meant], installed)[meant]).rstrip())
    elif directory is None:
        for each in _everything(installed):
            say(plain(" ".join(filter(None, each))))
    else:
        for path in write_all(directory):
            say(plain(path))


def write_all(directory: Path) -> Iterator[Path]:
    """Write the schema of each kind of file into a directory; yields where each is."""
    installed = Installed.here()
    directory.mkdir(parents=True, exist_ok=True)
    for meant, schema in _schemas([*_everything(installed)], installed).items():
        path = directory / f"{'-'.join(filter(None, meant))}.json"
        _write(path, _encoded(schema))
        yield path


def _everything(installed: Installed) -> Iterator[FileMeant]:
    yield from ((kind, "") for kind in _SINGLE)
    yield from ((kind, name) for kind in _OF_ONE for name in sorted(installed.names(kind)))
    yield from ((kind, "") for kind in _OF_ALL)


def _meant(kind: str, name: str, installed: Installed) -> FileMeant:
    if kind not in _OF_ONE:
        if name:
            raise click.UsageError(f"{kind} takes no NAME")
        return kind, ""
    if wrong := installed.nearest(kind, name):
        told = f"no {kind} plugin {plain(name)} is installed" if name else "NAME is missing"
        raise CommandFailure(f"{told}; {plain(wrong)}")
    return kind, name


def _schemas(wanted: list[FileMeant], installed: Installed) -> dict[FileMeant, JsonSchema]:
    """The schema of each of these files; what of a plugin cannot be had is told."""
    keys: set[PluginKey] = set()
    for kind, name in wanted:
        names = installed.names(_OF_ALL[kind]) if kind in _OF_ALL else [name] if name else []
        keys |= {(_OF_ALL.get(kind, kind), each) for each in names}
    parts = descriptions(keys, installed)
    for key, part in sorted(parts.items()):
        if part.reason:
            told = f"{' '.join(key)}: any key is let pass, since it cannot say which it has"
            say(plain(f"lighthouse: {told}: {part.reason}"), err=True)
    return {meant: _schema(*meant, parts) for meant in wanted}


def _schema(kind: str, name: str, parts: dict[PluginKey, PluginSchema]) -> JsonSchema:
    if kind in _SINGLE:
        return documents.single(kind)
    if kind in _OF_ONE:
        return documents.plugin_file((kind, name), parts[kind, name])
    own = {key: part for key, part in parts.items() if key[0] == _OF_ALL[kind]}
    return documents.cluster_file(own) if kind == "cluster" else documents.service_file(own)


def _encoded(schema: JsonSchema) -> bytes:
    return msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"


def _write(path: Path, content: bytes) -> None:
    """Put a file there, whole or not at all, in place of one that is there."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), _MODE)
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
