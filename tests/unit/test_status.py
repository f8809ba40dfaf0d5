"""The status document tells of the nodes as they are, though it keeps what has not changed."""

import json
from pathlib import Path
from typing import Any

import msgspec

from lighthouse.config.policy import Policy
from lighthouse.config.types import ClusterFile, Config
from lighthouse.discovery import Reading
from lighthouse.membership.source import SourceReading
from lighthouse.node import Node
from lighthouse.registration.identity import HostIdentity
from lighthouse.supervisor.answers.status import Shown, document
from lighthouse.supervisor.state import State

NODES = tuple(Node(f"n{n}", f"10.0.0.{n}", 80, n, {"zone": "a"}) for n in range(3))


def cluster(name: str) -> ClusterFile:
    return ClusterFile(name, ("files",), None, Policy(), {}, f"clusters/{name}.yaml")


def shown_nodes(state: State, shown: Shown) -> dict[str, Any]:
    status = document(state, Path("/c"), [], [], 0.0, shown)
    found = json.loads(msgspec.json.encode(status))["clusters"]
    return {cluster["name"]: cluster["nodes"] for cluster in found}


def test_the_nodes_are_those_of_the_moment() -> None:
    state, shown = State(Config(), HostIdentity("here", "10.0.0.1"), {}), Shown()
    state.configure(Config(clusters={name: cluster(name) for name in ("a", "b")}), 0.0)
    state.observe("files", "a", SourceReading(Reading(NODES), 1.0), 0.0)
    first = shown_nodes(state, shown)
    assert first["b"] == []
    assert first["a"][1] == {
        "name": "n1:80",
        "host": "n1",
        "ip": "10.0.0.1",
        "port": 80,
        "weight": 1,
        "metadata": {"zone": "a"},
    }
    state.observe("files", "b", SourceReading(Reading(NODES[:1]), 2.0), 0.0)
    second = shown_nodes(state, shown)
    assert second["a"] == first["a"]
    assert [node["name"] for node in second["b"]] == ["n0:80"]
    state.configure(Config(clusters={"b": cluster("b")}), 3.0)
    assert shown_nodes(state, shown).keys() == {"b"}
