"""Print the design's budgets as ratios to the floor measured in the same run."""

import argparse
import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.balancers import balancers
from tests.bench.churn import churn
from tests.bench.coordination import coordination
from tests.bench.failovers import failovers
from tests.bench.reloads import reloads
from tests.bench.rig import Rig, Row, median, percentile, rig
from tests.waiting import eventually

BAD = {
    "hung": "time.sleep(1e9)",
    "spinning": "while True: pass",
    "crashing": "os._exit(3)",
}
PLUGIN = """
import os, time
from lighthouse import hookimpl
from lighthouse.balancer import Balancer

class Bad(Balancer):
    def sync_file(self, clusters):
        {body}

@hookimpl
def lighthouse_balancer():
    return Bad
"""

console = Console(width=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=150)
    parser.add_argument("--changes", type=int, default=500, help="single changes under wrk")
    parser.add_argument(
        "--only",
        default="",
        help="latency, isolation, churn, reloads, coordination, balancers, failovers",
    )
    options = parser.parse_args()
    logging.getLogger("kazoo").setLevel(logging.CRITICAL)  # the writer's, whose servers go away
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="lighthouse-bench-") as directory:
        root = Path(directory)
        parts: dict[str, Callable[[], None]] = {
            "latency": lambda: latency(root, options.samples, rows),
            "isolation": lambda: isolation(root, options.samples, rows),
            "churn": lambda: churn(root, options.changes, rows),
            "reloads": lambda: reloads(root, 10, rows),
            "coordination": lambda: coordination(root, options.samples, rows),
            "balancers": lambda: balancers(root, options.samples, rows),
            "failovers": lambda: failovers(root, rows),
        }
        for name, part in parts.items():
            if options.only in ("", name):
                part()
    table = Table("what", "lighthouse", "floor or base", "ratio", title="measured in one run")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def latency(root: Path, samples: int, rows: list[Row]) -> None:
    """Latency by size, and what a fleet of that size costs to start and to keep."""
    for clusters, nodes in ((10, 10), (100, 20), (500, 20), (1000, 50)):
        size = f"{clusters} x {nodes}"
        console.print(f"latency, {size} ...")
        with rig(root / f"latency-{clusters}", clusters, nodes) as bench:
            started = bench.start()
            before = bench.cpu()
            ours = [bench.change() for _ in range(samples)]
            spent = (bench.cpu() - before) / (2 * samples)
            rows.append((f"CPU per change, {size}", f"{spent * 1000:.2f} ms", "", ""))
            keep(bench, size, rows)
            assert bench.fleet.daemon is not None
            bench.fleet.kill()
            with bench.floor():
                floor = [bench.change() for _ in range(samples)]
        rows.append((f"start to all served, {size}", f"{started:.2f} s", "", ""))
        for name, share in (("median", 0.5), ("p99", 0.99)):
            a, b = percentile(ours, share) * 1000, percentile(floor, share) * 1000
            rows.append((f"latency {name}, {size}", f"{a:.2f} ms", f"{b:.2f} ms", f"{a / b:.2f}"))


def keep(bench: Rig, size: str, rows: list[Row]) -> None:
    """Memory by process, and CPU while nothing happens."""
    time.sleep(3)
    for process in bench.processes():
        name = " ".join(process.cmdline())[:40].split(" (")[0].removeprefix("lighthouse: ")
        rss = process.memory_info().rss / 2**20
        rows.append((f"memory of {name}, {size}", f"{rss:.0f} MiB", "", ""))
    before, begun = bench.cpu(), time.monotonic()
    time.sleep(15)
    share = (bench.cpu() - before) / (time.monotonic() - begun)
    rows.append((f"idle CPU of one core, {size}", f"{share:.2%}", "", ""))


def isolation(root: Path, samples: int, rows: list[Row]) -> None:
    """HAProxy's latency beside a plugin that misbehaves, against the run without it."""
    console.print("isolation ...")
    with rig(root / "isolation", 10, 10) as bench:
        for name, body in BAD.items():
            bench.fleet.plugin(name, PLUGIN.format(body=body))
        bench.start()
        for name in BAD:
            alone: list[float] = []
            beside: list[float] = []
            for _ in range(5):
                alone += [bench.change() for _ in range(samples // 5)]
                bench.fleet.write(f"balancers/{name}.yaml", {"worker": {"sync_timeout": 2}})
                eventually(lambda n=name: bench.fleet.worker(n)["snapshot"]["sent"] > 0, 20)
                beside += [bench.change() for _ in range(samples // 5)]
                (bench.fleet.config / f"balancers/{name}.yaml").unlink()
                eventually(lambda: len(bench.fleet.status()["workers"]) == 2, 20)
            a, b = median(beside) * 1000, median(alone) * 1000
            what = f"latency median beside a {name} plugin"
            rows.append((what, f"{a:.2f} ms", f"{b:.2f} ms", f"{a / b:.2f}"))


if __name__ == "__main__":
    main()
