"""What an author tells the suite of a balancer, and how the suite drives it."""

import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from lighthouse.cluster import Cluster
from lighthouse.ipc.messages import Applied, Validated
from lighthouse.ipc.payloads import Rehearsal
from lighthouse.ipc.snapshot import BalancerSnapshot, Part, PluginSettings
from lighthouse.testing.conformance.plugin import Config, PluginConformance
from lighthouse.testing.conversation import part
from lighthouse.testing.hosted import PluginHost, PluginWorker
from lighthouse.testing.values import cluster, node

_IPV4: Final = re.compile(r"(?<![\d.])\d+(?:\.\d+){3}(?!\d|\.\d)")

Content = Mapping[str, bytes]
"""Files by name, relative to the test's directory, with what is in them."""


class BalancerSubject(PluginConformance):
    """The attributes and methods that a subclass of ``BalancerConformance`` may give."""

    kind: ClassVar[str] = "balancer"

    section: ClassVar[Config | None] = None
    """What a cluster's file says to this balancer; None: it needs no section."""

    bad_sections: ClassVar[Mapping[str, Config]] = {}
    """Wrong sections, each by the place that the refusal has to name."""

    settle: ClassVar[float] = 0.0
    """Seconds after a sync until the files are as they stay, for one that writes later."""

    patience: ClassVar[float] = 10.0
    """Seconds that a call may take at most: the ``sync_timeout`` of its worker."""

    kills: ClassVar[int] = int(os.environ.get("LIGHTHOUSE_KILLS", "6"))
    """At how many of a sync's system calls its worker is killed; all, if it has fewer."""

    names_nodes: ClassVar[bool] = True
    """False for one that writes no addresses into what it keeps, so that none are sought."""

    def configs(self, directory: Path) -> Sequence[Config]:
        """One or more good contents of the plugin's YAML file, that keep all files below
        ``directory``. With two or more, changes between them are tried."""
        raise NotImplementedError

    def bad_configs(self, directory: Path) -> Mapping[str, Config]:
        """Wrong contents, each by the place that the refusal has to name."""
        raise NotImplementedError

    def section_for(self, name: str) -> Config | None:
        """The section of one cluster, for software in which no two may have the same."""
        return self.section

    def kept(self, directory: Path) -> Content:
        """The files that the plugin keeps, with what is compared of them.

        All whose names do not begin with a dot. Leave out what is not the plugin's (a log, a
        pid file), and what may differ between two that are equally good.
        """
        return files_below(directory)

    def served(self, directory: Path) -> object:
        """What the software serves now: by default, what its files say."""
        return self.kept(directory)

    def with_tool(self, directory: Path, tool: Path) -> Config | None:
        """The first of ``configs``, with ``tool`` as the command that checks or reloads.

        It does what ``real_tool`` does, until a test has it fail, hang or lie. None if there is
        no such command.
        """
        return None

    real_tool: ClassVar[str] = "true"
    """The command that ``tool`` stands in for, with all its arguments."""

    # what the suite works with

    def good(self, host: PluginHost) -> Config:
        """The first good config."""
        return dict(self.configs(host.directory)[0])

    def web(self, *places: Any, name: str = "web", **options: Any) -> Cluster:
        """A cluster with this balancer's section; without places, with two nodes."""
        section = self.section_for(name)
        members = [node(one) if isinstance(one, str) else one for one in places]
        return cluster(name, *members, config=section and dict(section), **options)

    def two(self) -> Cluster:
        """The cluster with two nodes, from which most tests start."""
        return self.web("10.0.0.1:8001", "10.0.0.2:8002")

    def three(self) -> Cluster:
        """The same cluster with one node gone, and two that are new."""
        return self.web("10.0.0.2:8002", "10.0.0.3:8003", "10.0.0.4:8004")

    def settled(self, host: PluginHost) -> Content:
        """What is kept once it is as it stays."""
        deadline = time.monotonic() + self.settle
        while time.monotonic() < deadline:
            time.sleep(min(0.05, self.settle))
        return self.kept(host.directory)

    def serving(self, host: PluginHost, powerless: bool = False) -> "BalancerWorker":
        """A worker that syncs; any former one is ended."""
        return BalancerWorker(host.worker(powerless), self.patience)

    def asked(self, host: PluginHost) -> "BalancerWorker":
        """A worker beside the one that serves, which is only asked and never syncs."""
        return BalancerWorker(host.beside(), self.patience)

    def result(self, host: PluginHost, config: Config, *clusters: Cluster) -> Content:
        """What a first sync from nothing ends in."""
        self.clear(host)
        self.serving(host).succeed(config, *clusters)
        return self.settled(host)

    def clear(self, host: PluginHost) -> None:
        """End workers and software, and remove all files."""
        host.end_workers()
        self.stop(host)
        host.empty()

    def missing(self, host: PluginHost, wanted: Cluster) -> list[str]:
        """The addresses of a cluster that no kept file names."""
        if not self.names_nodes:
            return []
        text = b"\n".join(self.settled(host).values()).decode("utf-8", "replace")
        named = set(_IPV4.findall(text))
        return [
            each.ip
            for each in wanted.nodes
            if each.ip not in named and not (":" in each.ip and each.ip in text)
        ][:5]


