"""The bundled balancers side by side: a node, a cluster, and requests while nodes change."""

import random
import time
from pathlib import Path

from tests.bench.churn import load
from tests.bench.rig import Row, median, percentile
from tests.fleet import running
from tests.software.haproxy_traffic import Answering
from tests.software.proxies import PROBED, ByDns, ByEnvoy, ByHaproxy, ByReload, Proxied
from tests.waiting import eventually

CLUSTERS, NODES, NEW, CHANGES = 10, 10, 20, 100
KINDS: tuple[type[Proxied], ...] = (ByHaproxy, ByEnvoy, ByReload, ByDns)


def balancers(root: Path, samples: int, rows: list[Row]) -> None:
    """Each kind on the same nodes; HAProxy's figures stand beside the others'."""
    base: dict[str, float] = {}
    with Answering(root) as answering:
        for kind in KINDS:
            print(f"{kind.name}, {CLUSTERS} x {NODES} ...", flush=True)
            with running(root / f"balancers-{kind.name.replace(' ', '-')}") as fleet:
                proxied = kind(fleet, answering.port)
                try:
                    figures = _measure(proxied, samples // kind.calm)
                finally:
                    fleet.close()
                    proxied.close()
            requests, failed = figures.pop("requests"), figures.pop("failed")
            for what, value in figures.items():
                beside = base.setdefault(what, value)
                shown = (f"{value * 1000:.1f} ms", f"{beside * 1000:.1f} ms")
                rows.append((f"{kind.name}: {what}", *shown, f"{value / beside:.1f}"))
            text = f"{kind.name}: failed of {requests:.0f} requests while nodes change"
            rows.append((text, f"{failed:.0f}", "", ""))


def _measure(proxied: Proxied, samples: int) -> dict[str, float]:
    """Seconds by what took them, and how many requests there were and failed."""
    for cluster in range(CLUSTERS):
        proxied.cluster(f"c{cluster}")
        for number in range(NODES):
            ip = f"127.1.{cluster}.{number + 1}"
            proxied.fleet.node(f"c{cluster}", f"n{number}", proxied.answering, ip)
    proxied.cluster(PROBED)
    proxied.node(PROBED, "127.2.0.1")
    proxied.begin()
    eventually(lambda: proxied.ask(PROBED) == "127.2.0.1", 60, "the first node is served")
    changes = [_change(proxied, number) for number in range(samples)]
    new = [_new_cluster(proxied, number) for number in range(NEW)]
    proxied.fleet.node(PROBED, "stays", proxied.answering, "127.2.9.9")
    eventually(lambda: proxied.ask(PROBED) == "127.2.9.9", 30)
    with load(proxied.place(PROBED)) as under:
        for number in range(CHANGES // proxied.calm):
            _change(proxied, number)
    return {
        "node replaced to served, median": median(changes),
        "node replaced to served, p99": percentile(changes, 0.99),
        "new cluster to served, median": median(new),
        "new cluster to served, longest": max(new),
        "requests": under.requests,
        "failed": under.failed,
    }


def _change(proxied: Proxied, number: int) -> float:
    """Seconds from the write of a node's new address to a request that it answers."""
    ip = f"127.3.{number // 200 % 200}.{number % 200 + 1}"
    began = time.perf_counter()
    proxied.node(PROBED, ip)
    _await(proxied, PROBED, ip, began)
    took = time.perf_counter() - began
    time.sleep(random.uniform(0.01, 0.05))
    return took


def _new_cluster(proxied: Proxied, number: int) -> float:
    """Seconds from the write of a cluster's file to a request that its node answers."""
    name, ip = f"new{number}", f"127.4.0.{number + 1}"
    proxied.node(name, ip)
    began = time.perf_counter()
    proxied.cluster(name)
    _await(proxied, name, ip, began)
    took = time.perf_counter() - began
    time.sleep(random.uniform(0.05, 0.1))
    return took


def _await(proxied: Proxied, cluster: str, ip: str, began: float) -> None:
    while proxied.ask(cluster) != ip:
        if time.perf_counter() - began > 30:
            raise TimeoutError(f"{ip} is not served")
