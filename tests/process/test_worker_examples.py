"""The examples of docs/writing-plugins/contract.md, run as they stand there."""

import configparser
import json
import re
import socket
import threading
from pathlib import Path

import pytest

from lighthouse.cluster import Cluster
from lighthouse.ipc.messages import Applied, Connected
from lighthouse.ipc.snapshot import (
    BalancerSnapshot,
    CheckSnapshot,
    DiscoverySnapshot,
    PluginSettings,
    WatchedCluster,
)
from lighthouse.node import Node
from lighthouse.service import Probe
from tests.rig import Rig, part
from tests.waiting import eventually

MANUAL = Path(__file__).parents[2] / "docs" / "writing-plugins" / "contract.md"
BLOCK = re.compile(r"```(?:python|ini)\n# ([\w.]+)\n(.*?)```", re.DOTALL)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A directory in which the manual's files are, installed as its setup.cfg says."""
    site = tmp_path / "site"
    info = site / "lighthouse_examples-1.0.dist-info"
    info.mkdir(parents=True)
    for name, text in BLOCK.findall(MANUAL.read_text(encoding="utf-8")):
        (site / name).write_text(text, encoding="utf-8")
    setup = configparser.ConfigParser()
    setup.read(site / "setup.cfg")
    sections = setup["options.entry_points"].items()
    points = "\n".join(f"[{group}]{entries}" for group, entries in sections)
    (info / "entry_points.txt").write_text(points)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lighthouse-examples\n")
    return site


def test_the_balancer(installed: Path, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    with Rig(installed, "balancer", plugin="hosts") as rig:
        web = Cluster("web", [Node("a", "10.0.0.1", 80), Node("b", "10.0.0.2", 80)])
        settings = PluginSettings({"path": str(hosts)})
        clusters = (
            part(web, 1, PluginSettings({"domain": "web.test"})),
            part(Cluster("other"), 1),
        )
        rig.deliver(BalancerSnapshot(settings, clusters))
        assert rig.expect(Applied).kind == "applied"
        text = "# kept by lighthouse\n10.0.0.1 a.web.test\n10.0.0.2 b.web.test\n"
        assert hosts.read_text() == text
        rig.deliver(BalancerSnapshot(settings, clusters))
        again = rig.expect(Applied)
        assert (again.kind, again.status) == ("unchanged", {"path": str(hosts)})
        rig.deliver(BalancerSnapshot(PluginSettings({"pth": "x"}, settings.config), clusters))
        problems = rig.expect(Applied).rejections[0].problems
        assert problems[0].message == "unknown key 'pth'; did you mean 'path'?"


def test_the_discovery(installed: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.json"
    with Rig(installed, "discovery", plugin="table") as rig:
        settings = PluginSettings({"path": str(table), "every": 0.02})
        rig.deliver(DiscoverySnapshot(settings, (WatchedCluster("web"),)))
        assert rig.expect(Applied).kind == "failed"
        assert "No such file" in rig.expect(Connected, lambda m: m.state == "suspended").reason
        table.write_text(json.dumps({"web": [{"ip": "10.0.0.1", "port": 80}, {"port": 0}]}))
        _, reading = rig.reading("web")
        assert [node.name for node in reading.nodes] == ["10.0.0.1:80"]
        assert [refusal.record for refusal in reading.refused] == ["record 1"]
        assert rig.expect(Applied).kind == "applied"
        table.write_text(json.dumps({"web": []}))
        assert rig.reading("web")[1].nodes == ()


def test_the_check(installed: Path) -> None:
    greeting = [b"SSH-2.0\n"]
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def greet() -> None:
            while greeting:
                connection, _ = server.accept()
                with connection:
                    connection.sendall(greeting[0] if greeting else b"")

        greeter = threading.Thread(target=greet)
        greeter.start()
        try:
            with Rig(installed, "check", plugin="banner") as rig:
                probe = Probe("ssh", "127.0.0.1", port, {"expect": "SSH-"}, interval=0.05)
                rig.deliver(CheckSnapshot((probe,)))
                up = rig.verdicts(lambda v: v["ssh"].passing)["ssh"]
                assert (up.reason, up.metadata) == ("greets", {"version": "2.0"})
                greeting[0] = b"busy\n"
                down = rig.verdicts(lambda v: v["ssh"].passing is False)["ssh"]
                assert down.reason == "greets with 'busy', expected 'SSH-'"
        finally:
            greeting.clear()
            with socket.create_connection(("127.0.0.1", port)):
                eventually(lambda: not greeter.is_alive())
