"""``lighthouse wait`` against a real daemon whose balancer writes down what it serves."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lighthouse.commands.wait import wait
from lighthouse.daemon.client import DaemonClient
from lighthouse.daemon.locate import settings
from lighthouse.ipc.control import GetServed
from tests.fleet import Fleet
from tests.recorder import nodes
from tests.waiting import eventually


class Waiting:
    """A ``lighthouse wait`` that runs beside the test."""

    def __init__(self, fleet: Fleet, *words: Any) -> None:
        line = [sys.executable, "-P", "-m", "lighthouse.commands", "wait", *words]
        self.process = subprocess.Popen(
            [*line, "-c", str(fleet.config)],
            env=fleet.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def ends(self) -> tuple[int, str]:
        output, _ = self.process.communicate(timeout=30)
        return self.process.returncode, output


@pytest.fixture
def waiting(fleet: Fleet) -> Iterator[Callable[..., Waiting]]:
    begun = []

    def wait(*words: Any) -> Waiting:
        begun.append(Waiting(fleet, *words))
        return begun[-1]

    yield wait
    for one in begun:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()


def test_a_node_is_waited_for_until_the_balancer_has_it(
    fleet: Fleet, waiting: Callable[..., Waiting]
) -> None:
    fleet.node("web", "a", 80)
    fleet.start()
    eventually(lambda: nodes(fleet.record, "web") == ["a:80"], 20)
    present = waiting("web", "b:81")
    absent = waiting("web", "a", "--absent")
    for words in (["web", "127.0.0.1:80"], ["web", "a"], ["web", "a:80"], ["web"]):
        assert fleet.lighthouse("wait", *words).returncode == 0
    late = fleet.lighthouse("wait", "web", "b", "--timeout", "0.2")
    assert late.returncode == 1
    assert "not within 0.2 s: b is none of the 1 nodes of web" in late.stderr
    late = fleet.lighthouse("wait", "web", "--absent", "--timeout", "0.2")
    assert (late.returncode, "web still has a:80" in late.stderr) == (1, True)
    assert (present.process.poll(), absent.process.poll()) == (None, None)
    fleet.node("web", "b", 81)
    assert present.ends() == (0, "")
    assert nodes(fleet.record, "web") == ["a:80", "b:81"]
    (fleet.nodes / "web/a.json").unlink()
    assert absent.ends() == (0, "")
    assert nodes(fleet.record, "web") == ["b:81"]


def test_a_balancer_that_lags_is_waited_for_and_named(
    fleet: Fleet, waiting: Callable[..., Waiting]
) -> None:
    fleet.start()
    eventually(lambda: fleet.worker("recorder")["snapshot"]["outcome"], 20)
    worker = fleet.worker("recorder")["pid"]
    os.kill(worker, signal.SIGSTOP)
    try:
        fleet.node("web", "a", 80)
        eventually(lambda: fleet.status()["clusters"][0]["nodes"], 20)
        late = fleet.lighthouse("wait", "web", "a", "--timeout", "0.3")
        there = waiting("web", "a")
        assert late.returncode == 1
        assert "balancer recorder: has not applied the newest nodes yet" in late.stderr
        assert there.process.poll() is None
    finally:
        os.kill(worker, signal.SIGCONT)
    assert there.ends() == (0, "")


class Asked(DaemonClient):
    """Keeps the answers that it had."""

    answers: tuple[Any, ...] = ()

    def ask(self, question: Any, kind: Any, within: float) -> Any:
        answer = super().ask(question, kind, within)
        self.answers = (*self.answers, answer)
        return answer


def test_a_restart_of_the_daemon_is_waited_for(fleet: Fleet) -> None:
    fleet.start()
    eventually(lambda: fleet.worker("recorder")["snapshot"]["outcome"], 20)
    daemon = Asked(fleet.config, settings(fleet.config))
    with ThreadPoolExecutor(1) as beside:
        done = beside.submit(wait, daemon, GetServed("web", "a"), 60.0)
        try:
            eventually(lambda: daemon.answers, 20)
            fleet.kill()
            eventually(lambda: None in daemon.answers, 20, "it has seen that there is none")
            fleet.start()
            eventually(lambda: daemon.answers[-1] is not None, 20)
            assert not done.done()
        finally:
            fleet.node("web", "a", 80)
        assert done.result(20) is None
    assert nodes(fleet.record, "web") == ["a:80"]


def test_a_cluster_may_turn_up_a_little_later_but_not_for_ever(fleet: Fleet) -> None:
    fleet.start()
    eventually(lambda: fleet.worker("recorder")["snapshot"]["outcome"], 20)
    (fleet.nodes / "new").mkdir()
    daemon = Asked(fleet.config, settings(fleet.config))
    with ThreadPoolExecutor(1) as beside:
        done = beside.submit(wait, daemon, GetServed("new", absent=True), 60.0)
        eventually(lambda: daemon.answers, 20)
        fleet.write("clusters/unused.yaml", {"discovery": "files"})
        fleet.write("clusters/new.yaml", {"discovery": "files", "recorder": {}})
        assert done.result(20) is None
    assert daemon.answers[0].error == "no cluster new; there are: web"
    late = fleet.lighthouse("wait", "unused", "--timeout", "0.1")
    assert late.returncode == 1
    assert "no balancer of this host uses cluster unused" in late.stderr
    assert fleet.lighthouse("wait", "never", "--timeout", "0.1").returncode == 1
