"""The keys of a cluster's file that say who its members are."""

from pathlib import Path

import pytest

from lighthouse.config.schema.policy import (
    Failover,
    GuardPolicy,
    Loss,
    MetadataCondition,
    Percent,
    Policy,
    Preference,
    Selection,
)
from lighthouse.config.tree import Tree
from lighthouse.distribution.installed import Installed
from lighthouse.node import Node

INSTALLED = Installed(frozenset({"haproxy"}), frozenset({"file"}), frozenset())


def load(root: Path, text: str, daemon: str = "") -> Tree:
    (root / "clusters").mkdir(exist_ok=True)
    (root / "discovery").mkdir(exist_ok=True)
    for name in "ab":
        (root / f"discovery/{name}.yaml").write_text("plugin: file\n")
    (root / "lighthouse.yaml").write_text(daemon)
    (root / "clusters/web.yaml").write_text(f"discovery: [a, b]\n{text}")
    tree = Tree(root, INSTALLED)
    tree.load()
    return tree


GOOD = [
    ("", Policy()),
    ("combine: union", Policy()),
    ("combine: failover", Policy(combine=Failover())),
    ("combine: {failover: {after: 1m, back_after: 5}}", Policy(combine=Failover(60.0, 5.0))),
    ("combine: {failover: }", Policy(combine=Failover())),
    ("combine: {percent: {a: 90, b: 10}}", Policy(combine=Percent({"a": 90, "b": 10}))),
    ("on_source_loss: keep", Policy()),
    ("on_source_loss: drain", Policy(loss=Loss("drain", 60.0))),
    ("on_source_loss: {drain: {after: 5s}}", Policy(loss=Loss("drain", 5.0))),
    ("on_source_loss: fence", Policy(loss=Loss("fence", 30.0))),
    ("on_source_loss: {fence: {after: 0}}", Policy(loss=Loss("fence", 0.0))),
    ("shrink_guard: off", Policy(guard=None)),
    ("shrink_guard: true", Policy()),
    ('shrink_guard: "off"', Policy(guard=None)),
    ('shrink_guard: "False"', Policy(guard=None)),
    ('shrink_guard: "on"', Policy()),
    ("shrink_guard:", Policy()),
    (
        "shrink_guard: {max_loss: 30%, confirm_after: 500ms, obey_after: 1m}",
        Policy(guard=GuardPolicy(0.3, 0.5, 60.0)),
    ),
    (
        "default_nodes: ['10.0.0.2:80', {ip: 10.0.0.1, port: 80, host: x}, '[::1]:8080']",
        Policy(
            default_nodes=(
                Node("x", "10.0.0.1", 80),
                Node("10.0.0.2", "10.0.0.2", 80),
                Node("0000-0000-0000-0000-0000-0000-0000-0001", "::1", 8080),
            )
        ),
    ),
    (
        "nodes: {equals: {role: primary, n: 1}, not_equals: {canary: true}, in: {zone: [a, b]}}",
        Policy(
            selection=Selection(
                (
                    MetadataCondition("role", ("primary",)),
                    MetadataCondition("n", (1,)),
                    MetadataCondition("canary", (True,), True),
                    MetadataCondition("zone", ("a", "b")),
                )
            )
        ),
    ),
    (
        "nodes: {prefer: {key: zone, value: [a, b], min: 2}}",
        Policy(selection=Selection(prefer=Preference("zone", ("a", "b"), 2))),
    ),
    (
        "nodes: {prefer: zone}",
        Policy(selection=Selection(prefer=Preference("zone", ("here",), 1, True))),
    ),
]


@pytest.mark.parametrize(("text", "policy"), GOOD)
def test_what_a_file_says(tmp_path: Path, text: str, policy: Policy) -> None:
    tree = load(tmp_path, text, "metadata: {zone: here}\n")
    assert list(map(str, tree.faults)) == []
    assert tree.config.clusters["web"].policy == policy


