"""What a plugin's files may say, as JSON Schemas, out of the types that it declares."""

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from lighthouse.ipc.payloads import PluginSchema
from lighthouse.plugin import Plugin
from lighthouse.workers.boundary.limits import one_line
from lighthouse.workers.boundary.plugin_call import PluginError, call

_SENTENCE: Final = re.compile(r"(?<=\.)\s+(?=[`A-Z0-9])")
_REF: Final = "#/$defs/"


def describe(plugin: type[Plugin]) -> PluginSchema:
    """The schemas of its ``settings_type`` and ``section_type``, with reasons for what lacks."""
    found: dict[str, dict[str, Any] | None] = {}
    reasons = []
    for key in ("settings", "section"):
        try:
            found[key] = call(f"{key}_type", _described(plugin, f"{key}_type"))
        except PluginError as failure:
            reasons.append(failure.located)
    return PluginSchema(**found, reason=one_line("; ".join(reasons)))


def _described(plugin: type[Plugin], name: str) -> Callable[[], dict[str, Any] | None]:
    def look() -> dict[str, Any] | None:
        kind = getattr(plugin, name, None)
        if kind is None:
            return None
        if not isinstance(kind, type) or not issubclass(kind, msgspec.Struct):
            raise TypeError(f"{kind!r:.100} is no msgspec.Struct")
        return schema_of(kind)

    return look


def schema_of(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON Schema of maps that ``lighthouse.schema.convert`` takes as a struct.

    Unknown keys are refused, as they are there; a key's description is that of its field, or
    what the struct's docstring says of it.
    """
    (top,), parts = msgspec.json.schema_components([kind], ref_template=_REF + "{name}")
    for part in parts.values():
        _explain(part)
    name = top["$ref"].removeprefix(_REF)
    own = parts[name]
    if top["$ref"].encode() not in msgspec.json.encode(parts):
        del parts[name]
    return {**own, "$defs": parts} if parts else own


def _explain(part: dict[str, Any]) -> None:
    """Complete the schema of one struct."""
    if "properties" not in part:
        return
    part["additionalProperties"] = False
    sentences = _SENTENCE.split(" ".join(part.pop("description", "").split()))
    for name, key in part["properties"].items():
        about = [sentence for sentence in sentences if f"``{name}``" in sentence]
        if about and "description" not in key:
            key["description"] = " ".join(about).replace("``", "")
