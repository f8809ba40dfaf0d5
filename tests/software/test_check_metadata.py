"""What a check finds out reaches the registration at once, and costs no flap."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fleet import Fleet, running
from tests.software.postgresql_world import pair
from tests.waiting import eventually

pytestmark = pytest.mark.needs("postgresql")


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with running(tmp_path) as found:
        (found.config / "balancers" / "haproxy.yaml").unlink()
        yield found


class Watch:
    """Looks at a cluster's directory again and again; remembers every different content."""

    def __init__(self, directory: Path) -> None:
        self.seen: list[dict[str, dict[str, Any]]] = []
        self._directory = directory
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.005):
            now = registered(self._directory)
            if not self.seen or self.seen[-1] != now:
                self.seen.append(now)


def registered(directory: Path) -> dict[str, dict[str, Any]]:
    """The nodes that stand in a cluster's directory, with what is said of each."""
    found = {}
    for path in directory.glob("[!.]*.json"):
        record = json.loads(path.read_text())
        found[path.name] = {key: record.get(key) for key in ("ip", "port", "weight", "metadata")}
    return found


def test_a_promotion_changes_the_registered_role_without_a_flap(fleet: Fleet) -> None:
    with pair() as servers:
        servers.primary.ask("create role lighthouse login in role pg_monitor")
        replica, directory = servers.replica, fleet.nodes / "orders"
        for server in (servers.primary, replica):
            server.allow("host all lighthouse 127.0.0.1/32 trust")
            server.reload()
        fleet.write(
            "services/orders.yaml",
            {
                "port": replica.port,
                "discovery": "files",
                "metadata": {"zone": "a"},
                "checks": {"postgresql": {"interval": 0.2, "timeout": 2, "fall": 3}},
            },
        )
        fleet.start()

        def role() -> str | None:
            nodes = registered(directory) if directory.exists() else {}
            return next((node["metadata"].get("role") for node in nodes.values()), None)

        eventually(lambda: role() == "replica", 60.0)
        with Watch(directory) as watch:
            replica.ask("select pg_promote(true, 30)")
            promoted = time.monotonic()
            eventually(lambda: role() == "primary", 30.0)
            took = time.monotonic() - promoted
            eventually(lambda: fleet.status()["services"][0]["up"])
        assert took < 15.0
        assert all(len(nodes) == 1 for nodes in watch.seen), "never gone"
        metadata = [next(iter(nodes.values()))["metadata"] for nodes in watch.seen]
        system = str(replica.ask("select system_identifier from pg_control_system()"))
        facts = {"role": "primary", "timeline": 2, "system": system}
        assert metadata[-1] == {"zone": "a", **facts}
        assert len(metadata) <= 4, "one write for what changed, not one for each probe"
        assert replica.sessions() == 1
        fleet.kill(signal.SIGTERM)
        eventually(lambda: replica.sessions() == 0, what="the worker leaves no session")
