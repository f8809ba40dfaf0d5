"""A host without a default route, which gets one, and another address, while the daemon runs."""

import json
from collections.abc import Iterator

import pytest

from tests.fleet import Fleet
from tests.network import Network, network
from tests.waiting import eventually

pytestmark = [
    pytest.mark.needs("namespaces"),
    pytest.mark.timeout(120),
]


@pytest.fixture
def net() -> Iterator[Network]:
    with network("host") as net:
        yield net


@pytest.fixture
def site(fleet: Fleet, net: Network) -> Fleet:
    """A daemon that advertises nothing, on a host of its own, with one service."""
    _settings(fleet)
    fleet.write("services/solo.yaml", {"port": 9, "discovery": "files"})
    (fleet.nodes / "solo").mkdir()
    with net.inside("host"):
        fleet.start()
    return fleet


def _settings(fleet: Fleet, **changes: str) -> None:
    directories = {"run_dir": str(fleet.run_dir), "state_dir": str(fleet.root / "state")}
    fleet.write("lighthouse.yaml", {**directories, **changes})


def _addresses(fleet: Fleet) -> list[str]:
    found = [json.loads(path.read_text()) for path in (fleet.nodes / "solo").glob("*.json")]
    return sorted(node["ip"] for node in found)


def _stands_at(fleet: Fleet, *addresses: str) -> None:
    eventually(lambda: _addresses(fleet) == sorted(addresses), 20, f"at {addresses}")


def _route(net: Network, *change: str) -> None:
    net.ip("host", "route", *change)


def test_a_service_is_registered_as_soon_as_its_host_has_an_address(
    site: Fleet, net: Network
) -> None:
    """And never as anything that others would take for themselves."""
    service = eventually(lambda: site.status()["services"], 20)[0]
    assert (service["up"], service["registered"]) == (True, False)
    assert "no default route" in service["reason"]
    assert "advertise" in service["registrations"][0]["reason"]
    status = site.status()
    assert any("solo: not registered: " in text for text in status["problems"])
    assert not status["healthy"]
    assert site.lighthouse("explain", "solo").returncode != 2
    assert _addresses(site) == []

    _route(net, "add", "default", "via", "10.213.0.200")
    _stands_at(site, "10.213.0.1")
    eventually(lambda: site.status()["services"][0]["registered"], 20)
    assert not any("not registered" in text for text in site.status()["problems"])


def test_another_address_moves_the_registration(site: Fleet, net: Network) -> None:
    _route(net, "add", "default", "via", "10.213.0.200")
    _stands_at(site, "10.213.0.1")
    net.ip("host", "addr", "add", "10.213.0.77/24", "dev", "eth0")
    _route(net, "replace", "default", "via", "10.213.0.200", "src", "10.213.0.77")
    _stands_at(site, "10.213.0.77")
    _settings(site, advertise="10.9.9.9")
    _stands_at(site, "10.9.9.9")
    _settings(site)
    _stands_at(site, "10.213.0.77")
    _route(net, "del", "default")
    log = site.log.read_text()
    assert "reached at 10.213.0.77" in log
    # Without a route the address that it had stays, though the configuration is read again.
    site.write("services/more.yaml", {"port": 10, "discovery": "files"})
    eventually(lambda: (site.nodes / "more").is_dir() and [*(site.nodes / "more").iterdir()], 20)
    assert _addresses(site) == ["10.213.0.77"]


@pytest.mark.parametrize("source", ["127.0.0.1", "169.254.7.7"])
def test_an_address_that_nobody_else_can_reach_is_registered_only_if_asked_for(
    site: Fleet, net: Network, source: str
) -> None:
    net.ip("host", "addr", "replace", f"{source}/16", "dev", "eth0")
    _route(net, "add", "default", "via", "10.213.0.200", "src", source)
    eventually(lambda: "no default route" in site.status()["services"][0]["reason"], 20)
    _settings(site, advertise=source)
    _stands_at(site, source)


def test_a_host_that_has_ipv6_only_is_registered_with_that(site: Fleet, net: Network) -> None:
    net.ip("host", "addr", "add", "2001:db8:7::5/64", "dev", "eth0", "nodad")
    net.ip("host", "-6", "route", "add", "default", "via", "2001:db8:7::1")
    _stands_at(site, "2001:db8:7::5")
