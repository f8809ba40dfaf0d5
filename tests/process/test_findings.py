"""What the software behind a balancer says of a config, from the plugin to the operator."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lighthouse.cluster import Cluster
from lighthouse.ipc.messages import Applied
from lighthouse.ipc.snapshot import BalancerSnapshot, PluginSettings
from lighthouse.schema import Problem, Rejection
from lighthouse.supervisor.store import Store
from tests.critic import SOURCE, Critic
from tests.fleet import Fleet
from tests.rig import Rig, part
from tests.waiting import eventually

TAKEN = "Finding(('port',), 'taken', 'web')"
ODD = "Finding(('says',), 'odd', None, True)"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        yield rig


def snapshot(
    critic: Critic, revision: int = 1, accepted: Any = None, **ports: Any
) -> BalancerSnapshot:
    parts = [
        part(Cluster(name), revision, PluginSettings({"port": port}, accepted))
        for name, port in ports.items()
    ]
    bare = part(Cluster("bare"), revision)
    return BalancerSnapshot(PluginSettings(critic.config), (*parts, bare))


def test_findings_travel_with_the_outcome_while_the_plugin_gets_the_newest(
    rig: Rig, critic: Critic
) -> None:
    critic.says(TAKEN, ODD)
    rig.deliver(snapshot(critic, accepted={"port": 8}, web=1))
    applied = rig.expect(Applied)
    assert applied.kind == "applied"
    assert applied.rejections == (Rejection((Problem(("port",), "taken"),), "web"),)
    assert applied.warnings == (Rejection((Problem(("says",), "odd"),)),)
    rig.printed("('web', {'port': 1})")
    critic.says()
    applied = rig.expect(Applied)
    assert (applied.rejections, applied.warnings) == ((), ())


def test_findings_join_what_validation_rejects(rig: Rig, critic: Critic) -> None:
    critic.says("Finding((), 'odd', 'api')", TAKEN, "Finding((), 'lost', 'bare')")
    rig.deliver(snapshot(critic, accepted={"port": 8}, api=0, web=1))
    found = {r.cluster: [p.message for p in r.problems] for r in rig.expect(Applied).rejections}
    assert found == {"api": ["port 0", "odd"], "web": ["taken"], None: ["cluster bare: lost"]}


def test_a_plugin_that_raises_takes_back_nothing_but_about_what_changed(
    rig: Rig, critic: Critic
) -> None:
    critic.says(TAKEN, "Finding((), 'odd', 'api')")
    rig.deliver(snapshot(critic, web=1, api=2))
    rig.expect(Applied)
    critic.says("1 / 0")
    failed = rig.expect(Applied)
    assert (failed.kind, [r.cluster for r in failed.rejections]) == ("failed", ["web", "api"])
    version = rig.deliver(snapshot(critic, 2, web=1, api=3))
    failed = rig.expect(Applied, lambda m: m.version == version)
    assert (failed.kind, [r.cluster for r in failed.rejections]) == ("failed", ["web"])
    critic.says()
    assert rig.expect(Applied, lambda m: m.kind == "applied").rejections == ()


@pytest.mark.parametrize("odd", ["7", "'port: taken'", "Finding('port', 'taken')"])
def test_what_is_no_finding_fails_the_sync(rig: Rig, critic: Critic, odd: str) -> None:
    critic.says(odd)
    rig.deliver(snapshot(critic, web=1))
    applied = rig.expect(Applied)
    assert applied.kind == "failed"
    assert "sync_file: a finding" in applied.reason


def test_thousands_of_findings_fit_the_frame(rig: Rig, critic: Critic) -> None:
    clusters = {f"cluster-{n}": n for n in range(1, 1001)}
    critic.says("*(Finding(('port',), 'x' * 400, f'cluster-{n}') for n in range(1, 1001))", ODD)
    rig.deliver(snapshot(critic, **clusters))
    applied = rig.expect(Applied)
    assert 0 < len(applied.rejections) == 1000 - applied.left_out
    assert applied.warnings


def test_the_software_is_asked_about_what_validation_lets_pass(rig: Rig, critic: Critic) -> None:
    critic.says(TAKEN, ODD)
    answer = rig.validate(snapshot(critic, web=1, api=0))
    assert answer.reason == ""
    assert [(r.cluster, r.problems[0].message) for r in answer.rejections] == [
        ("api", "port 0"),
        ("web", "taken"),
    ]
    assert [(r.cluster, r.problems[0].message) for r in answer.warnings] == [(None, "odd")]
    rig.printed("examine [('bare', None, False, 0), ('web', {'port': 1}, False, 0)]")
    assert not rig.working


def test_the_software_is_not_asked_about_a_rejected_config(rig: Rig, critic: Critic) -> None:
    wrong = BalancerSnapshot(PluginSettings({"bad": 1}), snapshot(critic, api=0).clusters)
    answer = rig.validate(wrong)
    assert [r.cluster for r in answer.rejections] == [None, "api"]
    assert "examine" not in rig.log


def test_an_examination_that_fails_says_so(rig: Rig, critic: Critic) -> None:
    critic.says("1 / 0")
    answer = rig.validate(snapshot(critic, api=0))
    told = "examine: ZeroDivisionError: division by zero (own 1.0, entry point own = plugin_own, "
    assert answer.reason.startswith(told)
    assert [r.cluster for r in answer.rejections] == ["api"]
    critic.says("7")
    assert rig.validate(snapshot(critic)).reason.startswith("examine: a finding is 7, expected")


def faults(fleet: Fleet, kind: str = "config_errors") -> list[str]:
    found = fleet.status()["supervisor"][kind]
    return [f"{e['file']}:{e['line']}:{e['column']}: {e['message']}" for e in found]


def accepted(fleet: Fleet) -> Any:
    return Store(fleet.root / "state").good().by_key().get(("balancer", "critic", "web"))


def test_the_daemon_shows_findings_and_follows_the_software_both_ways(
    criticised: Fleet, critic: Critic
) -> None:
    fleet = criticised
    fleet.start()
    eventually(lambda: accepted(fleet) == {"port": 1}, 20)
    fleet.write("clusters/web.yaml", "discovery: files\ncritic:\n  port: 2\n")
    critic.says(TAKEN)
    eventually(lambda: faults(fleet) == ["clusters/web.yaml:3:3: critic.port: taken"])
    eventually(lambda: fleet.status()["problems"] == faults(fleet))
    assert not fleet.status()["healthy"]
    eventually(lambda: "clusters/web.yaml:3:3: critic.port: taken" in fleet.log.read_text())
    critic.says()
    eventually(lambda: faults(fleet) == [])
    eventually(lambda: accepted(fleet) == {"port": 2})
    critic.says(TAKEN)
    eventually(lambda: faults(fleet))
    fleet.write("clusters/web.yaml", "discovery: files\ncritic:\n  port: 3\n")
    eventually(lambda: "('web', {'port': 3})" in fleet.log.read_text())
    eventually(lambda: faults(fleet) == ["clusters/web.yaml:3:3: critic.port: taken"])
    assert accepted(fleet) == {"port": 2}


def test_a_warning_is_shown_and_leaves_the_daemon_healthy(
    criticised: Fleet, critic: Critic
) -> None:
    fleet = criticised
    critic.says(ODD)
    fleet.start()
    where = "balancers/critic.yaml:1:1: says: odd"
    eventually(lambda: faults(fleet, "config_warnings") == [where], 20)
    status = eventually(lambda: (s := fleet.status())["healthy"] and s)
    assert status["problems"] == []
    shown = fleet.lighthouse("status")
    assert (shown.returncode, shown.stdout.count(f"warning: {where}")) == (0, 1)
    critic.says()
    eventually(lambda: faults(fleet, "config_warnings") == [])


def test_status_of_one_worker_shows_what_its_plugin_says(
    criticised: Fleet, critic: Critic
) -> None:
    fleet = criticised
    fleet.start()
    eventually(lambda: fleet.worker("critic")["status"], 20)
    shown = fleet.lighthouse("status", "--worker", "critic")
    assert shown.returncode == 0
    lines = [line.strip() for line in shown.stdout.splitlines()]
    assert [line for line in lines if line][-5:] == [
        *("binds:", "- port: 1", "why: null"),
        *("counts:", "reloads: 3"),
    ]
    critic.says("1 / 0")
    eventually(lambda: fleet.lighthouse("status", "--worker", "critic").returncode == 1)
    told = fleet.lighthouse("status", "--worker", "critic").stdout
    assert "Traceback" in told
    assert "ZeroDivisionError" in told
    assert fleet.lighthouse("status", "--worker", "files").returncode == 0
    nobody = fleet.lighthouse("status", "--worker", "nix")
    assert nobody.returncode == 1
    assert nobody.stderr == "lighthouse: no worker nix; there are: critic, files\n"


def test_check_has_the_software_judge(criticised: Fleet, critic: Critic) -> None:
    fleet = criticised
    critic.says(ODD)
    result = fleet.lighthouse("check")
    assert result.returncode == 0
    assert result.stdout == "balancers/critic.yaml:1:1: warning: says: odd\n4 files good\n"
    critic.says(ODD, TAKEN)
    result = fleet.lighthouse("check")
    assert result.returncode == 1
    assert result.stdout.splitlines() == [
        "balancers/critic.yaml:1:1: warning: says: odd",
        "clusters/web.yaml:3:3: critic.port: taken",
    ]


@pytest.mark.parametrize(
    ("says", "shown"),
    [("1 / 0", "ZeroDivisionError"), ("time.sleep(600)", "no answer within 4 s: killed")],
)
def test_an_examination_that_breaks_costs_only_itself(
    criticised: Fleet, critic: Critic, says: str, shown: Any
) -> None:
    fleet = criticised
    fleet.write("lighthouse.yaml", {"worker": {"start_timeout": 3, "sync_timeout": 1}})
    other = Critic(critic.path.with_name("other"))
    other.says("Finding((), 'no good')")
    fleet.write("balancers/other.yaml", {"plugin": "critic", **other.config})
    critic.says(says)
    result = fleet.lighthouse("check")
    assert result.returncode == 1
    assert [line.split(": ")[0] for line in result.stdout.splitlines()] == [
        "balancers/critic.yaml:1:1",
        "balancers/other.yaml:1:1",
    ]
    assert shown in result.stdout
    assert "no good" in result.stdout
