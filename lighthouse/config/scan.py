"""Which files make up the tree."""

import difflib
import os
from pathlib import Path
from typing import Final, Literal

import msgspec

from lighthouse.config.fault import Fault
from lighthouse.node import is_cluster_name

FileKind = Literal["lighthouse", "logging", "balancers", "discovery", "clusters", "services"]

DIRECTORIES: Final[tuple[FileKind, ...]] = ("balancers", "discovery", "clusters", "services")
SINGLE: Final[tuple[FileKind, ...]] = ("lighthouse", "logging")
_SUFFIXES: Final = (".yaml", ".yml")
_LIKENESS: Final = 0.8


class FoundFile(msgspec.Struct, frozen=True):
    """A file of the tree: its name relative to it, and what ``stat`` says or why it failed."""

    file: str
    kind: FileKind
    stem: str
    stat: os.stat_result | OSError


class Listing(msgspec.Struct, frozen=True):
    """The files sorted by name, the directories that could not be read, and the faults.

    ``strays`` are names of config files beside the directories that mean nothing there.
    """

    files: tuple[FoundFile, ...] = ()
    strays: tuple[str, ...] = ()
    unread: frozenset[str] = frozenset()
    faults: tuple[Fault, ...] = ()


def is_config_name(name: str) -> bool:
    """Return True if a file of this name counts: not editors' temporary files and backups."""
    return name.endswith(_SUFFIXES) and not name.startswith((".", "#", "~"))


def scan(root: Path) -> Listing:
    """What is there now; raises ``OSError`` if the tree itself cannot be read."""
    files: list[FoundFile] = []
    strays: list[str] = []
    unread: set[str] = set()
    faults: list[Fault] = []
    with os.scandir(root) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name in DIRECTORIES:
                continue
            known = kind_of(entry.name)
            if known:
                files.append(_found(entry, entry.name, *known))
            elif misnamed := _misnamed(entry):
                faults.extend(misnamed)
            elif is_config_name(entry.name):
                strays.append(entry.name)
    for kind in DIRECTORIES:
        try:
            _scan_directory(root, kind, files, faults)
        except FileNotFoundError as error:
            if os.path.islink(root / kind):
                unread.add(kind)
                faults.append(Fault(kind, 1, 1, _reason(error)))
        except OSError as error:
            unread.add(kind)
            faults.append(Fault(kind, 1, 1, _reason(error)))
    return Listing(tuple(files), tuple(strays), frozenset(unread), tuple(faults))


def _scan_directory(
    root: Path, kind: FileKind, files: list[FoundFile], faults: list[Fault]
) -> None:
    with os.scandir(root / kind) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if not is_config_name(entry.name):
                continue
            file = f"{kind}/{entry.name}"
            known = kind_of(file)
            if known:
                files.append(_found(entry, file, *known))
            else:
                message = "a file's name must be 1 to 63 of A-Z a-z 0-9 _ . - before .yaml"
                faults.append(Fault(_printable(file), 1, 1, message))


def kind_of(file: str) -> tuple[FileKind, str] | None:
    """Kind and stem of a file that counts, by its name relative to the tree."""
    directory, _, name = file.rpartition("/")
    stem = name.rpartition(".")[0]
    kind = next((kind for kind in DIRECTORIES if kind == directory), None)
    if not directory:
        kind = next((kind for kind in SINGLE if kind == stem), None)
    return (kind, stem) if kind and is_config_name(name) and is_cluster_name(stem) else None


def _found(entry: os.DirEntry[str], file: str, kind: FileKind, stem: str) -> FoundFile:
    try:
        return FoundFile(file, kind, stem, entry.stat())
    except OSError as error:
        return FoundFile(file, kind, stem, error)


def _misnamed(entry: os.DirEntry[str]) -> list[Fault]:
    """A fault for what was probably meant to be part of the tree."""
    if is_config_name(entry.name):
        names = [f"{kind}.yaml" for kind in SINGLE]
    elif entry.is_dir():
        names = list(DIRECTORIES)
    else:
        return []
    close = difflib.get_close_matches(entry.name, names, n=1, cutoff=_LIKENESS)
    message = f"this is not read; did you mean '{close[0]}'?" if close else ""
    return [Fault(_printable(entry.name), 1, 1, message)] if close else []


def _reason(error: OSError) -> str:
    return f"cannot be read: {error.strerror}; what it held stays in force"


def _printable(name: str) -> str:
    return name if name.isprintable() else ascii(name)
