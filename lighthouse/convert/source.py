"""Configuration files of other systems: YAML, JSON, TOML and HCL, with places of their keys."""

import importlib
import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from lighthouse import DISTRIBUTION
from lighthouse.config.fault import Fault
from lighthouse.config.schema.composer import YamlPosition
from lighthouse.config.schema.document import Broken, YamlDocument, parse

ENDINGS: Final = (".json", ".yaml", ".yml", ".toml", ".hcl")


class SourceFault(Exception):
    """A source that cannot be used; the text has its path and why."""


def read(path: Path) -> YamlDocument:
    """The content of one file; raises ``SourceFault``, ``OSError``."""
    content = path.read_bytes()
    try:
        if path.suffix == ".toml":
            return _placed(path, content, tomllib.loads)
        if path.suffix in (".hcl", ".ctmpl", ".conf"):
            return _placed(path, content, _hcl)
        # A tab is no space to YAML, which reads JSON otherwise, and no part of a text in JSON.
        text = content.replace(b"\t", b" ") if path.suffix == ".json" else content
        return parse(str(path), text)
    except Broken as broken:
        raise SourceFault(str(broken)) from broken


def _placed(path: Path, content: bytes, loads: Callable[[str], dict[str, Any]]) -> YamlDocument:
    """A document whose keys are found again in the text, each where it stands first."""
    try:
        text = content.decode()
        data = loads(text)
    except ValueError as error:
        raise SourceFault(str(Fault(str(path), 1, 1, str(error)))) from error
    return YamlDocument(str(path), data, _places(data, text, 0))


def _places(data: Any, text: str, start: int) -> YamlPosition:
    line = text.count("\n", 0, start) + 1
    column = start - text.rfind("\n", 0, start)
    inside: dict[str | int, YamlPosition] = {}
    if isinstance(data, dict):
        for key, value in data.items():
            found = re.compile(rf"(?<![\w-]){re.escape(key)}(?![\w-])")
            starts = [match.start() for match in found.finditer(text, start)] or [start]
            inside[key] = _places(value, text, starts[0])
            if isinstance(value, list):  # blocks of one name
                blocks = enumerate(zip(value, [*starts, *starts[-1:] * len(value)], strict=False))
                inside[key].inside = {at: _places(one, text, where) for at, (one, where) in blocks}
    return YamlPosition(line, column, inside)


def _hcl(text: str) -> dict[str, Any]:
    try:
        hcl2, lark = map(importlib.import_module, ("hcl2", "lark.exceptions"))
    except ImportError as error:
        need = f"pip install '{DISTRIBUTION}[convert]'"
        raise SourceFault(f"HCL needs the package python-hcl2: {need}") from error
    try:
        parsed: Any = hcl2.loads(text if text.endswith("\n") else f"{text}\n")
    except lark.LarkError as error:
        line = getattr(error, "line", 1)
        raise ValueError(f"line {line} is no HCL that is understood here") from error
    plain: dict[str, Any] = _plain(parsed)
    return plain


def _plain(value: Any) -> Any:
    """What the parser keeps of HCL's own notation is taken off: quotes, marks of blocks."""
    if isinstance(value, dict):
        return {k.strip('"'): _plain(v) for k, v in value.items() if k != "__is_block__"}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, str):
        return value
    inner = value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
    heredoc = re.fullmatch(r"<<-?(\w+)\n(.*\n)?\s*\1", inner, re.DOTALL)
    if heredoc:
        return heredoc[2] or ""
    try:
        return json.loads(f'"{inner}"') if inner is not value else value
    except ValueError:
        return inner