class BalancerWorker:
    """A worker of the balancer, told what the supervisor tells one."""

    def __init__(self, worker: PluginWorker, patience: float) -> None:
        self.worker: Final = worker
        self._patience: Final = patience
        self._parts: Final[dict[str, Part]] = {}
        self._revision = 0
        self._said: Applied | None = None

    def sync(
        self, config: Config, *clusters: Cluster, accepted: Config | None = None
    ) -> Applied | None:
        """What came of a sync; None if the call hangs, or its process has ended.

        ``accepted`` is the config that is in force where ``config`` is refused.
        """
        self.worker.deliver(self._snapshot(config, clusters, accepted))
        return self.outcome()

    def outcome(self) -> Applied | None:
        """What the newest sync came to."""
        version = self.worker.version
        deadline = time.monotonic() + self._patience
        self._said = None
        while self._said is None or self._said.version != version:
            self._said = self.worker.answer(Applied, deadline - time.monotonic())
            if self._said is None:
                break
        return self._said

    def newest(self) -> Applied | None:
        """The last that was said of the newest sync: a later write may have failed, say."""
        for said in self.worker.received(Applied):
            self._said = said
        return self._said

    def begin(self, config: Config, *clusters: Cluster) -> None:
        """Have a sync begin, and wait for nothing."""
        self.worker.deliver(self._snapshot(config, clusters, None))

    def said(self, config: Config, *clusters: Cluster, accepted: Config | None = None) -> Applied:
        """What came of a sync; fails if it does not come back in time."""
        found = self.sync(config, *clusters, accepted=accepted)
        if found is None:
            how = f"did not return within {self._patience:g} s: it hangs"
            if self.worker.ended:
                how = f"did not return: {self.worker.end}"
            raise AssertionError(f"sync_file {how}\n{self.worker.log}")
        return found

    def succeed(self, config: Config, *clusters: Cluster) -> Applied:
        """What came of a sync that has to go well: applied or unchanged."""
        found = self.said(config, *clusters)
        assert found.kind in ("applied", "unchanged"), (
            f"sync_file ended {found.kind}, expected it to go well: {told(found)}"
        )
        return found

    def examine(self, config: Config, *clusters: Cluster) -> Validated:
        """What ``lighthouse check`` is told."""
        return self.worker.validate(self._snapshot(config, clusters, None))

    def preview(self, config: Config, *clusters: Cluster) -> Rehearsal:
        """What ``lighthouse plan`` is told, by a worker that was sent nothing else."""
        return self.worker.rehearse(self._snapshot(config, clusters, None))

    def _snapshot(
        self, config: Config, clusters: Sequence[Cluster], accepted: Config | None
    ) -> BalancerSnapshot:
        parts = tuple(self._part(one) for one in sorted(clusters, key=lambda one: one.name))
        return BalancerSnapshot(PluginSettings(config, accepted), parts)

    def _part(self, wanted: Cluster) -> Part:
        """A cluster under the revision that it has as long as nothing of it changes."""
        settings = None if wanted.config is None else PluginSettings(wanted.config)
        held = self._parts.get(wanted.name)
        if held is None or part(wanted, held.revision, settings) != held:
            self._revision += 1
            held = self._parts[wanted.name] = part(wanted, self._revision, settings)
        return held


def told(said: Applied) -> str:
    """An outcome's reason, and its traceback if there is one."""
    reason = said.reason or "the plugin says no reason"
    return f"{reason}\n{said.traceback}".rstrip()


def files_below(directory: Path, hidden: bool = False) -> dict[str, bytes]:
    """Every regular file below a directory, by name, with its content."""
    found = {}
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        if (hidden or not any(step.startswith(".") for step in Path(name).parts)) and (
            path.is_file()
        ):
            try:
                found[name] = path.read_bytes()
            except FileNotFoundError:  # renamed away just now
                continue
    return found


def difference(expected: Content, found: Content) -> str:
    """How two sets of files differ, in words; empty if they do not."""
    told = []
    for name in sorted({*expected, *found}):
        one, other = expected.get(name), found.get(name)
        if one == other:
            continue
        if one is None or other is None:
            told.append(f"{name} is {'new' if one is None else 'gone'}")
        else:
            told.append(f"{name}: {one[:400]!r} became {other[:400]!r}")
    return "; ".join(told)
