"""An ensemble of three under the ZooKeeper discovery, in trouble.

Whatever happens, no reading lacks a node that is there, and nothing is read in a herd.
``LIGHTHOUSE_LONG_FAULTS=1`` has the pauses and outages last as long as they may in a fleet.
"""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from kazoo.client import KazooClient

from tests.software.zookeeper_plugin import Driver, driving, fill, record, service
from tests.software.zookeeper_world import Ensemble, client, ensemble
from tests.waiting import eventually

pytestmark = pytest.mark.needs("zookeeper")

LONG = os.environ.get("LIGHTHOUSE_LONG_FAULTS") == "1"
PAUSE = 15.0 if LONG else 3.0
OUTAGE = 60.0 if LONG else 3.0

CLUSTERS = tuple(f"c{number}" for number in range(20))
EACH = 10


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    with ensemble(tmp_path_factory.mktemp("ensemble"), 3) as made:
        yield made


@pytest.fixture
def whole(servers: Ensemble) -> Iterator[Ensemble]:
    """The ensemble, whole again whatever the test before did to it."""
    for server in servers.servers:
        if server.process is not None:
            server.resume()
    yield servers.start()
    for server in servers.servers:
        if server.process is not None:
            server.resume()


@pytest.fixture
def path(whole: Ensemble, request: pytest.FixtureRequest) -> str:
    found = f"/{request.node.name}"
    with client(whole) as zk:
        for cluster in CLUSTERS:
            fill(zk, f"{found}/{cluster}", EACH)
    return found


@pytest.fixture
def driver(whole: Ensemble, path: str) -> Iterator[Driver]:
    with driving(hosts=whole.hosts, path=path, session_timeout=2) as found:
        found.watch(*CLUSTERS)
        found.up(service("c0"))
        found.until(lambda: "me:80" in found.nodes("c0"), "registered")
        yield found


def change(zk: KazooClient, path: str) -> None:
    """One node more, one less, one moved."""
    zk.create(f"{path}/c1/new:80", record("10.8.0.1"))
    zk.delete(f"{path}/c1/h3:80")
    zk.set(f"{path}/c2/h4:80", record("10.8.0.2", 88))


def caught_up(driver: Driver) -> bool:
    return (
        "h:80" in driver.nodes("c1")
        and "h3:80" not in driver.nodes("c1")
        and "h:88" in driver.nodes("c2")
    )


def complete(driver: Driver) -> None:
    """No reading ever lacked more than the one node that was deleted, or our own."""
    for name, reading in driver.readings:
        assert len(reading.nodes) >= (EACH - 1 if name == "c1" else EACH), name


def no_herd(driver: Driver, reads: int, lists: int) -> None:
    """Everything was listed, and read over, once for each connection; and no more."""
    connections = driver.status["reconnects"]
    everything = len(CLUSTERS) * EACH
    assert driver.status["lists"] - lists <= connections * len(CLUSTERS)
    assert driver.status["reads"] - reads <= connections * everything + 30


def test_the_leader_is_killed(whole: Ensemble, driver: Driver, path: str) -> None:
    reads, lists = driver.status["reads"], driver.status["lists"]
    session = driver.client_id[0]
    whole.leader().kill()
    with client(whole) as zk:
        driver.during(lambda: change(zk, path))
        driver.until(lambda: caught_up(driver), "caught up")
        assert zk.exists(f"{path}/c0/me:80").ephemeralOwner == session, "kept"
    assert driver.client_id[0] == session
    complete(driver)
    no_herd(driver, reads, lists)


def test_the_quorum_is_lost_and_comes_back(whole: Ensemble, driver: Driver, path: str) -> None:
    reads, lists = driver.status["reads"], driver.status["lists"]
    heard = len(driver.readings)
    leader = whole.leader()
    others = [server for server in whole.servers if server is not leader]
    leader.kill()
    others[0].kill()
    driver.until(lambda: driver.state == "suspended", "suspended")
    driver.until(lambda: "no server takes us" in driver.reason, "the reason")
    assert "connection refused" in driver.reason
    driver.turns(OUTAGE / 2)
    assert len(driver.readings) == heard, "an outage is no reading"
    driver.during(whole.start)
    with client(whole) as zk:
        driver.during(lambda: change(zk, path))
        driver.until(lambda: caught_up(driver), "caught up")
    assert driver.state == "connected"
    complete(driver)
    no_herd(driver, reads, lists)


