"""Confd's directory: conf.d/*.toml and templates/."""

from pathlib import Path
from typing import Final

from lighthouse.convert.conversion import Conversion, Keys
from lighthouse.convert.places import Places
from lighthouse.convert.source import SourceFault, read
from lighthouse.convert.templates import Discovery, Made, add, of_keys

_RECORD: Final = '{"host": "web1", "ip": "10.0.0.1", "port": 80}; any other text is refused'
_GLOBAL: Final = {
    "interval": "a change is seen at once",
    "watch": "",
    "confdir": "",
    "log-level": "`log_level` of lighthouse.yaml",
    "noop": "`lighthouse plan` tells what would be done",
}


def convert(root: Path) -> Conversion:
    """Return what confd's directory is here. Raises ``SourceFault``, ``OSError``."""
    to = Conversion()
    places = Places(to, ())
    resources = sorted((root / "conf.d").glob("*.toml"))
    if not resources:
        raise SourceFault(f"{root}: there is no conf.d/*.toml: not a directory of confd's")
    own = root / "confd.toml"
    settings = None
    if own.exists():
        document = read(own)
        settings = Keys(to, document, (), document.data)
    prefix = (settings.text("prefix") if settings else None) or ""
    discovery = of_keys(places, settings, prefix)
    if settings is not None:
        settings.end(_GLOBAL)
    prefixes: dict[str, list[Made]] = {}
    for path in resources:
        own_prefix, made = _resource(to, root, path)
        prefixes.setdefault(own_prefix, []).append(made)
    for below, files in prefixes.items():
        add(to, files, _below(below, discovery))
    if any(name.startswith("clusters/") for name in to.files):
        to.note(str(root), 1, 1, f"a value of a node has to be a record: {_RECORD}")
    return to


def _below(prefix: str, discovery: Discovery) -> Discovery:
    return lambda called: discovery(f"{prefix.rstrip('/')}/{called.lstrip('/')}")


def _resource(to: Conversion, root: Path, path: Path) -> tuple[str, Made]:
    document = read(path)
    whole = Keys(to, document, (), document.data)
    keys = whole.map("template")
    whole.end({})
    source, target = keys.text("src"), keys.text("dest")
    if source is None or target is None:
        raise SourceFault(f"{path}: [template] has no src or no dest")
    template = root / "templates" / source
    mode = keys.text("mode")
    made = Made(
        template=template.read_text(encoding="utf-8"),
        source=str(template),
        lines=0,
        path=target,
        mode=mode,
        owner=_owner(keys, "owner", "uid"),
        group=_owner(keys, "group", "gid"),
        check=keys.text("check_cmd"),
        reload=keys.text("reload_cmd"),
    )
    prefix = keys.text("prefix") or ""
    keys.end({"keys": "", "left_delim": "templates with other delimiters are not converted"})
    return prefix, made


def _owner(keys: Keys, name: str, number: str) -> str | int | None:
    found = keys.text(name)
    if found is not None:
        return found
    uid = keys.number(number)
    return None if uid is None else int(uid)
