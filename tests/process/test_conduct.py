"""What a plugin does against its contract while it runs: told once, with what is legal."""

from pathlib import Path
from typing import Any

import pytest

from lighthouse.cluster import Cluster
from lighthouse.ipc.messages import Applied, Reported
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

HEAD = """
import os
from lighthouse import hookimpl
from lighthouse.balancer import Balancer, Outcome
from lighthouse.check import Check, Result
from lighthouse.discovery import Discovery, Reading

"""

BALANCER = (
    HEAD
    + """
class Own(Balancer):
    @classmethod
    def validate_config(cls, config):
        return eval(config.get("valid", "None"))

    def apply_config(self, config):
        self.config = config

    def sync_file(self, clusters):
        return eval(self.config.get("sync", "None"))

    def wake_after(self):
        return eval(self.config.get("timer", "None"))

    def fileno(self):
        return eval(self.config.get("fileno", "None"))

    def status(self):
        return eval(self.config.get("status", "{}")) if hasattr(self, "config") else {}

def closed():
    reading, writing = os.pipe()
    os.close(reading)
    return reading

@hookimpl
def lighthouse_balancer():
    return Own
"""
)

FOUR_METHODS = (
    HEAD
    + """
class Four(Balancer):
    @classmethod
    def validate_dependencies(cls):
        return True

    @classmethod
    def validate_config(cls, config):
        pass

    def apply_config(self, config):
        self.spoil = config["spoil"]

    def sync_file(self, clusters):
        told = [(c.name, type(c.nodes).__name__, [n.host for n in c.nodes], c.config,
                 [n.metadata for n in c.nodes]) for c in clusters]
        print("given", type(clusters).__name__, told)
        for cluster in clusters:
            cluster.nodes.sort(key=lambda node: node.host, reverse=True)
            del cluster.nodes[1:]
            cluster.nodes[0].metadata["mine"] = 1
            cluster.config["port"].append(2)
        clusters.clear()
        return True
"""
)


def snapshot(**config: Any) -> BalancerSnapshot:
    return BalancerSnapshot(PluginSettings(config))


def test_four_methods_make_a_balancer_whose_clusters_are_its_own(tmp_path: Path) -> None:
    """Also one of 2016, whose entry point names the class, and that returns True."""
    rig = Rig(tmp_path, "balancer", FOUR_METHODS)
    points = tmp_path / "own-1.0.dist-info" / "entry_points.txt"
    points.write_text("[lighthouse.balancers]\nown = plugin_own:Four\n")
    nodes = [Node("a", "10.0.0.1", 80), Node("b", "10.0.0.2", 80, metadata={"k": {"x": [1]}})]
    web = part(Cluster("web", nodes), 1, PluginSettings({"port": [1]}))
    with rig:
        told = "given list [('web', 'list', ['a', 'b'], {'port': [1]}, [{}, {'k': {'x': [1]}}])]"
        for count in (1, 2):
            rig.deliver(BalancerSnapshot(PluginSettings({"spoil": True}), (web,)))
            assert rig.expect(Applied).kind == "applied"
            rig.printed("\n".join([told] * count) if count == 1 else told)
        assert rig.printed(told).count(told) == 2
        (fault,) = rig.expect(Reported).report.faults
        assert fault.warning
        assert (
            fault.message == "sync_file returned True, which is no Outcome: it is taken as applied"
        )
        assert fault.place.startswith(f"{tmp_path}/plugin_own.py:")
        assert rig.log.count("which is no Outcome") == 1
        assert not rig.received(Reported)


FAULTS = {
    "timer": ("'soon'", "wake_after returned 'soon'; return seconds, 0 or more, or None"),
    "negative timer": ("-1", "wake_after returned -1; "),
    "timer that is no number": ("float('nan')", "wake_after returned nan; "),
    "true timer": ("True", "wake_after returned True; "),
    "raising timer": ("1 / 0", "wake_after: ZeroDivisionError: division by zero; "),
    "fileno": ("'x'", "fileno returned 'x'; return the number of an open descriptor"),
    "closed fileno": ("closed()", "which cannot be waited on: [Errno 9] Bad file descriptor"),
    "negative fileno": ("-1", "fileno returned -1; "),
    "fileno of a file": ("os.open(__file__, 0)", "cannot be waited on: [Errno 1] Operation not"),
}


def test_what_it_asks_to_be_woken_for(tmp_path: Path) -> None:
    """It is a fault in status until it is right, and neither silence nor a spin."""
    with Rig(tmp_path, "balancer", BALANCER) as rig:
        rig.ready()
        for case, (value, told) in FAULTS.items():
            key = "fileno" if "fileno" in case else "timer"
            rig.deliver(snapshot(**{key: value}))
            assert rig.expect(Applied).kind == "applied"
            report = rig.expect(Reported, lambda m, told=told: told in m.report.wrong()).report
            assert "(own 1.0, entry point own = plugin_own, " in report.wrong()
            assert f"{tmp_path}/plugin_own.py:" in report.wrong()
            rig.deliver(snapshot(timer="1000"))
            assert rig.expect(Reported, lambda m: not m.report.faults)


