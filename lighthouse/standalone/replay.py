"""Runs a recording against a plugin: ``python -m lighthouse.standalone.replay`` and these words.

``PLUGIN CONFIG FILE BALANCER SPEED``; ``CONFIG`` and ``BALANCER`` may be empty.
"""

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from lighthouse.balancer import APPLIED, Balancer, Outcome
from lighthouse.cluster import Cluster
from lighthouse.daemon.recording import Scene, UnreadableRecording, read
from lighthouse.standalone.changes import FileChanges
from lighthouse.text import plain
from lighthouse.workers.boundary.plugin_call import PluginError
from lighthouse.workers.loading.kind import BALANCER
from lighthouse.workers.loading.plugin import load
from lighthouse.workers.process import GivingUp

_GOOD: Final = ("unchanged", "applied", "held")


def main(arguments: list[str]) -> int:
    """Print what the plugin makes of each version; 0 if that went well."""
    name, config_file, file, balancer, speed = arguments
    try:
        plugin, report = load(BALANCER, name)
        config = _config(config_file)
        scenes = _of(read(Path(file)), balancer)
        print(f"{report.source}: {report.loaded} ({report.place})")
        changes = FileChanges()
        changes.watch()
        replay = Replay(plugin, config, float(speed))
        good = replay.run(scenes)
    except GivingUp as end:
        print(f"{name}: {end.reason}\n{end.traceback}".rstrip())
        return 1
    except (OSError, UnreadableRecording, yaml.YAMLError) as error:
        print(error)
        return 1
    # Whatever the plugin raises is what its author wants to see.
    except BaseException as error:  # noqa: BLE001
        failure = PluginError(name, error)
        print(failure.traceback or failure.reason, file=sys.stderr)
        return 1
    for path, diff in changes.differences():
        print(f"changed: {path}\n{diff}")
    return 0 if good else 1


class Replay:
    """One instance of a plugin that is given one version after the other."""

    def __init__(self, plugin: type[Balancer], config: dict[str, Any], speed: float) -> None:
        plugin.validate_config(config)
        self._plugin: Final = plugin
        self._speed: Final = speed
        self._instance: Final = plugin()
        self._instance.apply_config(config)
        self._took: Final[list[float]] = []
        self._kinds: Final[Counter[str]] = Counter()

    def run(self, scenes: Iterable[Scene]) -> bool:
        """Return True if all went well."""
        began: tuple[float, float] | None = None
        try:
            for scene in scenes:
                if began is None:
                    began = time.monotonic(), scene.at
                if self._speed > 0:
                    self._pass(began[0] + (scene.at - began[1]) / self._speed)
                self._sync(scene)
        finally:
            self._instance.close()
        self._sum_up()
        return all(kind in _GOOD for kind in self._kinds)

    def _pass(self, until: float) -> None:
        """Let the plugin do in time what it does by itself."""
        while (left := until - time.monotonic()) > 0:
            after = self._instance.wake_after()
            time.sleep(left if after is None else min(left, max(after, 0.01)))
            if after is not None:
                self._instance.wake()

    def _sync(self, scene: Scene) -> None:
        clusters = [one for one in scene.given() if self._is_given(one)]
        for cluster in clusters:
            if cluster.config is not None:
                self._plugin.validate_cluster_config(cluster.config)
        began = time.monotonic()
        said = self._instance.sync_file(clusters)
        took = time.monotonic() - began
        outcome = said if isinstance(said, Outcome) else APPLIED
        self._took.append(took)
        self._kinds[outcome.kind] += 1
        nodes = sum(len(one.nodes) for one in clusters)
        reason = f": {plain(outcome.reason)}" if outcome.reason else ""
        what = f"{len(clusters)} clusters, {nodes} nodes"
        told = f"{outcome.kind}, {took * 1000:.1f} ms ({what}){reason}"
        print(f"{scene.at:9.3f} s  v{scene.version}: {told}")

    def _is_given(self, cluster: Cluster) -> bool:
        return cluster.known or bool(cluster.nodes) or self._plugin.handles_unknown

    def _sum_up(self) -> None:
        if not self._took:
            print("the recording has no version of that balancer")
            return
        ordered = sorted(self._took)
        half, most = ordered[len(ordered) // 2], ordered[-1]
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self._kinds.items()))
        print(f"{kinds}; median {half * 1000:.1f} ms, longest {most * 1000:.1f} ms")


def _of(scenes: Iterator[Scene], balancer: str) -> Iterator[Scene]:
    """Those of one balancer; without a name of the first that there is."""
    for scene in scenes:
        balancer = balancer or scene.balancer
        if scene.balancer == balancer:
            yield scene


def _config(file: str) -> dict[str, Any]:
    """The content of the plugin's file, without what is Lighthouse's own in it."""
    content = yaml.safe_load(Path(file).read_text(encoding="utf-8")) if file else {}
    if content is not None and not isinstance(content, dict):
        raise UnreadableRecording(f"{file}: expected a map")
    return {k: v for k, v in (content or {}).items() if k not in ("plugin", "worker")}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
