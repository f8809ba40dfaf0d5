"""``lighthouse plan``: what each balancer would do, with a daemon, without, and in trouble."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lighthouse.cluster import Cluster
from lighthouse.ipc.messages import Applied, Rehearse, Rehearsed, decode_as
from lighthouse.ipc.payloads import Rehearsal
from lighthouse.ipc.snapshot import BalancerSnapshot, PluginSettings, pack
from lighthouse.node import Node
from tests.critic import SOURCE, Critic
from tests.fleet import Fleet
from tests.rig import Rig, part
from tests.waiting import eventually

BUSY = "Preview('--- a\\n+++ b\\n@@ -1 +1 @@\\n-\\tx\\n+y\\x1b[2J\\n', ('one', 'two'), 'new bind')"
NODES = """Preview(
    "", tuple(f"{c.name} {n.name} {c.known} {c.stale}" for c in clusters for n in c.nodes)
)"""


def snapshot(critic: Critic, **sections: Any) -> BalancerSnapshot:
    nodes = (Node("a", "10.0.0.1", 80),)
    parts = [part(Cluster(name, [*nodes]), 1, content) for name, content in sections.items()]
    return BalancerSnapshot(PluginSettings(critic.config), tuple(parts))


def rehearse(rig: Rig, wanted: Any) -> Any:
    rig.send(Rehearse(), list(pack(wanted)))
    return decode_as(Rehearsal, rig.expect_payload(Rehearsed)[1])


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        yield rig


def test_a_rehearsal_is_the_preview_of_what_is_in_force(rig: Rig, critic: Critic) -> None:
    critic.would(BUSY)
    web, api, db = (
        PluginSettings({"port": 1}),
        PluginSettings({"port": 0}, {"port": 2}),
        PluginSettings({"port": 0}),
    )
    found = rehearse(rig, snapshot(critic, web=web, api=api, db=db))
    assert found.commands == ("one", "two")
    assert (found.diff.count("\n"), found.reload, found.reason) == (5, "new bind", "")
    assert [r.cluster for r in found.rejections] == ["api", "db"]
    rig.printed("[('api', {'port': 2}, ['a:80'], True, False), ('web', {'port': 1}")
    assert not rig.working
    assert "sync" not in rig.log


@pytest.mark.parametrize(
    ("would", "reason"),
    [
        ("1 / 0", "preview: ZeroDivisionError"),
        ("None", "preview: it is a NoneType, expected a Preview"),
        ("Preview(commands='one')", "preview: commands are a str"),
        ("Preview(findings=(7,))", "preview: a finding is 7, expected"),
    ],
)
def test_a_preview_that_is_none_says_why(
    rig: Rig, critic: Critic, would: str, reason: str
) -> None:
    critic.would(would)
    found = rehearse(rig, snapshot(critic, db=PluginSettings({"port": 0})))
    assert found.reason.startswith(reason)
    assert [r.cluster for r in found.rejections] == ["db"]


def test_a_large_preview_travels(rig: Rig, critic: Critic) -> None:
    critic.would(
        "Preview('+line\\n' * 10**6, ('set server',) * 10**5, 'x', (Finding((), 'odd'),))"
    )
    found = rehearse(rig, snapshot(critic))
    assert (len(found.diff), len(found.commands)) == (6 * 10**6, 10**5)
    assert found.rejections[0].problems[0].message == "odd"


def test_what_cannot_be_rehearsed_is_refused(rig: Rig, critic: Critic) -> None:
    rejected = rehearse(rig, BalancerSnapshot(PluginSettings({"bad": 1})))
    assert rejected.reason == "its config is rejected: bad is bad"
    rig.deliver(snapshot(critic))
    rig.expect(Applied)
    assert "serves" in rehearse(rig, snapshot(critic)).reason


def plan(fleet: Fleet, *words: Any) -> Any:
    result = fleet.lighthouse("plan", "--json", *words)
    assert result.stdout, result.stderr
    return result.returncode, json.loads(result.stdout)


def test_plan_for_people_shows_all(criticised: Fleet, critic: Critic) -> None:
    critic.would(BUSY)
    result = criticised.lighthouse("plan")
    assert result.returncode == 2
    assert result.stdout.splitlines() == [
        "critic: 2 commands, the file changes, reload: new bind",
        "  one",
        "  two",
        "--- a",
        "+++ b",
        "@@ -1 +1 @@",
        "-\tx",
        "+y\\x1b[2J",
    ]
    assert result.stderr == "no daemon runs, and none left a record of the nodes; not known: web\n"
    critic.would("Preview()")
    result = criticised.lighthouse("plan")
    assert (result.returncode, result.stdout) == (0, "critic: nothing to do\n")
    assert not (criticised.root / "state").exists()
    assert not criticised.run_dir.exists()


def test_plan_takes_the_nodes_from_the_daemon_else_from_its_last_record(
    criticised: Fleet, critic: Critic
) -> None:
    fleet = criticised
    critic.would(NODES)
    fleet.node("web", "a", 1)
    fleet.start()
    eventually(lambda: "a:1" in fleet.lighthouse("plan").stdout, 20)
    code, found = plan(fleet)
    assert (code, found["balancers"][0]["commands"]) == (2, ["web a:1 True False"])
    assert found["members"] == {"source": "daemon", "of": "", "age_seconds": None, "unknown": []}
    eventually(lambda: (fleet.root / "state" / "clusters" / "web").exists())
    fleet.kill()
    code, found = plan(fleet)
    assert (code, found["balancers"][0]["commands"]) == (2, ["web a:1 True True"])
    assert found["members"]["source"] == "state"
    assert 0 <= found["members"]["age_seconds"] < 60
    assert "no daemon runs: nodes as it last read them, " in fleet.lighthouse("plan").stderr


def test_plan_of_an_edited_copy_or_with_recorded_nodes(
    criticised: Fleet, critic: Critic, tmp_path: Path
) -> None:
    fleet = criticised
    critic.would(NODES)
    fleet.node("web", "a", 1)
    fleet.start()
    eventually(lambda: "a:1" in fleet.lighthouse("plan").stdout, 20)
    copy = tmp_path / "edited"
    shutil.copytree(fleet.config, copy)
    (copy / "lighthouse.yaml").unlink()
    (copy / "clusters/api.yaml").write_text("discovery: files\ncritic:\n  port: 2\n")

    def told(*words: str) -> tuple[str, str]:
        result = fleet.bare("plan", "-c", str(copy), *words)
        return result.stdout, result.stderr

    assert "none left a record" in told()[1]
    commands, source = told("--live", str(fleet.config))
    assert "web a:1 True False" in commands
    assert f"as the running daemon of {fleet.config} knows them; not known: api" in source
    fleet.env["LIGHTHOUSE_CONFIG"] = str(fleet.config)
    assert told() == (commands, source)  # that of the host
    del fleet.env["LIGHTHOUSE_CONFIG"]

    recorded = tmp_path / "recorded"
    eventually(lambda: fleet.worker("critic")["snapshot"]["applied"])
    assert fleet.lighthouse("record", str(recorded), "--for", "0").returncode == 0
    fleet.kill()
    commands, source = told("--snapshot", str(recorded))
    assert "web a:1 True False" in commands
    assert f"nodes as they were at the end of {recorded}" in source
    assert fleet.bare("plan", "-c", str(copy), "--live", str(fleet.config)).returncode == 1
    both = ("--live", str(fleet.config), "--snapshot", str(recorded))
    assert fleet.bare("plan", "-c", str(copy), *both).returncode == 1


def test_plan_knows_what_the_daemon_holds_back(criticised: Fleet, critic: Critic) -> None:
    fleet = criticised
    critic.would(NODES)
    fleet.write("clusters/web.yaml", {"discovery": "files", "shrink_guard": {"obey_after": 600}})
    paths = [fleet.node("web", name, port) for port, name in enumerate("abc", 1)]
    fleet.start()
    eventually(lambda: len(plan(fleet)[1]["balancers"][0]["commands"]) == 3, 20)
    for path in paths:
        path.unlink()
    held = eventually(lambda: len(h := fleet.status()["clusters"][0]["held_back"]) == 3 and h)
    assert plan(fleet)[1]["balancers"][0]["commands"] == [f"web {n} True False" for n in held]


def test_plan_shows_faults_and_what_would_be_done_all_the_same(
    criticised: Fleet, critic: Critic
) -> None:
    fleet = criticised
    fleet.start()
    eventually(lambda: (fleet.root / "state" / "config").exists(), 20)
    eventually(lambda: "sync" in fleet.log.read_text())
    critic.would(
        "Preview('', tuple(str(c.config) for c in clusters), '', FINDINGS)".replace(
            "FINDINGS", "(Finding(('port',), 'taken', 'web'), Finding((), 'odd', None, True))"
        )
    )
    result = fleet.lighthouse("plan")
    assert result.returncode == 1
    assert result.stdout.splitlines() == [
        "balancers/critic.yaml:1:1: warning: odd",
        "clusters/web.yaml:3:3: critic.port: taken",
        "critic: 1 command, no reload",
        "  {'port': 1}",
    ]
    fleet.write("clusters/web.yaml", "discovery: [\n")
    critic.would("Preview('', tuple(str(c.config) for c in clusters))")
    code, found = plan(fleet)
    assert (code, [fault["file"] for fault in found["faults"]]) == (1, ["clusters/web.yaml"])
    assert found["balancers"][0]["commands"] == ["{'port': 1}"]


def test_a_balancer_that_cannot_tell_costs_only_itself(criticised: Fleet, critic: Critic) -> None:
    fleet = criticised
    fleet.write("lighthouse.yaml", {"worker": {"start_timeout": 3, "sync_timeout": 1}})
    fleet.write("balancers/asleep.yaml", {"plugin": "critic", "says": f"{critic.path}.asleep"})
    (fleet.root / "says.asleep.would").write_text("time.sleep(600)")
    critic.would(BUSY)
    code, found = plan(fleet)
    assert code == 1
    told = "no answer within 4 s: killed; it hung in preview (critic 1.0, entry point critic = "
    assert found["balancers"][0]["error"].startswith(told)
    assert found["balancers"][1]["error"] == ""
    assert found["balancers"][1]["commands"] == ["one", "two"]
    assert [f["file"] for f in found["faults"]] == ["balancers/asleep.yaml"]
    code, found = plan(fleet, "--balancer", "critic")
    assert (code, len(found["balancers"])) == (2, 1)


@pytest.mark.parametrize("words", [("--balancer", "nix"), ("--nix",), ("now",)])
def test_a_mistake_is_never_something_to_do(criticised: Fleet, words: Any) -> None:
    result = criticised.lighthouse("plan", *words)
    assert result.returncode == 1
    assert result.stderr