BAD = [
    ("combine: failovr", "2:1: unknown key 'failovr'; did you mean 'failover'?"),
    ("combine: [union]", "2:1: expected one of union, failover, percent"),
    ("combine: {failover: {afer: 1}}", "2:22: unknown key 'afer'; did you mean 'after'?"),
    ("combine: {union: {x: 1}}", "2:19: unknown key 'x'"),
    ("combine: {failover: {}, percent: {}}", "2:1: expected one of"),
    ("combine: {percent: {a: 90, c: 10}}", "2:28: unknown key 'c'"),
    ("combine: {percent: {a: 90}}", "2:11: the share of 'b' is missing"),
    ("combine: {percent: {a: 90, b: 20}}", "2:11: expected shares that make 100, got 110"),
    ("combine: {percent: {a: 90, b: x}}", "2:28: expected a number 0..100"),
    ("on_source_loss: fense", "2:1: unknown key 'fense'; did you mean 'fence'?"),
    ("on_source_loss: {drain: 5}", "2:18: expected a map, got 5"),
    ("on_source_loss: {drain: {after: 3w}}", "2:26: expected seconds"),
    ("shrink_guard: {max_loss: 2}", "2:16: expected 0..1"),
    ("shrink_guard: {share: 50%}", "2:16: unknown key 'share'"),
    (
        "shrink_guard: {confirm_after: 9, obey_after: 8}",
        "2:34: expected at least confirm_after (9 s), got 8 s",
    ),
    ("shrink_guard: {confirm_after: 9}", "2:1: expected at least confirm_after (9 s), got 5 s"),
    ("shrink_guard: 5", "2:1: expected off, or a map of its settings; got 5"),
    ("shrink_guard: of", "2:1: expected off, or a map of its settings; got 'of'"),
    ("shrink_guard: [off]", "2:1: expected off, or a map of its settings; got a list"),
    ("shrink-guard: off", "2:1: unknown key 'shrink-guard'; did you mean 'shrink_guard'?"),
    ("default_nodes: 10.0.0.1", "2:1: expected a list of nodes"),
    ("default_nodes: [web:80]", "2:17: expected a map with ip and port, or address:port"),
    ("default_nodes: [{ip: 10.0.0.1}]", "2:17: port: expected 1..65535"),
    ("default_nodes: [{ip: 10.0.0.1, port: 1, wait: 2}]", "2:41: unknown key 'wait'"),
    ("default_nodes: ['10.0.0.1:1', '10.0.0.1:1']", "2:31: 10.0.0.1 port 1 is listed twice"),
    ("nodes: {equal: {a: 1}}", "2:9: unknown key 'equal'; did you mean 'equals'?"),
    ("nodes: {equals: {a: [1]}}", "2:18: expected text, a number, true or false"),
    ("nodes: {in: {a: b}}", "2:14: expected a list of values, got 'b'"),
    ("nodes: {prefer: {value: a}}", "2:9: 'key' is missing"),
    ("nodes: {prefer: {key: zone, value: a, min: 0}}", "2:39: expected a number 1.."),
    ("nodes: {prefer: zone}", "2:9: lighthouse.yaml has no metadata 'zone'"),
]


@pytest.mark.parametrize(("text", "fault"), BAD)
def test_what_is_wrong_is_shown_at_its_place(tmp_path: Path, text: str, fault: str) -> None:
    faults = [str(f) for f in load(tmp_path, text).faults]
    assert any(found.startswith(f"clusters/web.yaml:{fault}") for found in faults), faults


def test_another_zone_in_lighthouse_yaml_is_another_policy(tmp_path: Path) -> None:
    tree = load(tmp_path, "nodes: {prefer: zone}", "metadata: {zone: x}\n")
    before = tree.config.clusters["web"]
    (tmp_path / "lighthouse.yaml").write_text("metadata: {zone: y}\n")
    tree.load()
    assert before != tree.config.clusters["web"]
    assert tree.config.clusters["web"].policy.selection.prefer.values == ("y",)
