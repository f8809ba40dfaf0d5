"""What tests of software get: HAProxy's world for each binary, and services behind it."""

from collections.abc import Iterator

import pytest

from tests.backends import Backend, Backends
from tests.software.haproxy_world import EACH_BINARY, World, new_world


@pytest.fixture(params=EACH_BINARY)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with new_world(request.param) as found:
        yield found


@pytest.fixture
def http() -> Iterator[Backends]:
    servers = Backends(3)
    yield servers
    servers.close()


@pytest.fixture
def backends() -> Iterator[list[Backend]]:
    found = [Backend(f"b{number}") for number in range(3)]
    yield found
    for backend in found:
        backend.close()
