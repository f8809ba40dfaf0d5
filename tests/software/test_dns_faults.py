"""The dns discovery when nameservers are wrong, slow or away: what was known stays."""

import socket
from collections.abc import Iterator

import pytest

from lighthouse.dns import source
from lighthouse.dns.lookup import LookupResult
from lighthouse.workers.boundary.limits import plain
from tests.ports import free_port
from tests.software.dns_world import Told, world
from tests.waiting import eventually

BOTH = ["10.0.0.1:8001", "10.0.0.2:8002"]


def filled(port: int = 0) -> Told:
    server = Told(port)
    server.set("_web._tcp", "SRV", "0 1 8001 one.example.com.", "0 1 8002 two.example.com.")
    server.set("_api._tcp", "SRV", "0 1 8003 one.example.com.")
    server.set("one", "A", "10.0.0.1")
    server.set("two", "A", "10.0.0.2")
    server.ttl = 0
    return server


@pytest.fixture
def told() -> Iterator[Told]:
    server = filled()
    yield server
    server.close()


@pytest.fixture
def second() -> Iterator[Told]:
    server = filled()
    yield server
    server.close()


FAULTS = {
    "SERVFAIL": "SERVFAIL",
    "REFUSED": "REFUSED",
    "NOTIMP": "NOTIMP",
    "silent": "no answer within 0.5 s",
    "garbage": "a malformed one",
    "other": "one to another question",
    "referral": "it does not answer for this name",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_error_leaves_what_is_known_and_suspends_the_source(told: Told, fault: str) -> None:
    with world(told.server, max_interval=0.5) as seen:
        seen.until(lambda: seen.nodes() == BOTH)
        told.faults["*"] = fault
        seen.until(lambda: len(seen.connection) == 2)
        state, reason = seen.connection[-1]
        assert state == "suspended"
        assert reason.startswith(f"SRV _web._tcp.example.com: {told.server}: ")
        assert FAULTS[fault] in reason
        assert FAULTS[fault] in seen.error()
        assert seen.nodes() == BOTH
        told.faults.clear()
        told.set("_web._tcp", "SRV", "0 1 8003 one.example.com.")
        seen.until(lambda: seen.nodes() == ["10.0.0.1:8003"])
        assert seen.connection[-1] == ("connected", "")
        assert seen.status["failures"] > 0


def test_an_error_of_one_name_is_that_clusters_alone(told: Told) -> None:
    with world(told.server, watch=("web", "api"), max_interval=0.5) as seen:
        seen.until(lambda: len(seen.readings) == 2)
        told.faults["_web._tcp"] = "SERVFAIL"
        seen.until(lambda: "SERVFAIL" in seen.error())
        told.set("_api._tcp", "SRV", "0 1 8004 two.example.com.")
        seen.until(lambda: seen.nodes("api") == ["10.0.0.2:8004"])
        assert seen.connection == [("connected", "")]
        assert (seen.nodes(), seen.error("api")) == (BOTH, "")
        assert seen.status["failing"] == 1


def test_the_source_is_not_away_before_all_clusters_have_failed(told: Told) -> None:
    told.faults = {"_web._tcp": "SERVFAIL", "_api._tcp": "silent"}
    with world(told.server, watch=("web", "api"), timeout=1) as seen:
        seen.until(lambda: "SERVFAIL" in seen.error())
        assert seen.connection == []
        seen.until(lambda: seen.connection)
        assert seen.connection[0][0] == "suspended"
        assert seen.error("api") != ""


def test_a_port_where_nobody_listens_is_told_at_once() -> None:
    server = f"127.0.0.1:{free_port()}"
    with world(server, timeout=20) as seen:
        seen.until(lambda: seen.connection, within=10)
        assert "Connection refused" in seen.connection[0][1]
        assert server in seen.connection[0][1]
        assert seen.readings == {}


def test_all_is_caught_up_soon_after_the_source_is_back() -> None:
    port = free_port()
    clusters = tuple(f"c{n}" for n in range(30))
    with world(f"127.0.0.1:{port}", watch=clusters, max_interval=600) as seen:
        seen.until(lambda: seen.connection)
        for _ in range(4):  # retries that have grown long by now
            before = seen.status["failures"]
            for name in clusters:
                seen.discovery.refresh(name)
            seen.until(lambda before=before: seen.status["failures"] >= before + 30)
        told = Told(port)
        try:
            for name in clusters:
                told.set(f"_{name}._tcp", "SRV", "0 1 80 one.example.com.")
            told.set("one", "A", "10.0.0.1")
            seen.until(lambda: len(seen.readings) == 30, within=10)
        finally:
            told.close()


def test_a_lookup_that_does_not_end_is_begun_anew(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "LONGEST", 0.4)
    told.faults["*"] = "silent"
    with world(told.server, timeout=30, max_interval=0.5) as seen:
        seen.until(lambda: told.count("_web._tcp") >= 3)
        assert seen.connection == [("suspended", "no answer within 0.4 s")]
        assert seen.error() == "no answer within 0.4 s"
        told.faults.clear()
        seen.until(lambda: seen.nodes() == BOTH)
        assert seen.connection[-1] == ("connected", "")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_has_ended_is_replaced(told: Told) -> None:
    async def end() -> LookupResult:
        raise SystemExit

    with world(told.server, max_interval=0.5) as seen:
        seen.until(lambda: seen.nodes() == BOTH)
        assert seen.discovery._source is not None
        background = seen.discovery._source._background
        background.run(end())
        eventually(lambda: not background.alive)
        told.set("_web._tcp", "SRV", "0 1 8003 one.example.com.")
        seen.until(lambda: seen.nodes() == ["10.0.0.1:8003"])


def test_a_silent_nameserver_is_asked_after_the_others_for_a_while(second: Told) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.setblocking(False)
        first = f"127.0.0.1:{silent.getsockname()[1]}"
        with world(first, second.server, watch=("web",)) as seen:
            seen.until(lambda: seen.nodes() == BOTH)
            seen.until(lambda: second.count("_web._tcp") >= 3)
        assert silent.recv(4096)
        with pytest.raises(BlockingIOError):
            silent.recv(4096)


@pytest.mark.parametrize("gone", ["NXDOMAIN", "NODATA", "unavailable"])
def test_a_second_nameserver_confirms_that_there_is_nothing(
    told: Told, second: Told, gone: str
) -> None:
    told.negative = second.negative = 1
    with world(told.server, second.server, min_interval=5, max_interval=5) as seen:
        seen.until(lambda: seen.nodes() == BOTH)
        for server in (told, second):
            server.drop("_web._tcp")
            if gone == "NODATA":
                server.set("_web._tcp", "TXT", "x")
            if gone == "unavailable":
                server.set("_web._tcp", "SRV", "0 0 0 .")
        seen.discovery.refresh("web")
        seen.until(lambda: seen.nodes() == [], within=4)
        assert (told.count("_web._tcp"), second.count("_web._tcp")) == (2, 1)


def test_a_nameserver_that_knows_records_is_believed_before_one_that_knows_none(
    told: Told, second: Told
) -> None:
    told.drop("_web._tcp")
    with world(told.server, second.server, max_interval=0.3) as seen:
        seen.until(lambda: seen.nodes() == BOTH)
        seen.until(lambda: second.count("_web._tcp") >= 4)
        assert seen.nodes() == BOTH


def test_that_there_is_nothing_holds_for_the_minimum_of_the_zone(told: Told) -> None:
    told.negative = 1
    with world(told.server) as seen:
        seen.until(lambda: seen.nodes() == BOTH)
        told.drop("_web._tcp")
        seen.until(lambda: "NXDOMAIN" in seen.error())
        assert seen.status["asked"]["web"]["ttl"] == 1
        assert seen.nodes() == BOTH
        seen.until(lambda: seen.nodes() == [])
        told.negative = None  # RFC 2308: no SOA, so there is no such time
        seen.discovery.refresh("web")
        seen.until(lambda: seen.status["asked"]["web"]["ttl"] == 300)


def test_one_negative_answer_between_good_ones_is_never_noticed(told: Told) -> None:
    told.negative = 1
    with world(told.server) as seen:
        seen.until(lambda: seen.nodes() == BOTH)
        records = told.records.pop(("_web._tcp.example.com.", "SRV"))
        seen.until(lambda: "NXDOMAIN" in seen.error())
        told.records["_web._tcp.example.com.", "SRV"] = records
        seen.until(lambda: seen.error() == "")
        told.drop("_web._tcp")
        seen.until(lambda: "NXDOMAIN" in seen.error())
        assert all(reading.nodes for reading in seen.readings.values())
        assert seen.nodes() == BOTH


def test_a_target_that_does_not_resolve_is_refused_and_its_siblings_stay(told: Told) -> None:
    told.negative = 1
    told.drop("two")
    with world(told.server, max_interval=0.5) as seen:
        seen.until(lambda: seen.nodes() == ["10.0.0.1:8001"])
        seen.until(lambda: "confirmed" not in str(seen.reasons()))
        reason = "NXDOMAIN for two.example.com"
        assert seen.reasons() == {"two.example.com:8002": reason}
        told.set("two", "A", "10.0.0.2")
        seen.until(lambda: seen.nodes() == BOTH and not seen.reasons())


def test_a_target_that_fails_keeps_its_last_addresses(told: Told) -> None:
    with world(told.server, max_interval=0.5) as seen:
        seen.until(lambda: seen.nodes() == BOTH)
        told.faults["two"] = "SERVFAIL"
        told.set("one", "A", "10.0.0.9")
        seen.until(lambda: seen.nodes() == ["10.0.0.2:8002", "10.0.0.9:8001"])
        assert "SERVFAIL" in seen.error()
        assert seen.connection == [("connected", "")]


def test_the_first_reading_waits_a_little_for_targets_that_fail(told: Told) -> None:
    told.faults["two"] = "SERVFAIL"
    with world(told.server, max_interval=0.5) as seen:
        seen.until(lambda: "SERVFAIL" in seen.error())
        assert seen.readings == {}
        seen.until(lambda: seen.nodes() == ["10.0.0.1:8001"])
        assert "SERVFAIL" in seen.reasons()["two.example.com:8002"]
        told.faults["one"] = "SERVFAIL"
    with world(told.server, max_interval=0.3) as seen:
        seen.until(lambda: told.count("_web._tcp") > 8)
        assert seen.readings == {}  # all targets fail: that is no empty cluster


def test_a_status_of_many_failing_clusters_fits_its_frame(told: Told) -> None:
    told.faults["*"] = "SERVFAIL"
    clusters = tuple(f"{'x' * 55}{n}" for n in range(100))
    with world(told.server, watch=clusters) as seen:
        seen.until(lambda: seen.status["failing"] == 100)
        status, wrong = plain(seen.status)
        assert wrong == {}
        assert len(status["errors"]) == 10
        assert len(status["asked"]) == 10
