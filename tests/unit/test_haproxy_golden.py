"""The rendered file, byte for byte: ``golden/NAME.yaml`` is what is wanted, ``NAME.cfg`` the file.

``GOLDEN=write`` writes the files anew, for a look at what a change does to them.
"""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from lighthouse.cluster import Cluster
from lighthouse.haproxy.rendering.readback import lives, recover
from lighthouse.haproxy.rendering.render import file_of, is_intact, skeleton
from lighthouse.haproxy.schema.balancer import parse_settings
from lighthouse.haproxy.sync.wanted import WantedClusters
from lighthouse.node import parse

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(path.stem for path in GOLDEN.glob("*.yaml"))


def rendered(wanted: dict[str, Any], reverse: bool = False) -> tuple[bytes, WantedClusters]:
    settings = parse_settings(wanted["balancer"])
    clusters = []
    for name, content in sorted(wanted.get("clusters", {}).items(), reverse=reverse):
        found = [parse(record) for record in content.get("nodes", ())]
        nodes = tuple(sorted(found, key=lambda node: node.key, reverse=reverse))
        config = content.get("haproxy", {})
        clusters.append(Cluster(name, [*nodes], config, meta_cluster=content.get("meta_cluster")))
    members = WantedClusters(settings)
    members.take(clusters)
    assert members.faults == {}
    frame = skeleton(settings, list(members.stanzas.values()), members.peers(), "this-host")
    return file_of(members.fill(frame, {})), members


def load(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((GOLDEN / f"{name}.yaml").read_text())
    return found


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str) -> None:
    content, members = rendered(load(name))
    path = GOLDEN / f"{name}.cfg"
    if os.environ.get("GOLDEN") == "write":
        path.write_bytes(content)
    assert content.decode() == path.read_text()
    assert is_intact(content)
    assert recover(content.decode()) == members.stanzas
    assert set(lives(content.decode())) == set(members.stanzas)


@pytest.mark.parametrize("name", CASES)
def test_no_order_of_what_is_given_shows_in_the_file(name: str) -> None:
    wanted = load(name)
    assert rendered(wanted)[0] == rendered(wanted, reverse=True)[0]


def test_there_are_cases() -> None:
    assert {"minimal", "full-2016", "routing", "slots", "peers", "node-options-tls"} <= set(CASES)
