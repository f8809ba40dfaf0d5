"""Runs the demonstration once: starts it, goes through its steps, ends it, sums it up."""

import contextlib
import signal
import time
from typing import Final

from lighthouse.config.schema.types import DaemonSettings as Settings
from lighthouse.daemon.client import DaemonClient
from lighthouse.demo.expectations import Expectations
from lighthouse.demo.losses import kill_behind
from lighthouse.demo.output import Output
from lighthouse.demo.proxy import ObservedProxy
from lighthouse.demo.scenario import Scenario
from lighthouse.demo.services import Services
from lighthouse.demo.stage import console, show_log, workplace
from lighthouse.demo.traffic import RequestStream
from lighthouse.demo.tree import DemoTree, choose

RATE: Final = 200.0
"""Requests per second."""


def run(seconds: float | None) -> bool:
    """Return True if all went as it must, within ``seconds``, or until Ctrl-C if None.

    Whatever happens, everything that was started is ended and the directory is removed.
    """
    output = Output(console())
    with workplace() as directory, contextlib.ExitStack() as stack:
        plan, tree = choose(), DemoTree(directory)
        tree.write(plan)
        log = directory / "daemon.log"
        services, stream = Services(tree, log), RequestStream(list(plan.fronts.values()), RATE)
        proxy = ObservedProxy(tree.haproxy / "haproxy.sock", tree.haproxy / "haproxy.pid")
        daemon = DaemonClient(tree.root, Settings(run_dir=tree.root / "run"))
        stack.callback(proxy.end)
        stack.callback(services.end)
        stack.callback(stream.stop)
        expectations = Expectations(services, stream, proxy, daemon)
        scenario = Scenario(plan, tree, services, stream, proxy, expectations, output)
        _run_steps(scenario, output, seconds)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # the end is near and must not be disturbed
        stream.stop()
        right = _tell(scenario, stream, output, services.stop_daemon())
        if not right:
            show_log(log, output)
    return right


def _run_steps(scenario: Scenario, output: Output, seconds: float | None) -> None:
    """All steps; with a duration each has its share of it, without one some are repeated."""
    steps = scenario.steps()
    with contextlib.suppress(KeyboardInterrupt):
        for number, (title, step) in enumerate(steps, 1):
            if not scenario.run(title, step):
                return
            _pause(2.0 if seconds is None else seconds * number / len(steps) - output.elapsed())
        while seconds is None:
            for title, step in scenario.repeatable():
                if not scenario.run(title, step):
                    return
                _pause(2.0)


def _pause(seconds: float) -> None:
    if seconds > 0:
        time.sleep(seconds)


def _tell(scenario: Scenario, stream: RequestStream, output: Output, status: int | None) -> bool:
    """Print the summary; return True if all of it is as it must be."""
    blamed = [(failure, kill_behind(failure, scenario.kills)) for failure in stream.failures]
    for failure, kill in blamed:
        when = f"{failure.what}, sent at {output.since(failure.sent):.2f} s"
        if kill is not None:
            output.note(f"failed: {when}; sent to {kill.name} as that was killed")
        else:
            output.failed(f"failed: {when}; {failure.server or 'no server named'}")
    lost = sum(kill is None for _, kill in blamed)
    facts = [
        ("requests", str(stream.requests), stream.requests > 0 or not scenario.results),
        ("failed requests", _losses(len(blamed) - lost, lost), lost == 0),
        ("slowest request", f"{stream.slowest * 1000:.0f} ms", True),
        ("HAProxy reloads", str(scenario.reloads), scenario.reloads == 0),
        ("restarts", "; ".join(scenario.restarts) or "none", True),
        ("daemon's end", _ending(status), status == 0),
    ]
    output.table(scenario.results, facts)
    return all(result.right for result in scenario.results) and all(right for *_, right in facts)


def _losses(excused: int, lost: int) -> str:
    if not excused and not lost:
        return "none"
    return f"{excused} sent to a service as it was killed, {lost} for no such reason"


def _ending(status: int | None) -> str:
    return "killed" if status is None else f"exit status {status} on SIGTERM"
