"""The suite of checks against one that is right, and against many that are wrong."""

import socketserver
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from lighthouse.testing import CheckConformance
from lighthouse.testing.conformance.plugin import Config
from tests.conformance.check_plugins import RIGHT, WRONG
from tests.conformance.conftest import PluginSite
from tests.conformance.wrong import Wrong, caught


class Greeter(socketserver.StreamRequestHandler):
    """Greets whoever sends the right word, or nothing; others are sent away."""

    def handle(self) -> None:
        self.connection.settimeout(0.05)
        try:
            said = self.rfile.readline()
        except OSError:
            said = b"right"
        self.wfile.write(b"own 1.0\n" if said.strip() == b"right" else b"go away\n")


@pytest.fixture(scope="module", autouse=True)
def greeter() -> Iterator[None]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Greeter) as server:
        OwnCheck.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield
        server.shutdown()
        thread.join()


class OwnCheck(CheckConformance):
    """What an author would write for the plugin ``own``."""

    plugin = "own"
    bad_configs: ClassVar[Mapping[str, Config]] = {"expect": {"expect": 5}}
    timeout = 0.5
    answer = b"own 1.0 which is a text that is longer than half of it\n"
    password = "right"
    port: ClassVar[int]

    def config(self, directory: Path) -> Config:
        return {"expect": "own"}

    def healthy(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    def with_secret(self, file: Path) -> Config:
        return {"expect": "own", "password": {"file": str(file)}}


class TestRight(OwnCheck):
    @pytest.fixture(autouse=True)
    def installed(self, site: PluginSite) -> None:
        site.add("check", "own", RIGHT)


@pytest.mark.slow
@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name.replace(" ", "-"))
def test_a_wrong_check_is_caught_for_what_is_wrong(wrong: Wrong, site: PluginSite) -> None:
    site.add("check", "own", wrong.of(RIGHT))
    caught(OwnCheck, wrong)
