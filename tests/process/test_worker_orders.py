"""Workers that an operator pauses, and what is told of those that come near to a budget."""

import signal

from tests.fleet import Fleet
from tests.recorder import nodes
from tests.waiting import eventually

LARGE = """
from lighthouse import hookimpl
from lighthouse.balancer import Balancer


class Large(Balancer):
    def apply_config(self, config):
        self.leaked = b"x" * (60 << 20)

    def sync_file(self, clusters):
        pass


@hookimpl
def lighthouse_balancer():
    return Large
"""


def test_a_paused_worker_does_nothing_until_it_is_resumed(fleet: Fleet) -> None:
    fleet.node("web", "one", 80)
    fleet.start()
    eventually(lambda: nodes(fleet.record, "web") == ["one:80"])
    refused = fleet.lighthouse("pause-worker", "recorde", "--reason", "typo")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "there are: balancer/recorder, discovery/files" in refused.stderr

    paused = fleet.lighthouse("pause-worker", "recorder", "--reason", "goes mad", "--for", "1h")
    assert (paused.returncode, paused.stdout) == (0, "lighthouse: balancer recorder: is paused\n")
    assert "serves on as it was configured last" in paused.stderr
    fleet.node("web", "two", 81)
    eventually(lambda: len(fleet.status()["clusters"][0]["nodes"]) == 2)

    fleet.kill(signal.SIGKILL)
    fleet.start()
    document = eventually(fleet.status)
    worker = fleet.worker("recorder")
    assert (worker["state"], worker["pid"], document["healthy"]) == ("paused", None, False)
    assert worker["paused"]["reason"] == "goes mad"
    assert [pause["name"] for pause in document["pauses"]] == ["recorder"]
    (problem,) = [line for line in document["problems"] if "recorder" in line]
    assert problem.startswith("balancer recorder: is paused by ")
    assert problem.endswith(": goes mad")
    restarted = fleet.lighthouse("restart-worker", "recorder")
    assert restarted.returncode == 1
    assert "resume-worker" in restarted.stderr
    assert "is paused" in fleet.lighthouse("wait", "web", "two", "--timeout", "0").stderr
    assert nodes(fleet.record, "web") == ["one:80"]

    resumed = fleet.lighthouse("resume-worker", "balancer/recorder")
    assert resumed.stdout == "lighthouse: balancer recorder: goes on\n"
    eventually(lambda: sorted(nodes(fleet.record, "web")) == ["one:80", "two:81"])
    eventually(lambda: fleet.status()["healthy"])
    again = fleet.lighthouse("resume-worker", "recorder")
    assert (again.returncode, "was not paused" in again.stdout) == (0, True)


def test_a_pause_ends_by_itself(fleet: Fleet) -> None:
    fleet.start()
    eventually(lambda: fleet.status()["healthy"])
    words = ("pause-worker", "recorder", "--reason", "for a moment")
    assert fleet.lighthouse(*words, "--for", "0.5").returncode == 0
    eventually(lambda: fleet.status()["healthy"])
    assert not fleet.status()["pauses"]
    assert "its time is over" in fleet.log.read_text()


def test_what_comes_near_to_a_budget_is_told_before_it_is_ended(fleet: Fleet) -> None:
    fleet.plugin("large", LARGE)
    fleet.write("balancers/large.yaml", {"worker": {"memory": "100M"}})
    fleet.start()
    worker = eventually(lambda: (w := fleet.worker("large"))["warnings"] and w)
    (warning,) = worker["warnings"]
    assert warning.endswith("MiB, near its budget of 100 MiB: beyond that it is started again")
    assert worker["limits"]["memory"] == 100 << 20
    eventually(lambda: fleet.status()["healthy"])
    assert warning in fleet.lighthouse("status").stdout
    assert "of 100 MB" in fleet.lighthouse("status", "--worker", "large").stdout
    assert f"balancer large: {warning}" in fleet.log.read_text()
    assert fleet.worker("large")["restarts"] == 0