def test_a_status_value_that_cannot_be_shown_costs_itself(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", BALANCER) as rig:
        rig.deliver(snapshot(status="{'good': 1, 'bad': object(), 'long': 'x' * 9000, 'also': 2}"))
        status = rig.expect(Applied, lambda m: m.status).status
        assert (status["good"], status["also"]) == (1, 2)
        (fault,) = rig.expect(Reported).report.faults
        assert fault.warning
        assert "bad is no JSON value, but of the type object;" in fault.message
        assert "long is too long: 9007 bytes, and all of it may have 8192" in fault.message


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"status": "[1, 2]"}, "status returned [1, 2], of the type list"),
        ({"status": "{'held': {1, 2}}"}, "held is no JSON value, but of the type set"),
        ({"status": "{'raw': b'x'}"}, "raw is no JSON value, but of the type bytes"),
        ({"status": "{'load': float('nan')}"}, "load is no JSON value, but nan"),
        ({"status": "{'ports': {80: 1}}"}, "ports is a map with the key 80, which is no text"),
        ({"status": "{80: 1}"}, "80 is no text, and so no name of a value"),
        ({"sync": "Outcome('held', 5)"}, "sync_file returned an Outcome with the reason 5"),
        ({"valid": "False"}, "validate_config returned False, which rejects nothing"),
    ],
    ids=["list", "set", "bytes", "nan", "inner-key", "key", "reason", "valid"],
)
def test_what_is_returned_and_is_not_of_the_contract_is_a_warning_with_its_place(
    tmp_path: Path, config: dict[str, str], told: str
) -> None:
    with Rig(tmp_path, "balancer", BALANCER) as rig:
        rig.deliver(snapshot(**config))
        (fault,) = rig.expect(Reported, lambda m: m.report.faults).report.faults
        assert fault.warning
        assert told in fault.message
        assert fault.remedy
        assert f"{tmp_path}/plugin_own.py:" in fault.place


CHECK = (
    HEAD
    + """
class Own(Check):
    def apply_config(self, config):
        self.config = config

    def perform(self, host, port, timeout):
        return eval(self.config["says"])

@hookimpl
def lighthouse_check():
    return Own
"""
)


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ("Result('no')", "perform returned Result('no'), expected True or False"),
        ("True", "perform returned True, expected a Result"),
        ("None", "perform returned None, expected a Result"),
    ],
)
def test_a_check_that_returns_no_result(tmp_path: Path, says: str, told: str) -> None:
    with Rig(tmp_path, "check", CHECK) as rig:
        rig.deliver(CheckSnapshot((Probe("web", "127.0.0.1", 1, {"says": says}, 0.1),)))
        verdict = rig.verdicts(lambda v: v["web"].passing is not None)["web"]
        assert not verdict.passing
        assert verdict.reason.startswith(f"{told} (own 1.0, entry point own = plugin_own, ")
        report = rig.expect(Reported).report
        assert report.wrong().startswith(f"{told}; return lighthouse.check.Result(passing) with")
        good = Probe("web", "127.0.0.1", 1, {"says": "Result(True)"}, 0.1)
        rig.deliver(CheckSnapshot((good,)))
        assert not rig.expect(Reported).report.faults


DISCOVERY = (
    HEAD
    + """
class Own(Discovery):
    read_only = True

    def connect(self, on_reading, on_connection):
        self.on_reading, self.on_connection = on_reading, on_connection

    def start_watching(self, cluster):
        eval(cluster)

    def stop_watching(self, cluster):
        pass

@hookimpl
def lighthouse_discovery():
    return Own
"""
)


@pytest.mark.parametrize(
    ("does", "told"),
    [
        ("self.on_reading(cluster, None)", "expected a Reading, got NoneType; pass a lighthouse"),
        ("self.on_reading(cluster, Reading(None))", "'NoneType' object is not iterable; pass"),
        ("self.on_reading(7, Reading())", "on_reading was given 7 as the cluster; pass the name"),
        ("self.on_connection('up')", "'up', which is no state; say one of connected, suspended, "),
        ("self.on_connection(None)", "on_connection was given None, which is no state; say one"),
    ],
)
def test_a_discovery_that_reports_what_is_none(tmp_path: Path, does: str, told: str) -> None:
    with Rig(tmp_path, "discovery", DISCOVERY) as rig:
        rig.deliver(DiscoverySnapshot(PluginSettings(), (WatchedCluster(does),)))
        report = rig.expect(Reported).report
        assert told in report.wrong()
        assert "(own 1.0, entry point own = plugin_own, " in report.wrong()
        rig.expect(Applied)


def test_a_validation_that_raises_what_is_no_rejection_has_a_traceback(tmp_path: Path) -> None:
    source = BALANCER.replace(
        "    def apply_config",
        "    @classmethod\n    def validate_config(cls, config):\n"
        "        config['path'] + 1\n\n    def apply_config",
    )
    with Rig(tmp_path, "balancer", source) as rig:
        rig.deliver(snapshot(path="x"))
        failed = rig.expect(Applied)
        (problem,) = failed.rejections[0].problems
        told = 'TypeError: can only concatenate str (not "int") to str; raise ValueError with what'
        assert told in problem.message
        assert f"{tmp_path}/plugin_own.py:16)" in problem.message
        assert "config['path'] + 1" in failed.traceback
        rig.printed("config['path'] + 1")
