"""The steps: what is done to the services, the daemon and HAProxy, and what must follow."""

import os
import signal
import time
from collections.abc import Callable
from typing import Final

from lighthouse.demo.expectations import ExpectationFailed, Expectations
from lighthouse.demo.losses import Kill
from lighthouse.demo.output import Output, StepResult
from lighthouse.demo.proxy import ObservedProxy
from lighthouse.demo.services import Services
from lighthouse.demo.traffic import RequestStream
from lighthouse.demo.tree import STUCK, DemoTree, Plan

ScenarioStep = Callable[[], str]
"""Returns what was observed, or raises ``ExpectationFailed``."""


class Scenario:
    """Runs the steps; keeps the results, the kills and the restarts for the summary."""

    def __init__(
        self,
        plan: Plan,
        tree: DemoTree,
        services: Services,
        stream: RequestStream,
        proxy: ObservedProxy,
        expectations: Expectations,
        output: Output,
    ) -> None:
        self._plan: Final = plan
        self._tree: Final = tree
        self._services: Final = services
        self._stream: Final = stream
        self._proxy: Final = proxy
        self._expect: Final = expectations
        self._output: Final = output
        self._victim: Final = plan.services["web"][1]
        self._pids: tuple[int, ...] = ()
        self.results: Final[list[StepResult]] = []
        self.kills: Final[list[Kill]] = []
        self.restarts: Final[list[str]] = []
        self.reloads = 0

    def steps(self) -> list[tuple[str, ScenarioStep]]:
        """All steps; each starts from what the one before has left."""
        return [
            ("start the services, the daemon and HAProxy", self._begin),
            *self.repeatable(),
            ("add a node by hand", self._add_node),
            ("start a plugin that hangs", self._hang_plugin),
            ("kill -9 the HAProxy worker", self._kill_worker),
            ("kill -9 the supervisor", self._kill_supervisor),
        ]

    def repeatable(self) -> list[tuple[str, ScenarioStep]]:
        """The steps that can be repeated."""
        return [("kill a service", self._kill_service), ("revive it", self._revive_service)]

    def run(self, title: str, step: ScenarioStep) -> bool:
        """Run one step; return True if it went as it must."""
        self._output.step(title)
        began = time.monotonic()
        try:
            observed, right = step(), True
            self._no_reload()
        except ExpectationFailed as failed:
            observed, right = str(failed), False
            self._output.failed(observed)
        self.results.append(StepResult(title, observed, time.monotonic() - began, right))
        return right

    def _begin(self) -> str:
        for ports in self._plan.services.values():
            for port in ports:
                self._services.start_service(port)
        pid = self._services.start_daemon()
        self._output.note(f"supervisor {pid}, configuration {self._tree.root}")
        for cluster, ports in self._plan.services.items():
            self._expect.serving(cluster, frozenset(ports))
            front = self._plan.fronts[cluster]
            self._output.observed(
                f"{cluster}: 127.0.0.1:{front} leads to {len(ports)} checked services"
            )
        self._expect.healthy()
        self._pids = self._proxy.pids()
        self._output.note(f"HAProxy's processes: {_listed(self._pids)}")
        self._stream.start()
        self._expect.traffic()
        self._output.observed("a steady stream of requests runs, with keep-alive and without")
        count = sum(map(len, self._plan.services.values()))
        return f"{count} services checked, registered and served"

    def _kill_service(self) -> str:
        servers = self._names("web", self._victim)
        left = frozenset(self._plan.services["web"]) - {self._victim}
        left |= self._proxy.serving("web") - frozenset(self._plan.services["web"])
        at = time.monotonic()
        self._services.kill_service(self._victim)
        try:
            self._expect.serving("web", left)
        finally:
            name = f"web on port {self._victim}"
            self.kills.append(Kill(name, servers, at, time.monotonic()))
        took = time.monotonic() - at
        self._output.observed(
            f"web on port {self._victim} is dead; HAProxy dropped it {took:.2f} s later"
        )
        return f"HAProxy dropped it after {took:.2f} s"

    def _revive_service(self) -> str:
        at = time.monotonic()
        wanted = self._proxy.serving("web") | {self._victim}
        self._services.start_service(self._victim)
        self._expect.serving("web", wanted)
        self._expect.answers(self._victim)
        took = time.monotonic() - at
        self._output.observed(
            f"web on port {self._victim} answers requests again, {took:.2f} s later"
        )
        return f"it answers requests again after {took:.2f} s"

    def _add_node(self) -> str:
        self._services.start_service(self._plan.spare)
        self._expect.listens(self._plan.spare)
        took = self._add("api")
        self._output.observed(f"HAProxy serves it {took} after its file appeared")
        self._expect.answers(self._plan.spare)
        self._output.observed("and it answers requests")
        return f"HAProxy served it after {took}"

    def _hang_plugin(self) -> str:
        self._tree.hang_plugin()
        self._expect.hangs(STUCK)
        self._output.note("its worker hangs in sync_file; HAProxy's worker does not notice:")
        took = self._add("web")
        self._output.observed(f"another node is served {took} after its file appeared")
        worker = self._expect.restarted(STUCK)
        self._output.observed(f"the hung worker was killed and started again: {worker.last_exit}")
        self.restarts.append(f"{STUCK} ({worker.last_exit})")
        self._tree.remove_plugin()
        self._expect.gone(STUCK)
        self._expect.healthy()
        self._output.observed("the plugin's file is removed: its worker is gone, all is healthy")
        return f"killed and started again; HAProxy followed meanwhile in {took}"

    def _kill_worker(self) -> str:
        old = self._expect.at_work("haproxy")
        at = time.monotonic()
        os.kill(old, signal.SIGKILL)
        new = self._expect.at_work("haproxy", instead_of=old)
        took = time.monotonic() - at
        self._output.observed(f"worker {new} took HAProxy over from {old}, {took:.2f} s later")
        self.restarts.append("haproxy (kill -9)")
        self._expect.healthy()
        return f"a new worker took HAProxy over after {took:.2f} s, without a reload"

    def _kill_supervisor(self) -> str:
        workers = [worker.pid for worker in self._expect.document().workers if worker.pid]
        before = self._stream.requests
        at = time.monotonic()
        self._services.kill_daemon()
        self._expect.all_end(workers)
        self._output.observed(f"its {len(workers)} workers ended with it; HAProxy serves on")
        pid = self._services.start_daemon()
        self._expect.at_work("haproxy")
        self._expect.healthy()
        took = time.monotonic() - at
        served = self._stream.requests - before
        self._output.observed(f"supervisor {pid} adopted everything, {took:.2f} s after the kill;")
        self._output.observed(f"{served} requests were made meanwhile")
        self.restarts.append("supervisor (kill -9)")
        return f"adopted without a reload after {took:.2f} s; {served} requests meanwhile"

    def _add(self, cluster: str) -> str:
        """The time from a node's file to its place in HAProxy."""
        wanted = self._proxy.serving(cluster) | {self._plan.spare}
        at = time.monotonic()
        self._tree.add_node(cluster, self._plan.spare)
        self._expect.serving(cluster, wanted)
        return f"{(time.monotonic() - at) * 1000:.0f} ms"

    def _no_reload(self) -> None:
        """HAProxy's processes are those that it started with; a reload makes a new one."""
        pids = self._proxy.pids()
        if pids != self._pids:
            before, self._pids = self._pids, pids
            self.reloads += 1
            raise ExpectationFailed(
                f"HAProxy reloaded: its processes were {_listed(before)}, {_listed(pids)}"
            )

    def _names(self, cluster: str, port: int) -> frozenset[str]:
        """HAProxy's names of a server."""
        found = self._proxy.servers(cluster).items()
        return frozenset(name for name, (at, _) in found if at == port)


def _listed(pids: tuple[int, ...]) -> str:
    return ", ".join(map(str, pids)) or "none"
