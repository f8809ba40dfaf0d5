"""Membership that changes under load: what fails, what reloads, and what it costs."""

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.rig import PROBE, Rig, Row, median, percentile, rig
from tests.waiting import eventually

CLUSTERS, NODES = 500, 20


class Load:
    """Two ``wrk`` on one port, one that keeps its connections and one that does not."""

    def __init__(self, port: int) -> None:
        base = ["wrk", "-t1", "-c8", "-d600s", f"http://127.0.0.1:{port}/"]
        self._running = [
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            for command in (base, [*base, "-H", "Connection: close"])
        ]
        self.requests = 0
        self.failed = 0

    def close(self) -> None:
        for process in self._running:
            process.send_signal(2)
        for process in self._running:
            text, _ = process.communicate(timeout=30)
            found = re.search(r"(\d+) requests in", text)
            self.requests += int(found[1]) if found else 0
            errors = re.search(r"Socket errors: (.*)", text)
            self.failed += sum(map(int, re.findall(r"\d+", errors[1]))) if errors else 0
            wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
            self.failed += int(wrong[1]) if wrong else 0


@contextmanager
def load(port: int) -> Iterator[Load]:
    found = Load(port)
    try:
        yield found
    finally:
        found.close()


def churn(root: Path, samples: int, rows: list[Row]) -> None:
    """Single changes, then 500 in 5 s, at 500 x 20 under ``wrk``."""
    size = f"{CLUSTERS} x {NODES}"
    print(f"churn under load, {size} ...", flush=True)
    with rig(root / "churn", CLUSTERS, NODES) as bench:
        bench.start()
        bench.stand()
        pids = bench.fleet.haproxy_pids()
        with load(bench.port) as single:
            took, cpu = _singles(bench, samples)
        with load(bench.port) as many:
            settled, spent = burst(bench)
        reloads = int(bench.fleet.haproxy_pids() != pids)
        lost = bench.missing()
        with load(bench.port), bench.floor():
            floor, _ = _singles(bench, samples, floor=True)
    a, b = median(took) * 1000, median(floor) * 1000
    what = f"change to HAProxy's answer under wrk, median, {size}"
    rows.append((what, f"{a:.2f} ms", f"{b:.2f} ms", f"{a / b:.2f}"))
    a, b = percentile(took, 0.99) * 1000, percentile(floor, 0.99) * 1000
    what = f"change to HAProxy's answer under wrk, p99, {size}"
    rows.append((what, f"{a:.2f} ms", f"{b:.2f} ms", f"{a / b:.2f}"))
    rows.append((f"CPU per change under wrk, {size}", f"{cpu * 1000:.2f} ms", "", ""))
    rows.append(
        ("500 changes in 5 s: converged after the last", f"{settled * 1000:.0f} ms", "", "")
    )
    rows.append(("500 changes in 5 s: CPU in all", f"{spent:.2f} s", "", ""))
    failed, requests = single.failed + many.failed, single.requests + many.requests
    rows.append((f"failed of {requests} requests meanwhile", str(failed), "", ""))
    rows.append((f"reloads, lost changes in {2 * samples + 1000}", f"{reloads}, {lost}", "", ""))


def _singles(bench: Rig, samples: int, floor: bool = False) -> tuple[list[float], float]:
    """Seconds of each change, and seconds of CPU for one."""
    before = 0.0 if floor else bench.cpu()
    took = [bench.appear() for _ in range(samples)]
    return took, 0.0 if floor else (bench.cpu() - before) / (2 * samples)


def burst(bench: Rig) -> tuple[float, float]:
    """Seconds until the last of 500 changes in 5 s is served, and seconds of CPU."""
    before, begun = bench.cpu(), time.monotonic()
    standing = len(bench.fleet.serving(PROBE))
    for n in range(500):
        bench.put(f"b{n}", f"127.9.{n // 250}.{n % 250 + 1}")
        time.sleep(max(0.0, begun + (n + 1) / 100 - time.monotonic()))
    last = time.monotonic()
    eventually(lambda: len(bench.fleet.serving(PROBE)) == standing + 500, 30)
    took = time.monotonic() - last
    spent = bench.cpu() - before
    for n in range(500):
        bench.source.remove(PROBE, f"b{n}")
    eventually(lambda: len(bench.fleet.serving(PROBE)) == standing, 30)
    return took, spent
