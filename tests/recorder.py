"""A balancer plugin that writes down what it is given, for tests of everything before it."""

import json
from pathlib import Path
from typing import Any

SOURCE = """
import json, os
from pathlib import Path

from lighthouse import hookimpl
from lighthouse.balancer import Balancer


class Recorder(Balancer):
    handles_unknown = True

    @classmethod
    def validate_config(cls, config):
        if config.get("reject"):
            raise ValueError("rejected, as asked")

    @classmethod
    def validate_cluster_config(cls, config):
        if config.get("reject"):
            raise ValueError("section rejected, as asked")

    def apply_config(self, config):
        self.config = dict(config)

    def sync_file(self, clusters):
        path = Path(self.config["path"])
        record = {
            "pid": os.getpid(),
            "config": self.config,
            "clusters": {
                c.name: {
                    "nodes": [n.name for n in c.nodes],
                    "weights": {n.name: n.weight for n in c.nodes},
                    "known": c.known,
                    "stale": c.stale,
                    "config": c.config,
                }
                for c in clusters
            },
        }
        with path.with_suffix(".history").open("a") as history:
            print(json.dumps(record["clusters"]), file=history)
        path.with_suffix(".new").write_text(json.dumps(record))
        path.with_suffix(".new").rename(path)


@hookimpl
def lighthouse_balancer():
    return Recorder
"""


def recorded(path: Path) -> dict[str, Any]:
    """What the plugin wrote last; empty before the first time."""
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def nodes(path: Path, cluster: str) -> list[str]:
    """The names of the nodes that the plugin was given last for a cluster."""
    return list(recorded(path).get("clusters", {}).get(cluster, {}).get("nodes", []))


def weights(path: Path, cluster: str) -> dict[str, int]:
    """The weights of the nodes that the plugin was given last for a cluster."""
    return dict(recorded(path).get("clusters", {}).get(cluster, {}).get("weights", {}))


def history(path: Path, cluster: str) -> list[dict[str, Any]]:
    """All that the plugin was ever given of a cluster, one after the other."""
    lines = path.with_suffix(".history").read_text().splitlines()
    return [found[cluster] for line in lines if cluster in (found := json.loads(line))]
