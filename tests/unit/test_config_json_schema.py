"""The JSON Schemas say what the readers do: both come from one table, or one struct."""

from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lighthouse.config.schema import reader
from lighthouse.config.schema.document import Broken, parse
from lighthouse.config.schema.keys.documents import cluster_file, plugin_file, service_file, single
from lighthouse.config.schema.keys.files import TABLES
from lighthouse.config.schema.keys.table import (
    KeyTable,
    OneOrMany,
    Shorthand,
    Switchable,
    ValueKind,
    Variants,
)
from lighthouse.config.schema.section import SectionReader
from lighthouse.config.schema.types import WorkerSettings
from lighthouse.distribution.origin import GROUPS
from lighthouse.ipc.payloads import PluginSchema
from lighthouse.plugin import Plugin
from lighthouse.schema import Problem
from lighthouse.workers.loading.description import describe, schema_of
from tests.unit.test_config_reader import FAULTS

Document = Any

READERS: Mapping[str, Callable[[SectionReader], object]] = {
    "lighthouse": lambda section: reader.daemon(section, Path("/")),
    "logging": reader.log_config,
    "balancers": lambda section: reader.plugin(section, "x", "x", WorkerSettings()),
    "discovery": lambda section: reader.plugin(section, "x", "x", WorkerSettings()),
    "clusters": lambda section: reader.cluster(section, "x", "x"),
    "services": lambda section: reader.service(section, "x", "x"),
}
OPEN = PluginSchema()
SCHEMAS = {
    "lighthouse": single("lighthouse"),
    "logging": single("logging"),
    "balancers": plugin_file(("balancer", "haproxy"), OPEN),
    "discovery": plugin_file(("discovery", "file"), OPEN),
    "clusters": cluster_file({("balancer", "haproxy"): OPEN, ("balancer", "hosts"): OPEN}),
    "services": service_file({("check", "http"): OPEN, ("check", "tcp"): OPEN}),
}
WORDS = st.sampled_from(
    [
        "",
        "a",
        "root",
        "10.0.0.1",
        "::1",
        "10.0.0.1:80",
        "/a",
        "a b",
        "5s",
        "50%",
        "file",
        "\n",
        "7",
    ]
)
NOISE = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([-1, 0, 1, 0.5, 80, 65536, 1e9, [], {}, ["a", "a"], {"x": 1}, [[]]]),
    WORDS,
)


def documents(schema: Mapping[str, Any], root: Mapping[str, Any]) -> st.SearchStrategy[Document]:
    """Values that a schema describes, mostly, with some that it may not."""
    return st.integers(0, 19).flatmap(lambda n: NOISE if n == 0 else _meant(schema, root))


