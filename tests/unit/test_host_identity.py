"""Which addresses others can reach, and what is made of a host that has none."""

from typing import Any

import pytest

from lighthouse.config.schema.types import Config, DaemonSettings, ServiceFile
from lighthouse.net.address import is_reachable
from lighthouse.registration.identity import HostIdentity
from lighthouse.registration.published import Published, PublishedNode
from lighthouse.service import Verdict
from lighthouse.supervisor.plan import plan
from lighthouse.supervisor.state import State
from tests.unit.test_plan import APP, FILES


@pytest.mark.parametrize(
    ("address", "reachable"),
    [
        ("10.0.0.1", True),
        ("192.0.2.1", True),
        ("2001:db8::1", True),
        ("fd00::1", True),
        ("127.0.0.1", False),
        ("127.0.1.1", False),
        ("::1", False),
        ("169.254.0.9", False),
        ("fe80::1", False),
        ("0.0.0.0", False),
    ],
)
def test_loopback_and_link_local_addresses_are_nobody_elses(address: str, reachable: bool) -> None:
    assert is_reachable(address) is reachable


def _state(service: ServiceFile = APP, **daemon: Any) -> State:
    state = State(Config(), HostIdentity("here", None), {})
    config = Config(
        daemon=DaemonSettings(**daemon), discovery={"files": FILES}, services={"app": service}
    )
    state.configure(config, 0.0)
    for port in service.ports:
        state.services.checks.verdict("http", Verdict("app", port, True), 0.0)
    return state


def _told(state: State) -> tuple[list[str], list[str]]:
    """The addresses that the discovery is told to register, and to remove."""
    state.services.settle(state.config, 0.0)
    snapshot = plan(state)["discovery", "files"].snapshot
    return [s.node.ip for s in snapshot.up], [s.node.ip for s in snapshot.down]


def test_without_an_address_nothing_is_registered_and_nothing_that_stands_is_removed() -> None:
    first = _state(advertise="10.0.0.1")
    assert _told(first) == (["10.0.0.1"] * 2, [])
    nodes = [first.services.service("app", APP, port) for port in APP.ports]
    state = _state()
    state.services.published = Published(PublishedNode("files", node) for node in nodes if node)
    assert _told(state) == ([], [])
    state.services.checks.verdict("http", Verdict("app", 80, False), 0.0)
    assert _told(state) == ([], ["10.0.0.1"])


def test_the_address_of_the_configuration_is_the_one_that_is_read_last() -> None:
    state = _state(advertise="10.0.0.1")
    assert _told(state)[0] == ["10.0.0.1"] * 2
    changed = Config(
        daemon=DaemonSettings(advertise="10.0.0.2"),
        discovery=state.config.discovery,
        services=state.config.services,
    )
    state.configure(changed, 1.0)
    assert _told(state)[0] == ["10.0.0.2"] * 2


def test_another_host_name_moves_the_nodes() -> None:
    state = _state(advertise="10.0.0.1")
    _told(state)
    state.services.host = HostIdentity("renamed", None)
    state.services.settle(state.config, 1.0)
    snapshot = plan(state)["discovery", "files"].snapshot
    assert {s.node.host for s in snapshot.up} == {"renamed"}
