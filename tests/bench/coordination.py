"""ZooKeeper and etcd: one change, a deploy, a burst, and an outage, each at real servers."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench.churn import burst
from tests.bench.rig import PROBE, Rig, Row, percentile, rig
from tests.coordination import KINDS, Servers
from tests.waiting import eventually

SIZES = ((10, 10), (100, 20), (500, 20), (1000, 50))
NEW = 1000
AWAY = 5.0


def coordination(root: Path, samples: int, rows: list[Row]) -> None:
    """Both services, one after the other."""
    for name, open_servers in KINDS.items():
        for clusters, nodes in SIZES:
            size = f"{clusters} x {nodes}"
            print(f"{name}, {size} ...", flush=True)
            where = root / f"{name}-{clusters}"
            with (
                open_servers(where) as servers,
                servers.source() as source,
                rig(where / "rig", clusters, nodes, source) as bench,
            ):
                rows += _one_size(name, size, servers, bench, samples)
                if (clusters, nodes) == (500, 20):
                    rows += _deploy(name, servers, bench)
                    rows += _burst(name, bench)
                    rows += _outages(name, servers, bench)
                bench.fleet.kill()
                with bench.floor():
                    floor = [bench.change() for _ in range(samples)]
                rows[:] = [_with_floor(row, f"{name}, {size}", floor) for row in rows]


def _one_size(name: str, size: str, servers: Servers, bench: Rig, samples: int) -> Iterator[Row]:
    started = bench.start()
    reads, cpu = servers.reads(), bench.cpu()
    took = [bench.change() for _ in range(samples)]
    spent = (bench.cpu() - cpu) / (2 * samples)
    read = (servers.reads() - reads) / (2 * samples)
    yield f"start to all served, {name}, {size}", f"{started:.2f} s", "", ""
    for what, share in (("median", 0.5), ("p99", 0.99)):
        yield f"latency {what}, {name}, {size}", f"{percentile(took, share) * 1000:.2f} ms", "", ""
    yield f"CPU per change, {name}, {size}", f"{spent * 1000:.2f} ms", "", ""
    yield f"reads per change, {name}, {size}", f"{read:.2f}", "", ""


def _with_floor(row: Row, about: str, floor: list[float]) -> Row:
    """The row with the floor beside it, if it is a latency of this service and size."""
    for what, share in (("median", 0.5), ("p99", 0.99)):
        if row[0] == f"latency {what}, {about}":
            ours, bare = float(row[1].split()[0]), percentile(floor, share) * 1000
            return row[0], row[1], f"{bare:.2f} ms", f"{ours / bare:.2f}"
    return row


def _deploy(name: str, servers: Servers, bench: Rig) -> Iterator[Row]:
    """Every node of a large cluster replaced, the new one before the old one."""
    records = {f"d{n}": _record(n) for n in range(2 * NEW)}
    names = list(records)
    bench.source.load(PROBE, {one: records[one] for one in names[:NEW]})
    eventually(lambda: len(bench.fleet.serving(PROBE)) == NEW, 60)
    reads = servers.reads()
    for old, new in zip(names[:NEW], names[NEW:], strict=True):
        bench.source.put(PROBE, new, records[new])
        bench.source.remove(PROBE, old)
    last = time.perf_counter()
    wanted = {(record["ip"], record["port"]) for record in map(records.get, names[NEW:]) if record}
    eventually(lambda: bench.fleet.serving(PROBE) == wanted, 60)
    settled = time.perf_counter() - last
    read = servers.reads() - reads
    for one in names[NEW:]:
        bench.source.remove(PROBE, one)
    eventually(lambda: not bench.fleet.serving(PROBE), 60)
    yield f"a deploy of {NEW} nodes: reads in all, {name}", str(read), "", ""
    yield f"a deploy of {NEW} nodes: converged, {name}", f"{settled * 1000:.0f} ms", "", ""


def _burst(name: str, bench: Rig) -> Iterator[Row]:
    settled, spent = burst(bench)
    what = f"500 changes in 5 s: converged after the last, {name}"
    yield what, f"{settled * 1000:.0f} ms", "", ""
    yield f"500 changes in 5 s: CPU in all, {name}", f"{spent:.2f} s", "", ""


def _outages(name: str, servers: Servers, bench: Rig) -> Iterator[Row]:
    """From the first write that the service takes again until HAProxy serves the node."""

    def pause() -> None:
        servers.pause()
        time.sleep(AWAY)
        servers.resume()

    def restart() -> None:
        servers.kill()
        time.sleep(AWAY)
        servers.start()

    outages: dict[str, Callable[[], None]] = {"a pause": pause, "a restart": restart}
    for number, (what, happen) in enumerate(outages.items()):
        reads = servers.reads()
        happen()
        ip = f"127.7.0.{number + 1}"
        with _first_to_write(servers, ip, bench) as accepted:
            eventually(lambda ip=ip: (ip, bench.answering) in bench.fleet.serving(PROBE), 60)
            took = time.perf_counter() - accepted
        read = servers.reads() - (0 if what == "a restart" else reads)
        label = f"after {what} of {AWAY:g} s"
        yield f"caught up {label}, {name}", f"{took * 1000:.0f} ms", "", ""
        yield f"reads {label}, {name}", str(read), "", ""


@contextlib.contextmanager
def _first_to_write(servers: Servers, ip: str, bench: Rig) -> Iterator[float]:
    """A node written as soon as the service takes it; when it did."""
    record = {"host": "back", "ip": ip, "port": bench.answering}

    def write() -> float:
        with servers.source() as source:
            source.put(PROBE, f"back-{ip}", record)
            return time.perf_counter()

    accepted = eventually(write, 60, "the service takes writes again")
    try:
        yield accepted
    finally:
        with servers.source() as source:
            source.remove(PROBE, f"back-{ip}")


def _record(number: int) -> dict[str, object]:
    return {"host": f"d{number}", "ip": f"127.6.{number // 200}.{number % 200 + 1}", "port": 8000}
