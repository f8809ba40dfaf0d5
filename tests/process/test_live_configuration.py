"""Edits of every kind of file while the daemon runs: from good to broken and back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lighthouse.supervisor.store import Store
from tests.fleet import Fleet
from tests.recorder import nodes, recorded
from tests.waiting import eventually


def broken_at(fleet: Fleet) -> set[tuple[str, int]]:
    return {(e["file"], e["line"]) for e in fleet.status()["supervisor"]["config_errors"]}


def saved(fleet: Fleet) -> Any:
    return Store(fleet.root / "state").good().by_key()


def rename(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.swp")
    beside.write_text(text)
    beside.replace(path)


def in_place(path: Path, text: str) -> None:
    with path.open("r+" if path.exists() else "w") as file:
        file.truncate()
        for piece in (text[: len(text) // 2], text[len(text) // 2 :]):
            file.write(piece)
            file.flush()


def symlink(path: Path, text: str) -> None:
    target = path.parent.parent / "releases" / f"{abs(hash(text))}"
    target.parent.mkdir(exist_ok=True)
    target.write_text(text)
    link = path.with_name(f".{path.name}.link")
    link.symlink_to(target)
    link.replace(path)


WAYS = {"rename": rename, "in_place": in_place, "symlink": symlink}

FILES = {
    # file: (good, broken, line of the fault, good again)
    "clusters/web.yaml": (
        "discovery: files\nrecorder: {n: 1}\n",
        "discovery: files\nrecorder: {n: 1\n",
        None,
        "discovery: files\nrecorder: {n: 2}\n",
    ),
    "balancers/recorder.yaml": (
        "path: RECORD\nn: 1\n",
        "path: RECORD\nn: 1\nn: 2\n",
        3,
        "path: RECORD\nn: 2\n",
    ),
    "discovery/files.yaml": (
        "plugin: file\npath: NODES\n",
        "plugin: file\npath: NODES\nworker: {memmory: 1}\n",
        3,
        "plugin: file\npath: NODES\npoll: 4\n",
    ),
    "services/app.yaml": (
        "port: 9\ndiscovery: files\n",
        "port: 99999\ndiscovery: files\n",
        1,
        "port: 10\ndiscovery: files\n",
    ),
    "lighthouse.yaml": (
        "run_dir: ROOT/run\nstate_dir: ROOT/state\nadvertise: 127.0.0.1\n",
        "run_dir: ROOT/run\nstate_dir: ROOT/state\nadvertise: not an address\n",
        3,
        "run_dir: ROOT/run\nstate_dir: ROOT/state\n",
    ),
    "logging.yaml": ("version: 1\n", "version: one\n", 1, "version: 1\nroot: {level: DEBUG}\n"),
}


@pytest.mark.parametrize("file", FILES)
def test_the_last_good_version_stays_in_force(fleet: Fleet, file: Any) -> None:
    """Whichever way the file is replaced."""

    def filled(text: str) -> str:
        values = {"RECORD": fleet.record, "NODES": fleet.nodes, "ROOT": fleet.root}
        for name, value in values.items():
            text = text.replace(name, str(value))
        return text

    good, broken, line, again = map(filled_or_none(filled), FILES[file])
    fleet.node("web", "a", 1)
    fleet.node("web", "c", 2)
    for replace in WAYS.values():
        replace(fleet.config / file, good)
        if fleet.daemon is None:
            fleet.start()
        eventually(lambda: len(nodes(fleet.record, "web")) == 2, 20)
        assert broken_at(fleet) == set()

        replace(fleet.config / file, broken)
        eventually(lambda: {f for f, _ in broken_at(fleet)} == {file})
        assert line is None or broken_at(fleet) == {(file, line)}
        fleet.node("web", "b", 3)
        eventually(lambda: "b:3" in nodes(fleet.record, "web"))

        replace(fleet.config / file, again)
        eventually(lambda: broken_at(fleet) == set())
        (fleet.nodes / "web" / "b.json").unlink()
        eventually(lambda: "b:3" not in nodes(fleet.record, "web"))
    assert fleet.daemon.poll() is None


def filled_or_none(filled: Callable[[str], str]) -> Callable[[Any], Any]:
    return lambda text: filled(text) if isinstance(text, str) else text


def test_what_a_plugin_rejects_is_placed_and_the_accepted_stays(fleet: Fleet) -> None:
    fleet.node("web", "a", 1)
    fleet.write("clusters/other.yaml", {"discovery": "files", "recorder": {"n": 1}})
    fleet.start()
    eventually(lambda: nodes(fleet.record, "web") == ["a:1"], 20)
    fleet.write("clusters/other.yaml", "discovery: files\nrecorder:\n  n: 2\n  reject: true\n")
    eventually(lambda: broken_at(fleet) == {("clusters/other.yaml", 2)})
    assert recorded(fleet.record)["clusters"]["other"]["config"] == {"n": 1}

    rejected = f"path: {fleet.record}\nreject: true\n"
    fleet.write("balancers/recorder.yaml", rejected)
    eventually(lambda: ("balancers/recorder.yaml", 1) in broken_at(fleet))
    fleet.node("web", "b", 2)
    eventually(lambda: nodes(fleet.record, "web") == ["a:1", "b:2"])
    assert "reject" not in recorded(fleet.record)["config"]

    eventually(lambda: ("balancer", "recorder", "other") in saved(fleet))
    fleet.kill()
    fleet.record.unlink()
    fleet.start()
    eventually(lambda: nodes(fleet.record, "web") == ["a:1", "b:2"], 20)
    assert recorded(fleet.record)["clusters"]["other"]["config"] == {"n": 1}

    fleet.write("balancers/recorder.yaml", {"path": str(fleet.record), "n": 3})
    fleet.write("clusters/other.yaml", {"discovery": "files", "recorder": {"n": 3}})
    eventually(lambda: broken_at(fleet) == set())
    eventually(lambda: recorded(fleet.record)["clusters"]["other"]["config"] == {"n": 3})


def test_a_broken_file_at_the_next_start_falls_back_to_the_last_good(fleet: Fleet) -> None:
    fleet.node("web", "a", 1)
    fleet.start()
    eventually(lambda: nodes(fleet.record, "web") == ["a:1"], 20)
    eventually(lambda: (fleet.root / "state" / "config").exists())
    fleet.kill()
    fleet.write("clusters/web.yaml", "discovery: [\n")
    fleet.record.unlink()
    fleet.start()
    eventually(lambda: nodes(fleet.record, "web") == ["a:1"], 20)
    assert {f for f, _ in broken_at(fleet)} == {"clusters/web.yaml"}


def test_clusters_come_and_go(fleet: Fleet) -> None:
    fleet.node("late", "a", 1)
    fleet.start()
    eventually(lambda: recorded(fleet.record), 20)
    fleet.write("clusters/late.yaml", {"discovery": "files"})
    eventually(lambda: nodes(fleet.record, "late") == ["a:1"])
    (fleet.config / "clusters/late.yaml").unlink()
    eventually(lambda: "late" not in recorded(fleet.record)["clusters"])


def test_a_directory_may_appear_later(fleet: Fleet) -> None:
    moved = fleet.root / "elsewhere"
    (fleet.config / "clusters").rename(moved)
    fleet.node("web", "a", 1)
    fleet.start()
    eventually(lambda: recorded(fleet.record) and not recorded(fleet.record)["clusters"], 20)
    moved.rename(fleet.config / "clusters")
    eventually(lambda: nodes(fleet.record, "web") == ["a:1"])


def test_a_source_that_is_away_at_the_start_is_served_from_memory(fleet: Fleet) -> None:
    fleet.node("web", "a", 1)
    fleet.start()
    eventually(lambda: nodes(fleet.record, "web") == ["a:1"], 20)
    eventually(lambda: (fleet.root / "state" / "clusters" / "web").exists())
    fleet.kill()
    fleet.record.unlink()
    fleet.nodes.rename(fleet.root / "away")
    fleet.start()
    eventually(lambda: nodes(fleet.record, "web") == ["a:1"], 20)
    assert recorded(fleet.record)["clusters"]["web"]["stale"] is True
    (fleet.root / "away").rename(fleet.nodes)
    eventually(lambda: not recorded(fleet.record)["clusters"]["web"]["stale"], 20)


def test_a_service_that_is_removed_is_deregistered(fleet: Fleet) -> None:
    fleet.write("services/solo.yaml", {"port": 9, "discovery": "files"})
    fleet.start()
    eventually(lambda: list((fleet.nodes / "solo").glob("*.json")), 20, "it is registered")
    (fleet.config / "services/solo.yaml").unlink()
    eventually(lambda: not list((fleet.nodes / "solo").glob("*.json")), 20, "it is gone")
