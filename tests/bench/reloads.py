"""What a reload costs as clusters grow, against a bare one on the same HAProxy and file."""

import re
import time
from pathlib import Path

import psutil

from lighthouse.haproxy.runtime import process
from tests.bench.rig import Rig, Row, median, rig
from tests.waiting import eventually

SIZES = ((10, 10), (100, 20), (500, 20), (1000, 50))


def reloads(root: Path, samples: int, rows: list[Row]) -> None:
    """From a changed line of a cluster's file to the new worker that serves."""
    for clusters, nodes in SIZES:
        size = f"{clusters} x {nodes}"
        print(f"reloads, {size} ...", flush=True)
        with rig(root / f"reloads-{clusters}", clusters, nodes) as bench:
            bench.fleet.haproxy["reload_interval"] = 0.1
            bench.fleet.write("balancers/haproxy.yaml", bench.fleet.haproxy)
            bench.start()
            ours = [_reloaded(bench, number) for number in range(samples)]
            memory = _memory(bench)
            bench.fleet.kill()
            bare = [_bare(bench) for _ in range(samples)]
        a, b = median(ours), median(bare)
        what = f"reload, changed line to new worker, median, {size}"
        rows.append((what, f"{a * 1000:.0f} ms", f"{b * 1000:.0f} ms", f"{a / b:.1f}"))
        rows.append((f"memory of HAProxy's worker, {size}", f"{memory:.0f} MiB", "", ""))


def _reloaded(bench: Rig, number: int) -> float:
    """Seconds from a changed line until another worker serves the new configuration."""
    before = _reload_count(bench)
    worker = _worker(bench)
    began = time.perf_counter()
    lines = ["mode http", f"timeout server {10 + number}s"]
    bench.fleet.cluster("c0", haproxy={"backend": lines})
    eventually(lambda: _worker(bench) != worker, 60, "a new worker")
    took = time.perf_counter() - began
    eventually(lambda: _reload_count(bench) > before, 60, "the reload is counted")
    time.sleep(2.5 * took)  # a change right after a reload waits its turn, which is no cost
    return took


def _worker(bench: Rig) -> int:
    found = re.search(r"^Pid: (\d+)", bench.fleet.command("show info"), re.MULTILINE)
    assert found
    return int(found[1])


def _reload_count(bench: Rig) -> int:
    return int(bench.fleet.worker("haproxy")["status"].get("reloads", 0))


def _bare(bench: Rig) -> float:
    """The same file loaded once more through the master's socket, by nobody in particular."""
    began = time.perf_counter()
    process.reload(f"{bench.fleet.socket}.master")
    return time.perf_counter() - began


def _memory(bench: Rig) -> float:
    return float(psutil.Process(_worker(bench)).memory_info().rss / 2**20)
