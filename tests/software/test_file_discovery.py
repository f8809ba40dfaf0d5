"""The file discovery on a real file system, driven as a worker's loop drives it."""

import contextlib
import json
import os
import random
import resource
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lighthouse.discovery import Reading
from lighthouse.file.discovery import FileDiscovery
from lighthouse.node import NO_RECORD, Node, parse
from lighthouse.schema import Invalid
from lighthouse.service import Service

SEEDS = int(os.environ.get("SEEDS", "5"))


class World:
    """A discovery and what it reported last; ``until`` is the loop that drives it."""

    def __init__(self, path: Path, **config: Any) -> None:
        self.path = path
        self.readings: dict[str, Reading] = {}
        self.connection: list[tuple[str, str]] = []
        self.reports = 0
        self.discovery = FileDiscovery()
        settings = {"path": str(path), "poll": 30, **config}
        self.discovery.validate_config(settings)
        self.discovery.apply_config(settings)
        self.discovery.connect(self._read, lambda *state: self.connection.append(state))

    def _read(self, cluster: str, reading: Reading) -> None:
        self.readings[cluster] = reading
        self.reports += 1

    def turn(self, wait: float = 0.0) -> None:
        """One turn of the loop."""
        after = self.discovery.wake_after()
        assert after is not None
        descriptor = self.discovery.fileno()
        ready, _, _ = select.select([descriptor] if descriptor is not None else [], [], [], 0)
        if not ready and wait:
            waits = min(wait, after)
            sources = [descriptor] if descriptor is not None else []
            ready, _, _ = select.select(sources, [], [], waits)
        if ready or self.discovery.wake_after() == 0.0:
            self.discovery.wake()

    def until(self, condition: Callable[[], object], within: float = 15.0) -> None:
        deadline = time.monotonic() + within
        while not condition():
            assert time.monotonic() < deadline, (self.readings, self.connection)
            self.turn(0.05)

    def idle(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.turn(0.02)

    def nodes(self, cluster: str = "web") -> list[int]:
        """The ports of a cluster's nodes."""
        return sorted(node.port for node in self.readings[cluster].nodes)

    def reasons(self, cluster: str = "web") -> dict[str, str]:
        return {refusal.record: refusal.reason for refusal in self.readings[cluster].refused}


def record(port: int, **keys: Any) -> str:
    return json.dumps({"host": "web-1", "ip": "10.0.0.1", "port": port, **keys})


def put(path: Path, text: str) -> None:
    """Write as a careful writer does."""
    beside = path.parent / f".{path.name}.new"
    beside.write_text(text)
    beside.rename(path)


@contextlib.contextmanager
def world(path: Path, *clusters: str, **config: Any) -> Iterator[World]:
    made = World(path, **config)
    try:
        for cluster in clusters or ("web",):
            made.discovery.start_watching(cluster)
        yield made
    finally:
        made.discovery.disconnect()


@pytest.fixture
def web(tmp_path: Path) -> Path:
    path = tmp_path / "nodes" / "web"
    path.mkdir(parents=True)
    return path


@pytest.mark.parametrize("path", ["nodes", "./nodes", "", "~/nodes", "/a\0b"])
def test_only_an_absolute_path_will_do(path: str) -> None:
    with pytest.raises(Invalid, match="path"):
        FileDiscovery.validate_config({"path": path})


@pytest.mark.parametrize("config", [{}, {"path": "/n", "ttl": 2}, {"path": "/n", "pol": 1}])
def test_other_faults_of_the_config(config: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        FileDiscovery.validate_config(config)


def test_changes_of_every_kind(web: Path) -> None:
    put(web / "a.json", record(1))
    (web / "note.txt").write_text("not a node")
    (web / ".hidden.json").write_text(record(9))
    with world(web.parent) as here:
        assert here.connection == [("connected", "")]
        assert here.readings["web"] == Reading((parse(record(1)),))
        put(web / "b.json", record(2))
        here.until(lambda: here.nodes() == [1, 2])
        (web / "a.json").write_text(record(3))
        here.until(lambda: here.nodes() == [2, 3])
        (web / "b.json").rename(web / "c.json")
        (web / "a.json").unlink()
        here.until(lambda: here.nodes() == [2])
        (web / "c.json").rename(web / "c.json.off")
        here.until(lambda: here.nodes() == [])
        os.link(web / "c.json.off", web / "d.json")
        here.until(lambda: here.nodes() == [2])
        assert here.reasons() == {}


def test_an_empty_file_is_no_record_and_no_fault(web: Path) -> None:
    put(web / "a.json", record(1))
    (web / "empty.json").touch()
    with world(web.parent) as here:
        here.until(lambda: here.reasons() == {"empty.json": NO_RECORD})
        assert (here.nodes(), here.discovery.status()["refused"]) == ([1], 0)
        (web / "empty.json").write_text("{")
        here.until(lambda: here.reasons()["empty.json"] != NO_RECORD)
        assert here.discovery.status()["refused"] == 1


def test_a_refresh_is_answered_at_once_though_nothing_is_new(web: Path) -> None:
    put(web / "a.json", record(1))
    with world(web.parent) as here:
        for n in range(2, 5):
            here.discovery.refresh("web")
            assert (here.reports, here.nodes()) == (n, [1])


def test_a_refresh_of_what_is_being_replaced_is_answered_when_it_is_sure(web: Path) -> None:
    put(web / "a.json", record(1))
    with world(web.parent) as here:
        web.rename(web.parent / ".web")
        here.idle(0.05)
        here.discovery.refresh("web")
        assert here.reports == 1
        (web.parent / ".web").rename(web)
        here.until(lambda: here.reports == 2)
        assert here.nodes() == [1]


def test_a_refresh_of_what_cannot_be_read_is_no_answer(web: Path) -> None:
    put(web / "a.json", record(1))
    with world(web.parent) as here:
        web.rename(web.parent / "aside")
        web.write_text("no directory")
        with pytest.raises(OSError, match="web"):
            here.discovery.refresh("web")
        assert (here.reports, here.nodes()) == (1, [1])


def test_an_in_place_write_never_takes_a_node_away(web: Path) -> None:
    with world(web.parent) as here:
        put(web / "a.json", record(1))
        here.until(lambda: here.nodes() == [1])
        seen = []
        for port in range(2, 40):
            with (web / "a.json").open("w") as file:
                here.discovery.refresh("web")
                seen.append(here.nodes())
                file.write(record(port)[:10])
                file.flush()
                here.discovery.refresh("web")
                seen.append(here.nodes())
                file.write(record(port)[10:])
            here.until(lambda port=port: here.nodes() == [port])
        assert [] not in seen
        (web / "a.json").write_text("{")
        here.until(lambda: here.nodes() == [])
        assert "JSON" in here.reasons()["a.json"]


def test_a_cluster_without_directory_has_no_members(web: Path) -> None:
    with world(web.parent, "api") as here:
        assert here.readings["api"] == Reading()
        (web.parent / "api").mkdir()
        put(web.parent / "api" / "a.json", record(5))
        here.until(lambda: here.nodes("api") == [5])
        (web.parent / "api").rename(web.parent / "old")
        here.until(lambda: here.nodes("api") == [])
        (web.parent / "old").rename(web.parent / "api")
        here.until(lambda: here.nodes("api") == [5])


def test_a_swapped_directory_is_followed_without_a_gap(web: Path) -> None:
    versions = web.parent.parent / "versions"
    for version in (1, 2, 3):
        (versions / str(version)).mkdir(parents=True)
        put(versions / str(version) / "a.json", record(version))
    (web.parent / "api").symlink_to(versions / "1")
    with world(web.parent, "api") as here:
        for version in (2, 3):
            (web.parent / "new").symlink_to(versions / str(version))
            (web.parent / "new").rename(web.parent / "api")
            here.until(lambda version=version: here.nodes("api") == [version])
        put(versions / "3" / "b.json", record(30))
        here.until(lambda: here.nodes("api") == [3, 30])
        before = here.reports
        put(versions / "1" / "b.json", record(10))
        here.idle(0.1)
        assert here.reports == before, "the old version is watched no more"


def test_two_clusters_may_be_one_directory(web: Path) -> None:
    (web.parent / "alias").symlink_to("web")
    with world(web.parent, "web", "alias") as here:
        put(web / "a.json", record(1))
        here.until(lambda: here.nodes("web") == here.nodes("alias") == [1])
        here.discovery.stop_watching("web")
        put(web / "b.json", record(2))
        here.until(lambda: here.nodes("alias") == [1, 2])
        assert here.nodes("web") == [1]


def test_files_linked_through_a_swapped_directory(web: Path) -> None:
    """As a volume of Kubernetes does it: ``a.json -> ..data/a.json``, ``..data -> ..v1``."""
    for version in (1, 2):
        (web / f"..v{version}").mkdir()
        (web / f"..v{version}" / "a.json").write_text(record(version))
    (web / "..data").symlink_to("..v1")
    (web / "a.json").symlink_to("..data/a.json")
    with world(web.parent) as here:
        assert here.nodes() == [1]
        (web / "..new").symlink_to("..v2")
        (web / "..new").rename(web / "..data")
        here.until(lambda: here.nodes() == [2])


def test_a_source_that_is_away_changes_nothing(web: Path) -> None:
    put(web / "a.json", record(1, ttl=1))
    aside = web.parent.with_name("aside")
    with world(web.parent, poll=0.1) as here:
        web.parent.rename(aside)
        here.until(lambda: here.connection[-1][0] == "suspended")
        assert "No such file" in here.connection[-1][1]
        before = here.reports
        here.discovery.start_watching("api")
        here.idle(2.5)
        assert here.reports == before
        assert here.nodes() == [1]
        put(aside / "web" / "b.json", record(2))
        aside.rename(web.parent)
        here.until(lambda: here.connection[-1] == ("connected", ""))
        here.until(lambda: here.nodes() == [1, 2])
        assert here.readings["api"] == Reading()
        assert len(here.connection) == 3


def test_started_before_its_source(tmp_path: Path) -> None:
    with world(tmp_path / "nodes", poll=0.1) as here:
        assert here.connection[-1][0] == "suspended"
        here.idle(0.3)
        assert here.readings == {}
        (tmp_path / "nodes").mkdir()
        here.until(lambda: here.readings == {"web": Reading()})


def test_a_poll_of_many_clusters_lets_events_have_their_turn(tmp_path: Path) -> None:
    path, later = tmp_path / "nodes", tmp_path / "later"
    names = [f"c{number}" for number in range(300)]
    for name in names:
        (later / name).mkdir(parents=True)
        for port in range(1, 11):
            (later / name / f"{port}.json").write_text(record(port))
    with world(path, *names, poll=0.5) as here:
        here.until(
            lambda: here.connection == [("suspended", f"{path}: No such file or directory")]
        )
        later.rename(path)
        here.until(lambda: here.readings)
        seen = next(iter(here.readings))
        assert len(here.readings) < len(names)
        put(path / seen / "new.json", record(99))
        here.discovery.wake()
        assert 99 in here.nodes(seen)
        assert len(here.readings) < len(names)
        here.until(lambda: len(here.readings) == len(names))
        assert all(set(range(1, 11)) <= set(here.nodes(name)) for name in names)


def test_what_inotify_does_not_tell_is_found_by_polling(web: Path) -> None:
    free = os.dup(0)
    os.close(free)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        made = World(web.parent, poll=0.1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert made.discovery.fileno() is None
    made.connection.clear()
    made.discovery.start_watching("web")
    put(web / "a.json", record(1))
    made.until(lambda: made.readings.get("web") and made.nodes() == [1])
    (web / "a.json").write_text(record(22))
    made.until(lambda: made.nodes() == [22])
    (web / "a.json").unlink()
    made.until(lambda: made.nodes() == [])
    made.discovery.disconnect()


def test_a_swap_above_the_source_is_found_by_polling(web: Path) -> None:
    for version in (1, 2):
        directory = web.parent.parent / f"v{version}" / "web"
        directory.mkdir(parents=True)
        put(directory / "a.json", record(version))
    link = web.parent.parent / "current"
    link.symlink_to("v1")
    with world(link, poll=0.1) as here:
        assert here.nodes() == [1]
        (link.parent / "next").symlink_to("v2")
        (link.parent / "next").rename(link)
        here.until(lambda: here.nodes() == [2])
        put(link / "web" / "b.json", record(3))
        here.until(lambda: here.nodes() == [2, 3])


def test_a_burst(web: Path) -> None:
    with world(web.parent) as here:
        for port in range(1, 501):
            put(web / f"{port}.json", record(port))
        before = here.reports
        here.until(lambda: len(here.readings["web"].nodes) == 500)
        assert here.reports - before == 1, "one reading for all that had happened"
        for port in range(1, 501):
            (web / f"{port}.json").unlink()
            here.turn()
        here.until(lambda: here.nodes() == [])


def test_events_that_were_lost(web: Path) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if limit > 100_000:
        pytest.skip("the queue of inotify is too long here")
    put(web / "a.json", record(1))
    with world(web.parent) as here:
        for _ in range(limit // 4 + 10):
            (web / "a.json").rename(web / "b.json")
            (web / "b.json").rename(web / "a.json")
        put(web / "z.json", record(26))
        here.until(lambda: here.nodes() == [1, 26])


def test_hostile_files_harm_nobody_else(web: Path) -> None:
    put(web / "good.json", record(1))
    put(web / "nul.json", record(2, host="a\0b"))
    (web / "binary.json").write_bytes(bytes(range(256)) * 10)
    (web / "huge.json").write_text(record(3, metadata={"a": "x" * 1_000_000}))
    (web / "directory.json").mkdir()
    (web / "loop.json").symlink_to("loop.json")
    (web / "nowhere.json").symlink_to("/nonexistent/node.json")
    (web / "device.json").symlink_to("/dev/zero")
    os.mkfifo(web / "pipe.json")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(web / "socket.json"))
    os.close(os.open(os.fsencode(web) + b"/\xff\n\x1b[31m.json", os.O_CREAT))
    with world(web.parent) as here:
        here.until(lambda: len(here.reasons()) == 9)
        assert here.nodes() == [1, 2]
        reasons = here.reasons()
        assert reasons["pipe.json"] == "expected a regular file, got a pipe"
        assert reasons["directory.json"] == "expected a regular file, got a directory"
        assert "socket" in reasons["socket.json"]
        assert "device" in reasons["device.json"]
        assert "leads to itself" in reasons["loop.json"]
        assert "leads nowhere" in reasons["nowhere.json"]
        assert "at most 16384" in reasons["huge.json"]
        assert all(name.isprintable() and text.isprintable() for name, text in reasons.items())
        (web / "pipe.json").unlink()
        put(web / "pipe.json", record(7))
        here.until(lambda: here.nodes() == [1, 2, 7])


def test_a_thousand_generated_files(web: Path) -> None:
    chance = random.Random(1)
    values = ["a\nb", "x; y", "#", "${HOME}", '"', "\0", "é" * 300, -1, 1e9, None, [], {}, True]
    put(web / "good.json", record(1))
    for number in range(1000):
        key = chance.choice(["host", "ip", "port", "weight", "metadata", "peer", "ttl"])
        value = chance.choice(values)
        if value is None or (value == {} and key in ("metadata", "peer")):
            value = "\x7f"
        text = json.dumps({"host": "h", "ip": "10.0.0.2", "port": 80, key: value}).encode()
        (web / f"{number}.json").write_bytes(text)
    with world(web.parent) as here:
        here.until(lambda: len(here.readings["web"].nodes) > 1)
        reading = here.readings["web"]
        assert len(reading.nodes) + len(reading.refused) == 1001
        assert {(node.ip, node.port) for node in reading.nodes} == {
            ("10.0.0.1", 1),
            ("10.0.0.2", 80),
        }
        assert all(note.isprintable() for node in reading.nodes for note in node.notes)
        assert all(0 < len(text) <= 200 for text in here.reasons().values())


def expected(directory: Path) -> set[tuple[str, int]]:
    """What a directory holds, read in the plainest way."""
    found = set()
    for path in directory.glob("[!.]*.json"):
        with contextlib.suppress(OSError, ValueError):
            found.add(parse(path.read_bytes()).key)
    return found


@pytest.mark.parametrize("seed", range(SEEDS))
def test_any_sequence_of_changes_ends_in_what_is_there(web: Path, seed: int) -> None:
    chance = random.Random(seed)
    targets = web.parent.parent / "targets"
    targets.mkdir()
    port = 0
    with world(web.parent, poll=0.2) as here:
        for _ in range(150):
            port += 1
            path = web / f"{chance.choice('abcdef')}.json"
            other = web / f"{chance.choice('abcdef')}.json"
            with contextlib.suppress(OSError, IndexError):
                match chance.randrange(8):
                    case 0:
                        put(path, record(port))
                    case 1:
                        path.write_text(record(port))
                    case 2:
                        path.unlink()
                    case 3:
                        path.rename(other)
                    case 4:
                        target = targets / f"{chance.randrange(4)}.json"
                        target.write_text(record(port))
                        (web / ".link").symlink_to(target)
                        (web / ".link").rename(path)
                    case 5:
                        path.write_text(record(port)[: chance.randrange(40)])
                    case 6:
                        chance.choice(sorted(targets.iterdir())).unlink()
                    case 7:
                        web.rename(web.with_name("aside"))
                        here.turn()
                        web.with_name("aside").rename(web)
            if chance.random() < 0.5:
                here.turn()
        here.until(lambda: {n.key for n in here.readings["web"].nodes} == expected(web))
        here.idle(0.3)
        assert {node.key for node in here.readings["web"].nodes} == expected(web)


def test_a_registered_node_is_seen_by_others_and_expires_without_its_owner(web: Path) -> None:
    service = Service("web", 80, Node("web-1", "10.0.0.1", 80, 2, {"zone": "a"}))
    owner = World(web.parent, ttl=3)
    with world(web.parent) as here:
        owner.discovery.report_up(service)
        here.until(lambda: here.readings["web"].nodes == (service.node,))
        before = here.reports
        start = time.monotonic()
        while time.monotonic() < start + 2.5:
            owner.turn()
            here.turn(0.02)
        assert here.reports == before, "heartbeats are no news"
        (web / "10.0.0.1_80.json").unlink()
        owner.until(lambda: (web / "10.0.0.1_80.json").exists())
        here.until(lambda: here.readings["web"].nodes == (service.node,))
        assert owner.discovery.status()["restored"] == 1
        owner.discovery.disconnect()
        here.until(lambda: here.nodes() == [])
        assert "no heartbeat" in here.reasons()["10.0.0.1_80.json"]
        again = World(web.parent, ttl=3)
        again.discovery.report_up(service)
        here.until(lambda: here.readings["web"].nodes == (service.node,))
        again.discovery.report_down(service)
        here.until(lambda: here.readings["web"] == Reading())
        again.discovery.report_down(service)
        again.discovery.disconnect()


def test_a_restarted_owner_leaves_no_gap(web: Path) -> None:
    service = Service("web", 80, Node("web-1", "10.0.0.1", 80))
    path = web / "10.0.0.1_80.json"
    stop = threading.Event()
    missing = []
    first = World(web.parent)
    first.discovery.report_up(service)

    def look() -> None:
        while not stop.is_set():
            try:
                parse(path.read_bytes())
            except (OSError, ValueError) as error:
                missing.append(error)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        for _ in range(20):
            first.discovery.disconnect()
            first = World(web.parent)
            first.discovery.report_up(service)
    finally:
        stop.set()
        watcher.join()
        first.discovery.disconnect()
    assert missing == []
    assert json.loads(path.read_bytes())["beat"] == 21


def test_status(web: Path) -> None:
    put(web / "a.json", record(1))
    put(web / "b.json", "[]")
    with world(web.parent) as here:
        here.discovery.report_up(Service("api", 80, Node("web-1", "10.0.0.1", 80)))
        status = here.discovery.status()
        json.dumps(status)
        assert (status["clusters"], status["nodes"], status["refused"]) == (1, 1, 1)
        assert (status["connection"], status["registered"]) == ("connected", 1)
