"""The configuration of the demonstration: one daemon in the place of all hosts of a database."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lighthouse.demo.failover.servers import DATABASE, POOL, DemoServer, Pooler

CLUSTER: Final = "orders-db"

_DAEMON: Final = "run_dir: run\nstate_dir: state\nadvertise: 127.0.0.1\n"

_SERVICE: Final = """\
discovery: nodes
ports: {ports}
flap_damping: false
checks:
  postgresql:
    user: postgres
    interval: 0.25
    timeout: 1
    fall: 2
"""

_POOLER: Final = """\
include_file: {include}
admin: host=127.0.0.1 port={port} user=postgres
min_interval: 0
hold: {{enabled: true, max: 30}}
"""

_STANDBY: Final = """\
plugin: postgresql
include_file: {include}
conninfo: host=127.0.0.1 port={port} user=postgres dbname=postgres
replication: {{user: postgres}}
"""


def write(root: Path, servers: Sequence[DemoServer], pooler: Pooler) -> None:
    """All files below ``root``."""
    nodes = root / "nodes"
    nodes.mkdir(parents=True)
    put = {
        "lighthouse.yaml": _DAEMON,
        "discovery/nodes.yaml": f"plugin: file\npath: {nodes}\n",
        f"services/{CLUSTER}.yaml": _SERVICE.format(ports=[one.port for one in servers]),
        "balancers/pgbouncer.yaml": _POOLER.format(include=pooler.include, port=pooler.port),
        f"clusters/{CLUSTER}.yaml": _cluster(servers),
    }
    for one in servers:
        values = {"include": one.include, "port": one.port}
        put[f"balancers/{one.name}.yaml"] = _STANDBY.format(**values)
    for name, text in put.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _cluster(servers: Sequence[DemoServer]) -> str:
    lines = ["discovery: nodes", "shrink_guard: false", "pgbouncer:", "  databases:"]
    lines.append(f"    {POOL}: {{role: primary, dbname: {DATABASE}}}")
    lines += [f"{one.name}: {{}}" for one in servers]
    return "\n".join(lines) + "\n"
