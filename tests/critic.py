"""A balancer plugin that says whatever files tell it to say, and does nothing."""

from pathlib import Path
from typing import Any

SOURCE = """
import os, time
from pathlib import Path

from lighthouse import hookimpl
from lighthouse.balancer import Balancer, Finding, Outcome, Preview


class Critic(Balancer):
    handles_unknown = True

    def __init__(self):
        self.config, self.last = None, None

    @classmethod
    def validate_config(cls, config):
        if "bad" in config:
            raise ValueError("bad is bad")

    @classmethod
    def validate_cluster_config(cls, config):
        if config.get("port") == 0:
            raise ValueError("port 0")

    def apply_config(self, config):
        self.config = dict(config)

    def said(self):
        path = Path(self.config["says"])
        return eval(path.read_text()) if path.exists() else ()

    def preview(self, clusters):
        print("preview", [(c.name, c.config, [n.name for n in c.nodes], c.known, c.stale)
                          for c in clusters])
        path = Path(self.config["says"] + ".would")
        return eval(path.read_text()) if path.exists() else Preview()

    def sync_file(self, clusters):
        print("sync", [(c.name, c.config) for c in clusters])
        self.last = Outcome("applied", findings=self.said())
        return self.last

    def status(self):
        return {"binds": [{"port": 1, "why": None}], "counts": {"reloads": 3}}

    def wake_after(self):
        return 0.05

    def wake(self):
        outcome = Outcome("applied", findings=self.said())
        if outcome == self.last:
            return None
        self.last = outcome
        return outcome

    def examine(self, clusters):
        assert self.config is not None
        print("examine", [(c.name, c.config, c.known, len(c.nodes)) for c in clusters])
        return self.said()


@hookimpl
def lighthouse_balancer():
    return Critic
"""


class Critic:
    """The files that the plugin reads."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def config(self) -> dict[str, Any]:
        return {"says": str(self.path)}

    def says(self, *findings: str) -> None:
        """From now on, ``findings`` being Python expressions."""
        beside = self.path.with_suffix(".new")
        beside.write_text("(" + "".join(f"{finding}, " for finding in findings) + ")")
        beside.replace(self.path)

    def would(self, preview: str) -> None:
        """What the next preview is, an expression over ``clusters``."""
        Path(f"{self.path}.would").write_text(preview)
