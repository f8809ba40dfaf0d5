"""Which node a person means, and why a cluster is not served yet."""

from typing import Any

import pytest

from lighthouse.config.schema.policy import Policy
from lighthouse.config.schema.types import ClusterFile, Config, PluginFile, WorkerSettings
from lighthouse.discovery import Reading
from lighthouse.ipc.control import GetServed, Served
from lighthouse.membership.source import SourceReading
from lighthouse.node import Node
from lighthouse.registration.identity import HostIdentity
from lighthouse.supervisor.answers.served import served
from lighthouse.supervisor.state import State

WEB = ClusterFile("web", ("files",), None, Policy(), {"own": {}}, "clusters/web.yaml")
OWN = PluginFile("own", "own", WorkerSettings(), {}, "balancers/own.yaml")


@pytest.mark.parametrize("text", ["a.example:80", "a.example", "10.0.0.1:80", "10.0.0.1"])
def test_a_node_by_any_of_its_names(text: str) -> None:
    assert Node("a.example", "10.0.0.1", 80).goes_by(text)
    assert not Node("b.example", "10.0.0.2", 80).goes_by(text)


@pytest.mark.parametrize("text", ["a:81", "a:8", "10.0.0.1:8", "10.0.0", "80", ":80", ""])
def test_a_part_of_a_name_is_none(text: str) -> None:
    assert not Node("a", "10.0.0.1", 80).goes_by(text)


def test_an_address_of_version_6_takes_brackets_before_a_port() -> None:
    node = Node("a", "2001:db8::1", 80)
    assert node.goes_by("[2001:db8::1]:80")
    assert node.goes_by("2001:db8::1")
    assert not node.goes_by("2001:db8::1:80")


def reasons(state: State, **question: Any) -> Served:
    return served(state, [], GetServed("web", **question))


def test_the_reason_is_the_first_thing_that_lacks() -> None:
    state = State(Config(), HostIdentity("here", "10.0.0.1"), {})
    assert reasons(state).error == "no cluster web; there are: none"
    state.configure(Config(clusters={"web": WEB}), 0.0)
    assert reasons(state).error == "no balancer of this host uses cluster web"
    state.configure(Config(clusters={"web": WEB}, balancers={"own": OWN}), 0.0)
    assert reasons(state).waiting == (
        "no discovery (files) has answered for web yet; `lighthouse explain web` tells why",
    )
    nodes = tuple(Node(name, "10.0.0.1", port) for port, name in enumerate("abcd", 80))
    state.observe("files", "web", SourceReading(Reading(nodes), 1.0), 0.0)
    assert reasons(state, node="e").waiting == ("e is none of the 4 nodes of web",)
    assert reasons(state, node="a").waiting == ("balancer own: its worker does not run",)
    assert reasons(state, node="a", absent=True).waiting == ("web still has a:80",)
    state.observe("files", "web", SourceReading(Reading(), 2.0), 1.0)
    (held,) = reasons(state, node="a", absent=True).waiting
    assert held == "the shrink guard holds a:80 back in web"
