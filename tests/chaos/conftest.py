"""A whole host with a real HAProxy, three real services behind it, and traffic."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends import Backend
from tests.fleet import Fleet, running
from tests.waiting import eventually


@pytest.fixture
def backends() -> Iterator[list[Backend]]:
    """Three services that answer with their names."""
    servers = [Backend(f"b{n}") for n in range(3)]
    yield servers
    for server in servers:
        server.close()


@pytest.fixture
def fleet(tmp_path: Path, backends: list[Backend]) -> Iterator[Fleet]:
    """A running daemon whose cluster ``web`` has the three services as nodes."""
    with running(tmp_path) as fleet:
        fleet.cluster("web")
        for backend in backends:
            fleet.node("web", backend.name, backend.port)
        fleet.start()
        eventually(lambda: len(fleet.serving("web")) == 3, 30)
        yield fleet
        fleet.close()
        assert fleet.leftovers() == []
