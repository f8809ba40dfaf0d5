"""A tree of the 2016 lighthouse: the same files, with the balancers in their directory."""

from pathlib import Path
from typing import Final

from lighthouse.convert.conversion import Conversion
from lighthouse.convert.source import SourceFault, read

_FOLDERS: Final = ("balancers", "clusters", "discovery", "services")
_ENDINGS: Final = (".yaml", ".yml")
_PATHS: Final = ("config_file", "socket_file", "pid_file")
_OWN: Final = ("lighthouse", "logging")


def convert(root: Path) -> Conversion:
    """Return the tree. Raises ``SourceFault``, ``OSError``."""
    to = Conversion()
    if not any((root / folder).is_dir() for folder in _FOLDERS):
        raise SourceFault(f"{root}: none of its directories is one of {', '.join(_FOLDERS)}")
    claimed: dict[str, str] = {}
    for file in sorted(_yaml(root), key=lambda file: (file.stem != "haproxy", file.name)):
        if file.stem in _OWN:
            to.add_text(file.name, file.read_text(encoding="utf-8"))
        else:
            _balancer(to, file, claimed)
    for folder in _FOLDERS:
        for file in _yaml(root / folder):
            document = read(file)
            name = f"{folder}/{file.stem}.yaml"
            if not to.add_text(name, file.read_text(encoding="utf-8")):
                to.leave(document, (), f"there is another file for {name}: left out")
    return to


def _balancer(to: Conversion, file: Path, claimed: dict[str, str]) -> None:
    """A balancer's file beside the directories; two of one HAProxy are one too many."""
    document = read(file)
    data = document.data if isinstance(document.data, dict) else {}
    plugin = "haproxy" if "haproxy" in file.stem or "config_file" in data else file.stem
    for key in _PATHS:
        path = data.get(key)
        if isinstance(path, str) and claimed.setdefault(path, file.name) != file.name:
            to.leave(document, (key,), f"{path} is that of {claimed[path]} already: left out")
            return
    text = file.read_text(encoding="utf-8")
    if plugin != file.stem and "plugin" not in data:
        text = f"plugin: {plugin}\n{text}"
    to.add_text(f"balancers/{file.stem}.yaml", text)


def _yaml(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    hidden = (".", "#", "~")
    return sorted(
        file
        for file in folder.iterdir()
        if file.is_file() and file.suffix in _ENDINGS and not file.name.startswith(hidden)
    )
