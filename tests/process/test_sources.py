"""Several sources, sources that go away, the shrink guard, and starts without any source."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from lighthouse.daemon.locate import find
from tests.fleet import Fleet
from tests.recorder import history, nodes, recorded, weights
from tests.waiting import eventually


@pytest.fixture
def sources(fleet: Fleet) -> dict[str, Path]:
    """Two ``file`` sources, ``a`` and ``b``, each with a directory for the cluster ``web``."""
    places = {}
    for name in "ab":
        places[name] = fleet.root / f"source-{name}"
        (places[name] / "web").mkdir(parents=True)
        fleet.write(
            f"discovery/{name}.yaml", {"plugin": "file", "path": str(places[name]), "poll": 0.2}
        )
    return places


def put(place: Path, name: str, port: int, **fields: Any) -> Path:
    path = place / "web" / f"{name}.json"
    beside = path.with_name(f".{name}")
    beside.write_text(json.dumps({"host": name, "ip": "127.0.0.1", "port": port, **fields}))
    beside.replace(path)
    return path


def cluster(fleet: Fleet, **keys: Any) -> None:
    fleet.write("clusters/web.yaml", {"discovery": ["a", "b"], "recorder": {}, **keys})


def status(fleet: Fleet) -> Any:
    return fleet.status()["clusters"][0]


def explain(fleet: Fleet, node: str = "") -> Any:
    """The explanation, without the costs of a command."""
    return json.loads(find(fleet.config).explanation("web", node, 5.0) or b"")


def test_failover_to_the_second_source_and_back(fleet: Fleet, sources: dict[str, Path]) -> None:
    put(sources["a"], "one", 1)
    put(sources["b"], "two", 2)
    rule = {"failover": {"after": 0.5, "back_after": 0.5}}
    cluster(fleet, combine=rule, shrink_guard=False)
    fleet.start()
    eventually(lambda: nodes(fleet.record, "web") == ["one:1"])
    sources["a"].rename(fleet.root / "away")
    eventually(lambda: nodes(fleet.record, "web") == ["two:2"])
    used = {s["discovery"]: s["used"] for s in status(fleet)["sources"]}
    assert used == {"a": False, "b": True}
    (one,) = explain(fleet, "one")["nodes"]
    assert (one["in"], one["steps"][-1]) == (
        False,
        "only b is believed now, by order of failover",
    )
    (fleet.root / "away").rename(sources["a"])
    eventually(lambda: nodes(fleet.record, "web") == ["one:1"])
    # one that truly names nobody is given up too, and believed again later without any event
    (sources["a"] / "web/one.json").unlink()
    eventually(lambda: nodes(fleet.record, "web") == ["two:2"])
    put(sources["a"], "one", 1)
    eventually(lambda: nodes(fleet.record, "web") == ["one:1"])
    assert [] not in [seen["nodes"] for seen in history(fleet.record, "web") if seen["known"]]
    assert "b takes over from a" in fleet.log.read_text()


def test_percent_shares_the_weight(fleet: Fleet, sources: dict[str, Path]) -> None:
    for n in range(3):
        put(sources["a"], f"old{n}", n + 1)
    put(sources["b"], "new", 9)
    cluster(fleet, combine={"percent": {"a": 75, "b": 25}})
    fleet.start()
    even = {"old0:1": 256, "old1:2": 256, "old2:3": 256, "new:9": 256}
    eventually(lambda: weights(fleet.record, "web") == even)
    cluster(fleet, combine={"percent": {"a": 25, "b": 75}})
    uneven = {"old0:1": 29, "old1:2": 28, "old2:3": 28, "new:9": 256}
    eventually(lambda: weights(fleet.record, "web") == uneven)
    (old,) = explain(fleet, "old1:2")["nodes"]
    assert "all nodes of a have 25 % of the total" in old["steps"][-1]


@pytest.mark.parametrize(("deed", "left"), [("drain", {"one:1": 0}), ("fence", {})])
def test_a_lost_source_is_drained_or_fenced_until_it_is_back(
    fleet: Fleet, sources: dict[str, Path], deed: Any, left: Any
) -> None:
    put(sources["a"], "one", 1)
    fleet.write(
        "clusters/web.yaml",
        {"discovery": "a", "recorder": {}, "on_source_loss": {deed: {"after": 1}}},
    )
    fleet.start()
    eventually(lambda: weights(fleet.record, "web") == {"one:1": 1})
    eventually(lambda: fleet.status()["healthy"])
    sources["a"].rename(fleet.root / "away")
    eventually(lambda: weights(fleet.record, "web") == left)
    assert recorded(fleet.record)["clusters"]["web"]["known"] is True
    told = {"drain": "cluster web is drained", "fence": "cluster web is not served"}[deed]
    eventually(lambda: any(told in problem for problem in fleet.status()["problems"]))
    assert status(fleet)["guard"]["trips"] == 0
    assert [source["stage"] for source in explain(fleet)["sources"]] == [deed]
    (fleet.root / "away").rename(sources["a"])
    eventually(lambda: weights(fleet.record, "web") == {"one:1": 1})
    eventually(lambda: fleet.status()["healthy"])
    assert "a has confirmed its nodes" in fleet.log.read_text()


def test_a_great_loss_is_held_confirmed_and_obeyed(fleet: Fleet, sources: dict[str, Path]) -> None:
    paths = [put(sources["a"], f"n{n}", n + 1) for n in range(10)]
    guard = {"confirm_after": 0.2, "obey_after": 1.5}
    fleet.write("clusters/web.yaml", {"discovery": "a", "recorder": {}, "shrink_guard": guard})
    fleet.start()
    eventually(lambda: len(nodes(fleet.record, "web")) == 10)
    for path in paths[1:]:
        path.unlink()
    eventually(lambda: status(fleet)["held_back"])
    held = [n for n in explain(fleet)["nodes"] if "shrink guard" in " ".join(n["steps"])]
    assert all(node["in"] for node in held)
    eventually(lambda: nodes(fleet.record, "web") == ["n0:1"])
    guard = status(fleet)["guard"]
    assert (guard["trips"], guard["last"]["outcome"], guard["holds"]) == (1, "confirmed", [])
    counts = [len(seen["nodes"]) for seen in history(fleet.record, "web") if seen["nodes"]]
    assert [n for n in counts if n < 5] == [1]
    obeyed = "was confirmed by a fresh read and is obeyed"
    eventually(lambda: obeyed in fleet.log.read_text(), what="the log, which a thread writes")


def test_every_loss_is_confirmed_long_before_the_next_poll(
    fleet: Fleet, sources: dict[str, Path]
) -> None:
    fleet.write("discovery/a.yaml", {"plugin": "file", "path": str(sources["a"]), "poll": 60})
    guard = {"confirm_after": 0.1, "obey_after": 0.8}
    fleet.write("clusters/web.yaml", {"discovery": "a", "recorder": {}, "shrink_guard": guard})
    fleet.start()
    for trips in range(1, 4):
        paths = [put(sources["a"], f"n{n}", n + 1) for n in range(4)]
        eventually(lambda: len(nodes(fleet.record, "web")) == 4)
        for path in paths[1:]:
            path.unlink()
        eventually(lambda: nodes(fleet.record, "web") == ["n0:1"])
        found = status(fleet)["guard"]
        assert (found["trips"], found["last"]["outcome"]) == (trips, "confirmed")


def test_the_only_node_that_is_taken_down_here_is_no_loss_to_doubt(
    fleet: Fleet, sources: dict[str, Path]
) -> None:
    guard = {"confirm_after": 0.1, "obey_after": 600}
    fleet.write("clusters/web.yaml", {"discovery": "a", "recorder": {}, "shrink_guard": guard})
    fleet.write("services/web.yaml", {"port": 7, "discovery": "a"})
    fleet.start()
    eventually(lambda: len(nodes(fleet.record, "web")) == 1)
    assert fleet.lighthouse("down", "web").returncode == 0
    eventually(lambda: nodes(fleet.record, "web") == [], 30, "gone without a hold")
    assert status(fleet)["guard"]["trips"] == 0
    assert fleet.lighthouse("up", "web").returncode == 0
    eventually(lambda: len(nodes(fleet.record, "web")) == 1)


def test_nodes_that_are_back_within_the_bound_were_never_away(
    fleet: Fleet, sources: dict[str, Path]
) -> None:
    for n in range(10):
        put(sources["a"], f"n{n}", n + 1)
    guard = {"confirm_after": 0.1, "obey_after": 60}
    fleet.write("clusters/web.yaml", {"discovery": "a", "recorder": {}, "shrink_guard": guard})
    fleet.start()
    eventually(lambda: len(nodes(fleet.record, "web")) == 10)
    (sources["a"] / "web").rename(sources["a"] / ".web")
    eventually(lambda: status(fleet)["held_back"])
    (sources["a"] / ".web").rename(sources["a"] / "web")
    eventually(lambda: not status(fleet)["held_back"])
    assert status(fleet)["guard"]["last"]["outcome"] == "refuted"
    seen = [len(s["nodes"]) for s in history(fleet.record, "web") if s["known"]]
    assert set(seen) == {10}


def test_filters_and_preferences_are_obeyed_at_once(
    fleet: Fleet, sources: dict[str, Path]
) -> None:
    for n, zone in enumerate("aabbb"):
        put(sources["a"], f"n{n}", n + 1, metadata={"zone": zone, "role": "replica"})
    chosen = {"equals": {"role": "replica"}, "prefer": "zone"}
    fleet.write("clusters/web.yaml", {"discovery": "a", "recorder": {}, "nodes": chosen})
    daemon = {"run_dir": str(fleet.run_dir), "state_dir": str(fleet.root / "state")}
    fleet.write("lighthouse.yaml", daemon | {"metadata": {"zone": "a"}})
    fleet.start()
    eventually(lambda: nodes(fleet.record, "web") == ["n0:1", "n1:2"])
    put(sources["a"], "n0", 1, metadata={"zone": "a", "role": "primary"})
    eventually(lambda: nodes(fleet.record, "web") == ["n1:2"])
    (n0,) = explain(fleet, "127.0.0.1:1")["nodes"]
    assert n0["steps"][-1] == "not selected: its metadata role is none of: replica"
    (sources["a"] / "web/n1.json").unlink()
    eventually(lambda: nodes(fleet.record, "web") == ["n2:3", "n3:4", "n4:5"])
    fleet.write("lighthouse.yaml", daemon)
    eventually(lambda: "has no metadata 'zone'" in str(fleet.status()["problems"]))
    assert status(fleet)["guard"]["trips"] == 0


def test_a_damaged_snapshot_is_refused_with_a_reason(
    fleet: Fleet, sources: dict[str, Path]
) -> None:
    put(sources["a"], "one", 1)
    fleet.write("clusters/web.yaml", {"discovery": "a", "recorder": {}})
    fleet.start()
    saved = fleet.root / "state/clusters/web"
    eventually(lambda: nodes(fleet.record, "web") == ["one:1"] and saved.exists())
    fleet.kill()
    data = bytearray(saved.read_bytes())
    data[-2] ^= 1
    saved.write_bytes(data)
    sources["a"].rename(fleet.root / "away")
    fleet.start()
    problems = eventually(lambda: fleet.status()["problems"])
    told = f"{saved} is not used until it is written anew: it is damaged"
    assert any(problem.startswith(told) for problem in problems)
    assert status(fleet)["known"] is False
    (fleet.root / "away").rename(sources["a"])
    eventually(lambda: fleet.status()["healthy"])
    assert nodes(fleet.record, "web") == ["one:1"]


def test_a_start_without_its_source_serves_what_is_remembered_unless_it_is_too_old(
    fleet: Fleet, sources: dict[str, Path]
) -> None:
    put(sources["a"], "one", 1)
    (sources["a"] / "api").symlink_to("web")
    fleet.write("clusters/web.yaml", {"discovery": "a", "recorder": {}})
    fence = {"fence": {"after": 0.2}}
    fleet.write("clusters/api.yaml", {"discovery": "a", "recorder": {}, "on_source_loss": fence})
    fleet.start()
    saved = fleet.root / "state/clusters"
    eventually(lambda: sorted(path.name for path in saved.iterdir()) == ["api", "web"])
    fleet.kill()
    fleet.record.unlink()
    sources["a"].rename(fleet.root / "away")
    fleet.start()
    clusters: Any = eventually(lambda: recorded(fleet.record).get("clusters"))
    assert (clusters["web"]["nodes"], clusters["web"]["stale"]) == (["one:1"], True)
    assert (clusters["api"]["nodes"], clusters["api"]["known"]) == ([], False)
    api = "cluster api is not served: what is remembered of it is too old"
    web = "cluster web keeps its last known nodes"
    problem = f"; {api}; {web}"
    eventually(lambda: any(told.endswith(problem) for told in fleet.status()["problems"]))
    (fleet.root / "away").rename(sources["a"])
    eventually(lambda: nodes(fleet.record, "api") == ["one:1"])
    eventually(lambda: fleet.status()["healthy"])
    eventually(lambda: recorded(fleet.record)["clusters"]["web"]["stale"] is False)


def test_a_start_with_neither_source_nor_snapshot_says_so_and_waits(
    fleet: Fleet, sources: dict[str, Path]
) -> None:
    shutil.rmtree(sources["a"])
    fleet.write(
        "clusters/web.yaml", {"discovery": "a", "recorder": {}, "default_nodes": ["10.9.9.9:1"]}
    )
    fleet.write("clusters/api.yaml", {"discovery": "a", "recorder": {}})
    fleet.start()
    eventually(lambda: recorded(fleet.record))
    waits = "; cluster api waits for it; cluster web is served by its default nodes"
    (problem,) = eventually(lambda: [p for p in fleet.status()["problems"] if p.endswith(waits)])
    assert problem.startswith("discovery a: suspended: ")
    clusters = recorded(fleet.record)["clusters"]
    assert clusters["api"]["known"] is False
    eventually(lambda: nodes(fleet.record, "web") == ["10.9.9.9:1"])
    # in one line with that of web, if both were given up in the same turn
    told = re.compile(r"\bapi\b.*: no source has answered yet")
    eventually(lambda: told.search(fleet.log.read_text()))
    assert explain(fleet)["nodes"][0]["steps"][-1].startswith("it is a default node, and")
    (sources["a"] / "web").mkdir(parents=True)
    put(sources["a"], "one", 1)
    eventually(lambda: nodes(fleet.record, "web") == ["one:1"])
    eventually(lambda: fleet.status()["healthy"])


def test_explain_tells_of_services_refusals_and_unknowns(
    fleet: Fleet, sources: dict[str, Path]
) -> None:
    put(sources["a"], "one", 1, weight=0)
    (sources["a"] / "web/bad.json").write_text("{}")
    fleet.write("clusters/web.yaml", {"discovery": "a", "recorder": {}})
    fleet.write(
        "services/web.yaml",
        {"port": 7, "discovery": "a", "checks": {"exec": {"command": ["false"]}}},
    )
    assert fleet.lighthouse("explain", "web").returncode == 3
    fleet.start()
    eventually(lambda: nodes(fleet.record, "web") == ["one:1"])
    eventually(lambda: fleet.status()["services"][0]["up"] is False)
    found = explain(fleet)
    eventually(lambda: explain(fleet)["balancers"][0]["applied"])
    assert [r["record"].startswith("bad") for r in found["refused"]] == [True]
    local = next(node for node in found["nodes"] if node["port"] == 7)
    assert (local["in"], local["local"]["up"]) == (False, False)
    result = fleet.lighthouse("explain", "web", "--json")
    assert (result.returncode, json.loads(result.stdout)["cluster"]) == (0, "web")
    text = fleet.lighthouse("explain", "web", "one").stdout
    assert "one:1 (127.0.0.1:1): in, weight 0" in text
    assert "with weight 0 it takes no new sessions" in text
    for words, reason in ((["web", "two"], "has no node 'two'"), (["wep"], "no cluster 'wep'")):
        result = fleet.lighthouse("explain", *words)
        assert (result.returncode, reason in result.stderr) == (1, True)


def test_one_cause_is_one_line_however_many_clusters_wait_for_it(
    fleet: Fleet, sources: dict[str, Path]
) -> None:
    put(sources["a"], "one", 1)
    for name in ("web", "api", "db"):
        fleet.write(f"clusters/{name}.yaml", {"discovery": "a", "recorder": {}})
    for name in ("api", "db"):
        (sources["a"] / name).symlink_to("web")
    good = {"plugin": "file", "path": str(sources["a"]), "poll": 0.2}
    fleet.write("discovery/a.yaml", {**good, "pth": "x"})
    fleet.start()
    waits = "; 3 clusters wait for it"

    def waiting() -> str | None:
        (problem, *others) = fleet.status()["problems"] or [""]
        return problem if problem.endswith(waits) and not others else None

    rejected = str(eventually(waiting, 60))
    assert "discovery/a.yaml" in rejected
    assert "unknown key 'pth'" in rejected
    assert "unknown key 'pth'" in explain(fleet)["links"]["a"]["reason"]
    assert fleet.lighthouse("status").stdout.count(waits) == 1
    assert (_exit(fleet), _exit(fleet, "--worker", "a")) == (1, 1)
    assert _exit(fleet, "--worker", "recorder") == 0
    fleet.write("discovery/a.yaml", good)
    eventually(lambda: fleet.status()["healthy"])
    assert (_exit(fleet), _exit(fleet, "--worker", "a")) == (0, 0)
    sources["a"].rename(fleet.root / "away")
    away = "discovery a: suspended: "
    eventually(lambda: [text.startswith(away) for text in fleet.status()["problems"]] == [True])
    shown = fleet.lighthouse("status", "--worker", "a")
    assert (_exit(fleet), shown.returncode, "suspended" in shown.stdout) == (1, 1, True)


def _exit(fleet: Fleet, *words: str) -> int:
    return fleet.lighthouse("status", *words).returncode


def test_a_discovery_whose_file_is_removed_is_away(fleet: Fleet, sources: dict[str, Path]) -> None:
    put(sources["a"], "one", 1)
    fence = {"fence": {"after": 0.2}}
    fleet.write("clusters/web.yaml", {"discovery": "a", "recorder": {}, "on_source_loss": fence})
    fleet.start()
    eventually(lambda: nodes(fleet.record, "web") == ["one:1"])
    file = fleet.config / "discovery/a.yaml"
    text = file.read_text()
    file.unlink()
    eventually(lambda: nodes(fleet.record, "web") == [])
    assert explain(fleet)["links"]["a"]["reason"].endswith("there is no such discovery")
    file.write_text(text)
    eventually(lambda: nodes(fleet.record, "web") == ["one:1"])
    eventually(lambda: fleet.status()["healthy"])


def test_explain_tells_in_which_discovery_a_service_does_not_stand(
    fleet: Fleet, sources: dict[str, Path]
) -> None:
    fleet.write("clusters/web.yaml", {"discovery": "a", "recorder": {}})
    fleet.write("services/web.yaml", {"port": 7, "discovery": ["a", "b"]})
    shutil.rmtree(sources["b"])
    sources["b"].write_text("no directory")
    fleet.start()
    eventually(lambda: len(nodes(fleet.record, "web")) == 1)

    def registrations() -> list[tuple[str, bool, bool]]:
        (local,) = [n["local"] for n in explain(fleet)["nodes"] if n["local"]] or [None]
        found = local["registrations"] if local is not None and not local["registered"] else []
        return [(one["discovery"], one["registered"], bool(one["reason"])) for one in found]

    eventually(lambda: registrations() == [("a", True, False), ("b", False, True)])


def test_two_clusters_of_one_name_differ_in_what_they_serve(fleet: Fleet) -> None:
    """And one that names nothing that is there gets a hint."""
    fleet.node("web", "a", 80, "10.0.0.1", metadata={"region:r1": ""})
    fleet.node("web", "b", 80, "10.0.0.2")
    some = {"nodes": {"equals": {"region:r1": ""}}}
    fleet.write(
        "clusters/near.yaml", {"discovery": "files", "name": "web", "recorder": {}, **some}
    )
    fleet.write("clusters/lost.yaml", {"discovery": "files", "name": "webb", "recorder": {}})
    fleet.start()

    def ips() -> dict[str, list[str]]:
        clusters = fleet.status()["clusters"]
        return {one["name"]: [node["ip"] for node in one["nodes"]] for one in clusters}

    wanted = {"web": ["10.0.0.1", "10.0.0.2"], "near": ["10.0.0.1"], "lost": []}
    eventually(lambda: ips() == wanted, 20)
    told = fleet.lighthouse("explain", "lost").stdout
    assert "files has nothing under the name webb" in told
    assert "files has nothing" not in fleet.lighthouse("explain", "near").stdout
    fleet.write("clusters/lost.yaml", {"discovery": "files", "name": "web", "recorder": {}})
    eventually(lambda: ips() == {**wanted, "lost": wanted["web"]}, 20)
    fleet.kill()
    (fleet.nodes / "web").rename(fleet.nodes / "moved")
    fleet.write("clusters/lost.yaml", {"discovery": "files", "name": "moved", "recorder": {}})
    fleet.start()
    eventually(lambda: ips()["lost"] == wanted["web"], 20)
