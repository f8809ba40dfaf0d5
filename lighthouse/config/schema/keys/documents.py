"""The JSON Schema of each kind of file, with the parts that plugins describe."""

from collections.abc import Mapping
from typing import Any, Final

from lighthouse import __version__
from lighthouse.config.schema.keys.daemon import PLUGIN
from lighthouse.config.schema.keys.files import TABLES
from lighthouse.config.schema.keys.service import CHECK
from lighthouse.config.schema.keys.table import JsonSchema, KeyTable
from lighthouse.distribution.installed import PluginKey
from lighthouse.ipc.payloads import PluginSchema

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_REF: Final = "#/$defs/"
_OPEN: Final[JsonSchema] = {"type": ["object", "null"]}


def single(name: str) -> JsonSchema:
    """Of ``lighthouse.yaml`` or ``logging.yaml``, by its stem."""
    return _document(f"{name}.yaml", TABLES[name].schema, {})


def plugin_file(key: PluginKey, part: PluginSchema) -> JsonSchema:
    """Of a file of ``balancers/`` or ``discovery/`` for this plugin."""
    definitions: JsonSchema = {}
    own = _adopted(part.settings, key, definitions)
    directory = "balancers" if key[0] == "balancer" else "discovery"
    return _document(f"{directory}/{key[1]}.yaml", _with(PLUGIN, own), definitions)


def cluster_file(parts: Mapping[PluginKey, PluginSchema]) -> JsonSchema:
    """Of a file of ``clusters/``; the parts are those of the balancers that there are."""
    definitions: JsonSchema = {}
    schema = TABLES["clusters"].schema
    for key, part in sorted(parts.items()):
        section = _adopted(part.section, key, definitions) or dict(_OPEN)
        if not section.get("required"):
            section["type"] = ["object", "null"]
        section["description"] = f"What the cluster is for the balancer {key[1]}."
        schema["properties"].setdefault(key[1], section)
    return _document("clusters/NAME.yaml", schema, definitions)


def service_file(parts: Mapping[PluginKey, PluginSchema]) -> JsonSchema:
    """Of a file of ``services/``; the parts are those of the checks that there are."""
    definitions: JsonSchema = {}
    schema = TABLES["services"].schema
    checks = schema["properties"]["checks"]
    checks["additionalProperties"] = False
    for key, part in sorted(parts.items()):
        own = _with(CHECK, _adopted(part.settings, key, definitions))
        own["description"] = f"The check {key[1]}."
        checks["properties"].setdefault(key[1], own)
    return _document("services/NAME.yaml", schema, definitions)


def _document(file: str, schema: JsonSchema, definitions: JsonSchema) -> JsonSchema:
    title = f"{file} of Lighthouse {__version__}"
    found = {"$schema": DIALECT, "title": title, **schema}
    return {**found, "$defs": definitions} if definitions else found


def _with(table: KeyTable, own: JsonSchema | None) -> JsonSchema:
    """A map that has both Lighthouse's keys and the plugin's, if it says which it has."""
    schema = table.schema
    if own is None or "properties" not in own:
        return schema
    schema["properties"] = {**own["properties"], **schema["properties"]}
    schema["additionalProperties"] = own.get("additionalProperties", True)
    if own.get("required"):
        schema |= {"required": own["required"], "type": "object"}
    return schema


def _adopted(
    part: JsonSchema | None, key: PluginKey, definitions: JsonSchema
) -> JsonSchema | None:
    """A plugin's part with what it refers to moved into the ``definitions`` of the document."""
    if part is None:
        return None
    prefix = f"{_REF}{'.'.join(key)}."
    found: JsonSchema = _renamed(part, prefix)
    for name, definition in found.pop("$defs", {}).items():
        definitions[f"{'.'.join(key)}.{name}"] = definition
    found.pop("title", None)
    return found


def _renamed(value: Any, prefix: str) -> Any:
    """The same with every reference to a definition led to the one with this prefix."""
    if isinstance(value, list):
        return [_renamed(entry, prefix) for entry in value]
    if not isinstance(value, dict):
        return value
    found = {key: _renamed(entry, prefix) for key, entry in value.items()}
    if isinstance(value.get("$ref"), str):
        found["$ref"] = value["$ref"].replace(_REF, prefix, 1)
    return found
