"""The status document tells of the nodes as they are, though it keeps what has not changed."""

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from lighthouse.config.schema.policy import Policy
from lighthouse.config.schema.types import ClusterFile, Config, ServiceFile
from lighthouse.daemon.explanation_document import ExplanationDocument
from lighthouse.daemon.status_document import NodeStatus, StatusDocument, parse
from lighthouse.discovery import Reading, Refusal
from lighthouse.membership.source import SourceConnection, SourceReading
from lighthouse.node import Node
from lighthouse.registration.identity import HostIdentity
from lighthouse.supervisor.answers.status import StatusReport
from lighthouse.supervisor.loop.internal_errors import InternalErrors
from lighthouse.supervisor.state import State

HERE = HostIdentity("here", "10.0.0.1")
NODES = tuple(Node(f"n{n}", f"10.0.0.{n}", 80, n, {"zone": "a"}) for n in range(3))


def cluster(name: str) -> ClusterFile:
    return ClusterFile(name, ("files",), None, Policy(), {}, f"clusters/{name}.yaml")


def report(state: State, own: Iterable[str] = ()) -> StatusReport:
    return StatusReport(Path("/c"), state, [], list, lambda: own, InternalErrors(), bool)


def shown_nodes(status: StatusReport) -> dict[str, Any]:
    found = json.loads(msgspec.json.encode(status.document()))["clusters"]
    return {cluster["name"]: cluster["nodes"] for cluster in found}


def test_the_nodes_are_those_of_the_moment() -> None:
    state = State(Config(), HERE, {})
    status = report(state)
    state.configure(Config(clusters={name: cluster(name) for name in ("a", "b")}), 0.0)
    state.observe("files", "a", SourceReading(Reading(NODES), 1.0), 0.0)
    first = shown_nodes(status)
    assert first["b"] == []
    assert first["a"][1] == {
        "name": "n1:80",
        "host": "n1",
        "ip": "10.0.0.1",
        "port": 80,
        "weight": 1,
        "metadata": {"zone": "a"},
        "notes": [],
    }
    state.observe("files", "b", SourceReading(Reading(NODES[:1]), 2.0), 0.0)
    second = shown_nodes(status)
    assert second["a"] == first["a"]
    assert [node["name"] for node in second["b"]] == ["n0:80"]
    state.configure(Config(clusters={"b": cluster("b")}), 3.0)
    assert shown_nodes(status).keys() == {"b"}


def test_the_own_problems_of_the_supervisor_are_part_of_the_document() -> None:
    well, ill = State(Config(), HERE, {}), ["the state cannot be written"]
    assert report(well).document().healthy
    document = report(well, ill).document()
    assert (document.healthy, document.problems) == (False, tuple(ill))


def test_what_is_written_is_what_is_read() -> None:
    state = State(Config(), HERE, {})
    service = ServiceFile(
        "web", "127.0.0.1", (80,), ("files",), None, 1, {}, (), "services/s.yaml"
    )
    state.configure(Config(clusters={"a": cluster("a")}, services={"s": service}), 0.0)
    state.observe("files", "a", SourceReading(Reading(NODES, (Refusal("x", "no ip"),)), 1.0), 0.0)
    written = report(state).document()
    text = msgspec.json.encode(written)
    read = parse(text)
    assert msgspec.json.encode(read) == text
    assert msgspec.to_builtins(read.services) == msgspec.to_builtins(written.services)
    (shown,) = read.clusters
    nodes = msgspec.json.decode(shown.nodes, type=list[NodeStatus])
    assert [(node.name, node.weight) for node in nodes] == [
        ("n0:80", 0),
        ("n1:80", 1),
        ("n2:80", 2),
    ]
    assert (shown.refused[0].record, shown.sources[0].nodes) == ("x", 3)


def test_the_age_of_a_cluster_does_not_grow_while_its_source_is_there() -> None:
    state = State(Config(), HERE, {})
    state.configure(Config(clusters={"a": cluster("a")}), 0.0)
    (unknown,) = report(state).document().clusters
    assert (unknown.age_seconds, unknown.changed_at) == (None, None)
    state.observe("files", "a", SourceReading(Reading(NODES), 1.0), 0.0)
    (there,) = report(state).document().clusters
    assert (there.age_seconds, there.changed_at) == (0.0, 1.0)
    long_ago = time.monotonic() - 90
    state.link("files", SourceConnection("suspended", "gone", long_ago))
    (away,) = report(state).document().clusters
    assert away.age_seconds == pytest.approx(90, abs=30)
    assert away.changed_at == 1.0


def _keys(kind: Any) -> Iterator[str]:
    """The keys of a document, however deep."""
    for field in msgspec.structs.fields(kind):
        yield field.encode_name
        for part in (field.type, *get_args(field.type)):
            if isinstance(part, type) and issubclass(part, msgspec.Struct):
                yield from _keys(part)


@pytest.mark.parametrize("kind", [StatusDocument, NodeStatus, ExplanationDocument])
def test_every_key_is_in_the_manual(kind: type[msgspec.Struct]) -> None:
    manual = (Path(__file__).parents[2] / "docs/operations.md").read_text()
    assert [key for key in _keys(kind) if f'"{key}"' not in manual] == []
