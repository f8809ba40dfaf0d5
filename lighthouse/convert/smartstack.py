"""Configurations of nerve and synapse, told apart by what they say."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from lighthouse.config.fault import Fault
from lighthouse.config.schema.document import YamlDocument
from lighthouse.convert import nerve, synapse
from lighthouse.convert.conversion import Conversion, Keys
from lighthouse.convert.places import Places
from lighthouse.convert.source import read


class Entry(NamedTuple):
    """One service, where it stands, and whether nerve reports it (else synapse watches it)."""

    name: str
    document: YamlDocument
    path: tuple[str, ...]
    content: dict[str, Any]
    reported: bool


def convert(documents: Iterable[YamlDocument], absent: Iterable[Fault] = ()) -> Conversion:
    """Return what the files of nerve and synapse are here; each may hold many services or one.

    ``absent`` are files that they name and that are not there.
    """
    to = Conversion()
    to.left.extend(absent)
    documents = list(documents)
    entries = [entry for document in documents for entry in _entries(document)]
    places = Places(to, _known(entries))
    watched = [entry.name for entry in entries if not entry.reported]
    for document in documents:
        if not isinstance(document.data, dict):
            to.leave(document, (), "is no configuration of nerve or synapse")
        elif "haproxy" in document.data and "discovery" not in document.data:
            synapse.of_host(to, Keys(to, document, (), document.data), watched)
        elif "services" in document.data or "service_conf_dir" in document.data:
            nerve.of_host(Keys(to, document, (), document.data))
        elif not _entries(document):
            to.leave(document, (), "is no configuration of nerve or synapse")
    for entry in entries:
        keys = Keys(to, entry.document, entry.path, entry.content)
        (nerve if entry.reported else synapse).service(to, places, entry.name, keys)
    return to


def gather(paths: Iterable[Path]) -> tuple[list[YamlDocument], list[Fault]]:
    """The files that are named, those of directories, and those that their settings name.

    Then the directories that they name and that are not there. Raises ``SourceFault`` and
    ``OSError``.
    """
    found: dict[Path, YamlDocument] = {}
    absent = []
    for path in paths:
        for file in _files(path):
            found.setdefault(file, read(file))
    for file, document in [*found.items()]:
        named = document.data.get("service_conf_dir") if isinstance(document.data, dict) else None
        if not isinstance(named, str):
            continue
        places = (Path(named), file.parent / named, file.parent / Path(named).name)
        folder = next((place for place in places if place.is_dir()), None)
        if folder is None:
            what = f"service_conf_dir: {named}: no such directory: its services are not converted"
            absent.append(Fault(str(file), *document.locate(("service_conf_dir",)), what, True))
            continue
        for one in _files(folder):
            found.setdefault(one, read(one))
    return list(found.values()), absent


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.suffix in (".json", ".yaml", ".yml"))


def _entries(document: YamlDocument) -> list[Entry]:
    data = document.data
    if not isinstance(data, dict):
        return []
    services = data.get("services")
    if isinstance(services, dict):
        return [
            Entry(name, document, ("services", name), content, _is_reported(content))
            for name, content in services.items()
            if isinstance(content, dict)
        ]
    if "discovery" in data or _is_reported(data):
        name = Path(document.file).name.split(".")[0]
        return [Entry(name, document, (), data, _is_reported(data))]
    return []


def _is_reported(content: dict[str, Any]) -> bool:
    marks = ("reporter_type", "check_interval", "checks", "zk_path", "etcd_path")
    return "discovery" not in content and any(mark in content for mark in marks)


def _known(entries: Iterable[Entry]) -> list[tuple[str, str]]:
    found = []
    for entry in entries:
        path = entry.content.get("zk_path")
        if path is None and isinstance(entry.content.get("discovery"), dict):
            path = entry.content["discovery"].get("path")
        if isinstance(path, str):
            found.append((entry.name, path))
    return found
