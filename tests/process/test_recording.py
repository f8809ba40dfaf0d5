"""``lighthouse record`` and ``replay``: what balancers were given, tried again on a plugin."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lighthouse.daemon.recording import FORMAT, UnreadableRecording, scenes
from tests.fleet import Fleet
from tests.recorder import nodes
from tests.waiting import eventually

SECRET = "correct-horse-battery-staple"


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()[1:]]


def test_a_recording_has_each_version_and_is_tried_again(fleet: Fleet, tmp_path: Path) -> None:
    fleet.node("web", "one", 80)
    section = {"password": SECRET}
    fleet.write("clusters/web.yaml", {"discovery": "files", "recorder": section})
    fleet.start()
    eventually(lambda: nodes(fleet.record, "web") == ["one:80"])
    file = tmp_path / "recording"
    words = [sys.executable, "-P", "-m", "lighthouse.commands", "record", str(file)]
    with subprocess.Popen([*words, "-c", str(fleet.config)], env=fleet.env) as recording:
        try:
            eventually(lambda: file.exists() and len(_lines(file)) == 1)
            fleet.node("web", "two", 81)
            eventually(lambda: len(_lines(file)) == 2)
            (fleet.nodes / "web/one.json").unlink()
            eventually(lambda: len(_lines(file)) == 3)
            recording.send_signal(signal.SIGINT)
            assert recording.wait(20) == 0
        finally:
            recording.kill()
    assert file.stat().st_mode & 0o777 == 0o600
    assert SECRET not in file.read_text()
    assert list(_lines(file)[1]["clusters"]) == ["web"]
    assert fleet.lighthouse("record", str(file)).returncode == 1  # is there already

    again = tmp_path / "again"
    config = tmp_path / "recorder.yaml"
    config.write_text(yaml.safe_dump({"path": str(again)}))
    played = fleet.bare(
        "replay", str(file), "--plugin", "recorder", "--config", str(config), "--speed", "0"
    )
    assert played.returncode == 0, played.stdout + played.stderr
    assert played.stdout.count("applied, ") == 3
    assert "(1 clusters, 2 nodes)" in played.stdout
    assert f"changed: {again}" in played.stdout
    assert nodes(again, "web") == ["two:81"]


def test_what_is_now_is_recorded_at_once(fleet: Fleet, tmp_path: Path) -> None:
    fleet.node("web", "one", 80)
    fleet.start()
    eventually(lambda: nodes(fleet.record, "web") == ["one:80"])
    file = tmp_path / "now"
    assert fleet.lighthouse("record", str(file), "--for", "0").returncode == 0
    (scene,) = scenes(file.read_bytes().splitlines(keepends=True), "now")
    assert [node.name for node in scene.given()[0].nodes] == ["one:80"]
    assert scene.balancer == "recorder"
    assert fleet.lighthouse("record", f"{file}2", "--balancer", "none").returncode == 1


HEAD = b'{"format": "%s", "version": 1}\n' % FORMAT.encode()


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([b"{}\n"], "no recording"),
        ([b"port: 80\n"], "x:1: no line"),
        ([HEAD.replace(b"1}", b"2}")], "of another release"),
        ([HEAD, b'{"at": "now"}\n'], "x:2: no line"),
    ],
)
def test_what_is_no_recording_is_told_with_its_line(lines: list[bytes], told: str) -> None:
    with pytest.raises(UnreadableRecording, match=told):
        list(scenes(lines, "x"))


def test_clusters_come_change_and_go_and_a_line_that_was_cut_off_is_left() -> None:
    lines = [
        HEAD,
        b'{"balancer": "a", "version": 1, "config": {"p": 1}, "clusters": {"x": {}, "y": {}}}\n',
        b'{"balancer": "b", "version": 2, "clusters": {"z": {}}}\n',
        b'{"balancer": "a", "version": 3, "clusters": {"x": {"stale": true}}, "gone": ["y"]}\n',
        b'{"balancer": "a", "versi',
    ]
    one, other, three = scenes(lines, "x")
    assert ([*one.clusters], [*other.clusters], [*three.clusters]) == (["x", "y"], ["z"], ["x"])
    assert (three.config, three.clusters["x"].stale) == ({"p": 1}, True)
