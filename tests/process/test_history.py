"""``lighthouse history`` and ``rollback`` with a real daemon."""

import json
import signal
from typing import Any

from tests.fleet import Fleet
from tests.recorder import nodes
from tests.waiting import eventually

SECRET = "correct-horse-battery-staple"


def _versions(fleet: Fleet, *words: str) -> list[dict[str, Any]]:
    shown = fleet.lighthouse("history", "recorder", "--json", *words)
    assert shown.returncode == 0, shown.stderr
    (balancer,) = json.loads(shown.stdout)["balancers"]
    versions: list[dict[str, Any]] = balancer["versions"]
    return versions


def _grown(fleet: Fleet) -> int:
    """Start with one node, then add another; the version with the one."""
    fleet.node("web", "one", 80)
    section = {"password": SECRET}
    fleet.write("clusters/web.yaml", {"discovery": "files", "recorder": section})
    fleet.start()
    eventually(lambda: nodes(fleet.record, "web") == ["one:80"])
    (first, *_) = eventually(lambda: _versions(fleet))
    fleet.node("web", "two", 81)
    eventually(lambda: sorted(nodes(fleet.record, "web")) == ["one:80", "two:81"])
    number: int = first["version"]
    return number


def test_a_balancer_goes_back_to_a_version_until_it_is_unpinned(fleet: Fleet) -> None:
    first = _grown(fleet)
    newest, *_ = eventually(lambda: (v := _versions(fleet))[0]["version"] > first and v)
    (change,) = newest["changes"]
    (trigger,) = newest["triggers"]
    assert (change["cluster"], change["added"]) == ("web", ["127.0.0.1:81"])
    assert (trigger["kind"], trigger["discovery"]) == ("observed", "files")
    assert trigger["trace"]
    fleet.write("clusters/web.yaml", {"discovery": "files", "recorder": {"password": SECRET * 2}})
    edited = eventually(lambda: (v := _versions(fleet)[0])["triggers"][0]["kind"] == "file" and v)
    assert edited["triggers"][0]["name"] == "clusters/web.yaml"
    told = fleet.lighthouse("history", "--diff").stdout
    assert "+127.0.0.1:81" in told
    assert "file clusters/web.yaml" in told
    assert SECRET not in told

    wrong = fleet.lighthouse("rollback", "recorder", "999", "--reason", "typo")
    assert (wrong.returncode, "there are" in wrong.stderr) == (1, True)
    words = ("rollback", "recorder", str(first), "--reason", "two is bad", "--for", "1h")
    pinned = fleet.lighthouse(*words)
    assert pinned.stdout == f"lighthouse: balancer recorder: is pinned to version {first}\n"
    assert nodes(fleet.record, "web") == ["one:80"]

    fleet.node("web", "three", 82)
    eventually(lambda: len(fleet.status()["clusters"][0]["nodes"]) == 3)
    state = [path for path in (fleet.root / "state").iterdir() if path.is_file()]
    kept = {path.name: path.read_bytes() for path in state}
    assert kept["pinned-snapshots"]
    assert not [n for n, data in kept.items() if n != "config" and SECRET.encode() in data]
    assert all(path.stat().st_mode & 0o077 == 0 for path in state if path.name != "daemon.lock")

    fleet.kill(signal.SIGKILL)
    fleet.start()
    worker = eventually(lambda: (w := fleet.worker("recorder"))["snapshot"]["applied"] and w)
    assert nodes(fleet.record, "web") == ["one:80"]
    assert (worker["healthy"], worker["pinned"]["version"]) == (False, first)
    assert worker["snapshot"]["sent"] > first
    (problem,) = [line for line in fleet.status()["problems"] if "recorder" in line]
    assert f"is pinned to version {first} by" in problem
    assert problem.endswith(": two is bad")
    assert "is pinned" in fleet.lighthouse("wait", "web", "three", "--timeout", "0").stderr

    assert fleet.lighthouse("rollback", "recorder", "--unpin").returncode == 0
    assert sorted(nodes(fleet.record, "web")) == ["one:80", "three:82", "two:81"]
    eventually(lambda: fleet.status()["healthy"])


def test_histories_and_pins_end_as_they_should(fleet: Fleet) -> None:
    first = _grown(fleet)
    eventually(lambda: len(_versions(fleet)) >= 2)
    fleet.kill(signal.SIGTERM)
    fleet.start()
    before = eventually(lambda: _versions(fleet))
    assert first in [version["version"] for version in before]
    words = ("rollback", "recorder", str(first), "--reason", "for a moment", "--for", "0.5")
    eventually(lambda: fleet.worker("recorder")["snapshot"]["applied"])
    pinned = fleet.lighthouse(*words)
    assert pinned.returncode == 0, pinned.stderr
    eventually(lambda: "its time is over" in fleet.log.read_text())
    eventually(lambda: sorted(nodes(fleet.record, "web")) == ["one:80", "two:81"])
    assert not fleet.status()["pins"]
    assert fleet.lighthouse("history", "nobody").returncode == 1