def _meant(schema: Mapping[str, Any], root: Mapping[str, Any]) -> st.SearchStrategy[Document]:
    if "$ref" in schema:
        return _meant(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "anyOf" in schema:
        return st.sampled_from(schema["anyOf"]).flatmap(lambda one: _meant(one, root))
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum", [schema.get("const")]))
    types = schema.get("type", "any")
    if isinstance(types, list):
        return st.sampled_from(types).flatmap(lambda one: _meant({**schema, "type": one}, root))
    match types:
        case "object":
            return _maps(schema, root)
        case "array":
            items = documents(schema.get("items", {}), root)
            return st.lists(items, min_size=schema.get("minItems", 0), max_size=2)
        case "string":
            return st.from_regex(schema["pattern"]) if "pattern" in schema else WORDS
        case "boolean":
            return st.booleans()
        case "integer" | "number":
            low, high = schema.get("minimum", 0), schema.get("maximum", 10**12)
            return st.sampled_from([low, high, low + 1, (low + high) // 2])
        case "null":
            return st.none()
    return NOISE


@st.composite
def _maps(draw: st.DrawFn, schema: Mapping[str, Any], root: Mapping[str, Any]) -> Document:
    properties = schema.get("properties", {})
    wanted = {*schema.get("required", ())}
    if "oneOf" in schema:
        wanted.update(draw(st.sampled_from(schema["oneOf"]))["required"])
    others = ["zone", "class", "http"] if schema.get("additionalProperties", True) else ["zone"]
    few = schema.get("maxProperties", 3)
    more = draw(st.lists(st.sampled_from([*properties, *others]), max_size=few, unique=True))
    if draw(st.integers(0, 19)) == 0:
        wanted = set()
    kinds = {name: properties.get(name, schema.get("additionalProperties")) for name in more}
    kinds |= {name: properties[name] for name in wanted}
    return {
        name: draw(documents(kind if isinstance(kind, dict) else {}, root))
        for name, kind in kinds.items()
    }


def is_valid(document: Document, schema: Mapping[str, Any]) -> bool:
    return jsonschema.Draft202012Validator(schema).is_valid(document)


def problems_of(kind: str, document: Document) -> list[Problem]:
    problems: list[Problem] = []
    READERS[kind](SectionReader(document, problems, TABLES[kind]))
    return problems


@pytest.mark.parametrize("kind", TABLES)
def test_what_a_reader_takes_is_valid(kind: str) -> None:
    taken = 0

    @given(documents(SCHEMAS[kind], SCHEMAS[kind]))
    @settings(max_examples=40, deadline=None)
    def compare(document: Document) -> None:
        nonlocal taken
        if not problems_of(kind, document):
            taken += 1
            assert is_valid(document, SCHEMAS[kind]), document

    compare()
    assert taken


UNSAID = {
    "lighthouse.yaml": ("advertise: 0.0.0.0\n", "worker: {memory: 1K}\n"),
    "logging.yaml": ("version: 1\nhandlers: {a: {}}\n", "version: 1\nroot: {handlers: [a]}\n"),
}
"""What only the readers can tell: what an address is, how much a text is, what a host has."""


@pytest.mark.parametrize(
    ("file", "text"), [(file, text) for file, table in FAULTS.items() for text, _ in table]
)
def test_a_mistake_is_one_for_both(file: str, text: str) -> None:
    try:
        document = parse(file, text.encode()).data
    except Broken:
        return
    kind = file.partition("/")[0].removesuffix(".yaml")
    told = bool(problems_of(kind, document))
    unsaid = text in UNSAID.get(file, ()) or any(word in text for word in HOSTS)
    assert is_valid(document, SCHEMAS[kind]) == (unsaid or not told)


HOSTS = ("no-such-user", 'a: "x\\ny"', "a\\t", ".nan", "formatter: f", "haprxy", "guard: {share")
"""Of the same kind, and sections of balancers that nobody has."""


def nested(table: KeyTable) -> Iterator[tuple[tuple[str, ...], KeyTable]]:
    """The table and those inside of it, with the keys that lead to them."""
    yield (), table
    inside = [(name, key.kind) for name, key in table.keys.items()]
    inside += [("other", table.others)] if table.others is not None else []
    for name, kind in inside:
        match kind:
            case KeyTable():
                tables = [((name,), kind)]
            case Switchable(own) | Shorthand(table=own):
                tables = [((name,), own)]
            case Variants(options):
                tables = [((name, option), own) for option, own in options.items()]
            case ValueKind() | OneOrMany():
                continue
        for path, own in tables:
            yield from (((*path, *more), part) for more, part in nested(own))


@pytest.mark.parametrize(
    ("kind", "path", "key"),
    [
        (kind, path, key)
        for kind, table in TABLES.items()
        for path, part in nested(table)
        for key in part.keys
    ],
)
def test_every_key_of_a_table_is_read(kind: str, path: tuple[str, ...], key: str) -> None:
    document: Document = {key: [[]]}
    for step in reversed(path):
        document = {step: document}
    told = [problem for problem in problems_of(kind, document) if key in problem.path]
    assert all(problem.path[: len(path) + 1] == (*path, key) for problem in told)
    assert told
    assert not any("unknown key" in problem.message for problem in told)


def plugins() -> list[tuple[str, str]]:
    return [
        (kind, point.name)
        for kind, group in GROUPS.items()
        for point in entry_points(group=group)
        if point.module.startswith("lighthouse.")
    ]


def loaded(kind: str, name: str) -> type[Plugin]:
    (point,) = entry_points(group=GROUPS[kind], name=name)
    plugin: type[Plugin] = getattr(point.load(), f"lighthouse_{kind}")()
    return plugin


@pytest.mark.parametrize(("kind", "name"), plugins())
def test_what_a_bundled_plugin_takes_is_valid(kind: str, name: str) -> None:
    plugin = loaded(kind, name)
    said = describe(plugin)
    assert said.settings is not None
    assert said.reason == ""
    _compare(plugin.validate_config, said.settings)
    if said.section is not None:
        _compare(plugin.validate_cluster_config, said.section)  # type: ignore[attr-defined]


def _compare(validate: Callable[[Document], None], schema: Mapping[str, Any]) -> None:
    @given(_meant(schema, schema))
    @settings(max_examples=8, deadline=None)
    def compare(config: Document) -> None:
        try:
            validate(config)
        except ValueError:
            return
        assert is_valid(config, schema), config

    compare()


@pytest.mark.parametrize(("kind", "name"), plugins())
def test_every_key_of_a_bundled_plugin_is_described(kind: str, name: str) -> None:
    said = describe(loaded(kind, name))
    parts = [part for part in (said.settings, said.section) if part is not None]
    parts += [inside for part in parts for inside in part.get("$defs", {}).values()]
    lacking = [
        f"{part['title']}.{key}"
        for part in parts
        for key, content in part.get("properties", {}).items()
        if not content.get("description")
    ]
    assert lacking == []


class Inner(msgspec.Struct):
    """``depth`` is in metres. Other things are said. ``inner`` is one more."""

    depth: Annotated[int, msgspec.Meta(ge=1)]
    inner: "Inner | None" = None


def test_a_key_has_what_its_struct_says_of_it() -> None:
    schema = schema_of(Inner)
    assert schema["properties"]["depth"]["description"] == "depth is in metres."
    assert schema["properties"]["inner"]["description"] == "inner is one more."
    assert schema["additionalProperties"] is False
    assert is_valid({"depth": 1, "inner": {"depth": 2}}, schema)
    assert not is_valid({"depth": 1, "inner": {"deep": 2}}, schema)