@pytest.mark.slow
def test_all_servers_are_stopped_for_a_while(whole: Ensemble, driver: Driver, path: str) -> None:
    reads, lists = driver.status["reads"], driver.status["lists"]
    for server in whole.servers:
        server.pause()
    driver.until(lambda: driver.state == "suspended", "suspended")
    heard = len(driver.readings)
    driver.turns(PAUSE)
    assert len(driver.readings) == heard, "an outage is no reading"
    for server in whole.servers:
        server.resume()
    driver.during(whole.settle)
    driver.until(lambda: driver.state == "connected", "back", 15)
    driver.up(service("c0"))
    with client(whole) as zk:
        driver.during(lambda: change(zk, path))
        driver.until(lambda: caught_up(driver), "caught up")
        assert zk.exists(f"{path}/c0/me:80").ephemeralOwner == driver.client_id[0]
    complete(driver)
    no_herd(driver, reads, lists)


def test_all_servers_are_killed_and_come_back(whole: Ensemble, driver: Driver, path: str) -> None:
    reads, lists = driver.status["reads"], driver.status["lists"]
    heard = len(driver.readings)
    for server in whole.servers:
        server.kill()
    driver.until(lambda: "no server takes us" in driver.reason, "the reason")
    driver.turns(OUTAGE)
    assert len(driver.readings) == heard, "an outage is no reading"
    driver.during(whole.start)
    driver.until(lambda: driver.state == "connected", "back", 10)
    driver.up(service("c0"))
    with client(whole) as zk:
        driver.during(lambda: change(zk, path))
        driver.until(lambda: caught_up(driver), "caught up")
        assert eventually(lambda: zk.exists(f"{path}/c0/me:80"))
    complete(driver)
    no_herd(driver, reads, lists)


@contextlib.contextmanager
def silence(port: int) -> Iterator[list[socket.socket]]:
    """A server that takes connections and never says anything; they stay when it has ended."""
    taken: list[socket.socket] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                taken.append(listener.accept()[0])

    listener = socket.create_server(("127.0.0.1", port))
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield taken
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()


def test_a_handshake_that_nobody_answers_is_given_up_soon(whole: Ensemble, path: str) -> None:
    """However long sessions are, and however often the server was slow before."""
    server = whole.servers[0]
    with driving(hosts=[server.host], path=path, session_timeout=60) as driver:
        driver.watch("c0")
        server.kill()
        driver.until(lambda: "connection refused" in driver.reason, "it is gone")
        with silence(server.port) as taken:
            driver.until(lambda: len(taken) >= 2, "a second try", 5)
        driver.during(lambda: server.start().ready())
        began = time.monotonic()
        driver.until(lambda: driver.state == "connected", "back", 6)
        assert time.monotonic() - began < 6
        for one in taken:
            one.close()


def test_an_emptied_ensemble_takes_us_soon_however_long_sessions_are(
    whole: Ensemble, path: str
) -> None:
    leader = whole.leader()
    leader.kill()
    eventually(whole.leader, 30, "another leader, after whom a new ensemble is behind")
    leader.start().ready()
    with driving(hosts=whole.hosts, path=path, session_timeout=60) as driver:
        driver.watch("c0")
        for server in whole.servers:
            server.kill()
            server.wipe()
        driver.during(whole.start)
        driver.until(lambda: "lost" in {state for state, _ in driver.states}, "new", 15)


def test_an_emptied_ensemble_is_no_empty_cluster(
    whole: Ensemble, driver: Driver, path: str
) -> None:
    """What it held is kept until someone has registered there; then what it says counts."""
    for server in whole.servers:
        server.kill()
        server.wipe()
    heard = len(driver.readings)
    driver.during(whole.start)
    driver.until(lambda: "lost" in {state for state, _ in driver.states}, "a new session", 20)
    driver.until(lambda: "does not exist" in driver.reason, "told")
    assert driver.state == "suspended"
    driver.turns(1.2)
    assert len(driver.readings) == heard
    with client(whole) as zk:
        for cluster in CLUSTERS:
            fill(zk, f"{path}/{cluster}", EACH + 1)
    driver.until(lambda: all(len(driver.nodes(one)) == EACH + 1 for one in CLUSTERS), "caught up")
    driver.up(service("c0"))
    driver.until(lambda: "me:80" in driver.nodes("c0"), "registered again")
    assert driver.state == "connected"
