"""A balancer's worker: what it hands to the plugin, and what it makes of what comes back."""

import os
import signal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lighthouse.cluster import Cluster
from lighthouse.ipc.messages import Alive, Applied, Deliver, Working
from lighthouse.ipc.snapshot import BalancerSnapshot, Part, PluginSettings, pack
from lighthouse.node import Node
from tests.rig import Rig, part
from tests.waiting import eventually

SOURCE = """
import os, sys, time
from lighthouse import hookimpl
from lighthouse.balancer import Balancer, Outcome

class Own(Balancer):
    compares_clusters = True

    def __init__(self):
        self.config, self.before, self.syncs, self.wakes = None, {}, 0, 0
        self.read, self.write = os.pipe()

    @classmethod
    def validate_config(cls, config):
        print("validate", sorted(config.items()))
        if "bad" in config:
            raise ValueError("bad is bad")
        if "bug" in config:
            raise KeyError("bug")

    @classmethod
    def validate_cluster_config(cls, config):
        print("validate section", sorted(config.items()))
        if config.get("port") == 0:
            raise ValueError("port: expected 1..65535, got 0")

    def apply_config(self, config):
        print("apply", sorted(config.items()))
        self.config = dict(config)

    def sync_file(self, clusters):
        self.syncs += 1
        kept = [c.name for c in clusters if self.before.get(c.name) is c]
        new = [f"{c.name}={len(c.nodes)}{c.config or ''}" for c in clusters
               if self.before.get(c.name) is not c]
        print("sync", self.syncs, "kept", kept, "new", new)
        self.before = {c.name: c for c in clusters}
        return eval(self.config.get("do", "None"))

    def fileno(self):
        return self.read if self.config.get("pipe") else None

    def wake_after(self):
        return eval(self.config.get("timer", "None"))

    def wake(self):
        self.wakes += 1
        return eval(self.config.get("wake", "None"))

    def status(self):
        return eval(self.config.get("status", "{}")) if self.config else {}

    def close(self):
        print("closed")

def throw(error):
    raise error

@hookimpl
def lighthouse_balancer():
    return Own
"""


def snapshot(*parts: Part, accepted: dict[str, Any] | None = None, **config: Any) -> Any:
    return BalancerSnapshot(PluginSettings(config, accepted), parts)


def web(nodes: int, revision: int = 1, name: str = "web", **section: Any) -> Part:
    members = tuple(Node(f"n{i}", f"10.0.0.{i}", 80) for i in range(nodes))
    return part(Cluster(name, [*members]), revision, PluginSettings(section) if section else None)


def test_a_snapshot_is_made_true_and_only_what_changed_is_new(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        rig.deliver(snapshot(web(2, 1, port=1), web(1, 1, "db", port=2)))
        first = rig.expect(Applied)
        assert (first.version, first.kind, first.reason) == (1, "applied", "")
        assert rig.working
        rig.deliver(snapshot(web(3, 2, port=1), web(1, 1, "db", port=2)))
        assert rig.expect(Applied).version == 2
        log = rig.printed("sync 2")
        assert "sync 1 kept [] new [\"db=1{'port': 2}\", \"web=2{'port': 1}\"]" in log
        assert "sync 2 kept ['db'] new [\"web=3{'port': 1}\"]" in log
        assert log.count("validate section") == 2
        assert log.count("apply") == 1


def test_a_base_is_read_once_and_each_delivery_is_whole(tmp_path: Path) -> None:
    base = snapshot(web(1, 1, "a"), web(1, 2, "b"), web(1, 3, "c"))
    payload = list(pack(base))
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        fresh = [(web(2, 4, "b"),), (web(2, 4, "b"), web(3, 5, "c")), (web(3, 5, "c"),)]
        for version, parts in enumerate(fresh, 1):
            rig.send(Deliver(version, 7, parts), payload)
            assert rig.expect(Applied).version == version
        rig.send(Deliver(4, 8), list(pack(snapshot(web(1, 1, "a"), web(4, 6, "c")))))
        assert rig.expect(Applied).version == 4
        log = rig.printed("sync 4")
        assert "sync 1 kept [] new ['a=1', 'b=2', 'c=1']" in log
        assert "sync 2 kept ['a', 'b'] new ['c=3']" in log
        assert "sync 3 kept ['a', 'c'] new ['b=1']" in log
        assert "sync 4 kept ['a'] new ['c=4']" in log


def unknown(name: str = "db", revision: int = 1, **section: Any) -> Part:
    cluster = Cluster(name, known=False)
    return part(cluster, revision, PluginSettings(section) if section else None)


def test_what_nobody_knows_is_not_handed_over(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        rig.deliver(snapshot(web(2, 1, port=1), unknown(port=2)))
        first = rig.expect(Applied)
        assert first.kind == "held"
        assert first.reason.startswith("nobody has said yet who the nodes of db are: what runs is")
        assert "sync" not in rig.log
        rig.deliver(snapshot(web(2, 1, port=1), web(1, 2, "db", port=2)))
        assert rig.expect(Applied).kind == "applied"
        rig.printed("sync 1 kept [] new [\"db=1{'port': 2}\", \"web=2{'port': 1}\"]")


def test_a_plugin_without_sections_waits_for_every_cluster(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        rig.deliver(snapshot(web(2), unknown()))
        assert rig.expect(Applied).kind == "held"
        rig.deliver(snapshot(web(2), web(0, 2, "db")))
        assert rig.expect(Applied).kind == "applied"
        rig.printed("sync 1 kept [] new ['db=0', 'web=2']")


def test_what_was_never_served_is_left_out_until_it_is_known(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        wanted = snapshot(web(2, 1, port=1), unknown(port=2), unknown("plain"))
        rig.deliver(msgspec.structs.replace(wanted, unserved=("db",)))
        assert rig.expect(Applied).kind == "applied"
        assert "sync 1 kept [] new [\"web=2{'port': 1}\"]" in rig.printed("sync 1")
        rig.deliver(snapshot(web(2, 1, port=1), web(0, 2, "db", port=2), unknown("plain")))
        rig.expect(Applied)
        rig.printed("sync 2 kept ['web'] new [\"db=0{'port': 2}\"]")


def test_nodes_that_stay_in_force_are_known_well_enough(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        former = Cluster("db", [Node("n", "10.0.0.1", 80)], known=False, stale=True)
        rig.deliver(snapshot(part(former, 1, PluginSettings({"port": 2}))))
        assert rig.expect(Applied).kind == "applied"
        rig.printed("new [\"db=1{'port': 2}\"]")


def test_a_plugin_that_can_tell_is_given_all(tmp_path: Path) -> None:
    source = SOURCE.replace("(Balancer):", "(Balancer):\n    handles_unknown = True\n")
    with Rig(tmp_path, "balancer", source) as rig:
        rig.deliver(snapshot(web(2, 1, port=1), unknown(port=2)))
        assert rig.expect(Applied).kind == "applied"
        rig.printed("new [\"db=0{'port': 2}\", \"web=2{'port': 1}\"]")


def test_a_plugin_may_do_what_it_likes_with_what_it_is_given(tmp_path: Path) -> None:
    """A list of its own each time; its changes of a config are not taken for the operator's."""
    spoil = (
        "[clusters.sort(key=str), clusters.reverse(), clusters + [], clusters.clear()] and None"
    )
    source = SOURCE.replace(
        'print("validate section"', 'config.setdefault("port", 7); print("validate section"'
    ).replace('print("validate"', 'config["mine"] = 1; print("validate"')
    with Rig(tmp_path, "balancer", source) as rig:
        config: dict[str, Any] = {"do": spoil}
        rig.deliver(snapshot(web(2, 1, x=1), web(1, 1, "db", port=2), **config))
        assert rig.expect(Applied).reason == ""
        rig.deliver(snapshot(web(2, 1, x=1), web(1, 1, "db", port=2), accepted=config, **config))
        assert rig.expect(Applied).kind == "applied"
        log = rig.printed("sync 2 kept ['db', 'web'] new []")
        assert "web=2{'x': 1}" in log
        assert "apply [('do'," in log
        assert "mine" not in log.split("apply", 1)[1]


def test_a_worker_that_starts_afresh_needs_but_one_delivery(tmp_path: Path) -> None:
    base = snapshot(web(1, 1, "a"), web(1, 2, "b"))
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        rig.send(Deliver(99, 12, (web(2, 30, "b"),)), list(pack(base)))
        assert rig.expect(Applied).version == 99
        assert "new ['a=1', 'b=2']" in rig.printed("sync 1")
        rig.send(Deliver(100, 12, (web(3, 31, "b"),)), list(pack(base)))
        assert rig.expect(Applied).version == 100
        assert "kept ['a'] new ['b=3']" in rig.printed("sync 2")
        rig.send(Deliver(101, 12), list(pack(base)))
        assert rig.expect(Applied).version == 101
        assert "kept ['a'] new ['b=1']" in rig.printed("sync 3")


def test_an_accepted_section_is_not_a_change(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        rig.deliver(snapshot(web(1, 1, port=1), x=1))
        rig.expect(Applied)
        members = (Node("n0", "10.0.0.0", 80),)
        again = part(Cluster("web", [*members]), 2, PluginSettings({"port": 1}, {"port": 1}))
        rig.deliver(snapshot(again, accepted={"x": 1}, x=1))
        rig.expect(Applied)
        log = rig.printed("sync 2 kept ['web'] new []")
        assert log.count("validate") == 2
        assert log.count("apply") == 1


@pytest.mark.parametrize(
    ("do", "kind", "reason"),
    [
        ("None", "applied", ""),
        ("Outcome('unchanged')", "unchanged", ""),
        ("Outcome('held', 'waits')", "held", "waits"),
        ("Outcome('degraded', 'no\\nreload')", "degraded", "no reload"),
        ("Outcome('failed', 'disk full')", "failed", "disk full"),
        (
            "Outcome('splendid')",
            "failed",
            "sync_file returned Outcome('splendid'), expected one of unchanged, applied, held, ",
        ),
        ("7", "applied", ""),
        ("throw(OSError(28, 'No space'))", "failed", "sync_file: OSError: [Errno 28] No space"),
        ("throw(SystemExit(3))", "failed", "sync_file: SystemExit: 3"),
        ("throw(KeyboardInterrupt())", "failed", "sync_file: KeyboardInterrupt"),
        ("throw(ValueError('x' * 10**6))", "failed", "sync_file: ValueError: xxx"),
        ("throw(ValueError(chr(0xd800)))", "failed", "sync_file: ValueError: \\ud800"),
    ],
)
def test_every_end_of_a_sync_is_told(tmp_path: Path, do: str, kind: str, reason: str) -> None:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        rig.deliver(snapshot(do=do))
        applied = rig.expect(Applied)
        assert applied.kind == kind
        assert applied.reason.startswith(reason)
        assert ("Traceback" in applied.traceback) == ("throw" in do)
        assert rig.stop() == 0


def test_a_failure_is_tried_again_until_it_succeeds(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        rig.deliver(snapshot(do="throw(OSError('not yet')) if self.syncs < 3 else None"))
        assert [rig.expect(Applied).kind for _ in range(3)] == ["failed", "failed", "applied"]
        assert [m.what for m in rig.received(Working)].count("retry") == 2
        assert rig.log.count("sync_file: OSError: not yet") == 1
        assert "lighthouse.workers.host: version 1: applied" in rig.printed("version 1")


def test_a_hung_sync_falls_silent_and_can_be_killed(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        rig.ready()
        rig.expect(Alive)
        rig.deliver(snapshot(do="time.sleep(600)"))
        rig.printed("sync 1")
        os.kill(rig.pid, signal.SIGTERM)
        assert rig.exit_status() == -signal.SIGTERM
        assert not rig.received(Applied)
    with Rig(tmp_path, "balancer", SOURCE) as successor:
        successor.deliver(snapshot())
        assert successor.expect(Applied).kind == "applied"


def test_a_rejected_config_leaves_the_accepted_one_in_force(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        rig.deliver(snapshot(x=1))
        assert rig.expect(Applied).rejections == ()
        rig.deliver(snapshot(accepted={"x": 1}, bad=1))
        applied = rig.expect(Applied)
        assert applied.kind == "applied"
        assert [p.message for r in applied.rejections for p in r.problems] == ["bad is bad"]
        rig.deliver(snapshot(accepted={"x": 1}, bug=1))
        (rejection,) = rig.expect(Applied).rejections
        assert "KeyError: 'bug'" in rejection.problems[0].message
        rig.deliver(snapshot(accepted={"x": 1}, x=1))
        assert rig.expect(Applied).rejections == ()
        assert rig.printed("sync 4").count("apply") == 1


def test_with_no_config_in_force_nothing_is_done(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        rig.deliver(snapshot(bad=1))
        applied = rig.expect(Applied)
        assert applied.kind == "failed"
        assert applied.reason == "its config is rejected: bad is bad"
        assert len(applied.rejections) == 1
        assert "sync" not in rig.log
        rig.deliver(snapshot(x=1))
        assert rig.expect(Applied, lambda m: m.version == 2).kind == "applied"


def test_a_rejected_section_costs_its_own_cluster_only(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        members = (Node("n", "10.0.0.1", 80),)
        fallback = part(Cluster("old", [*members]), 1, PluginSettings({"port": 0}, {"port": 9}))
        rig.deliver(snapshot(web(1, 1, port=1), web(1, 1, "bad", port=0), fallback))
        applied = rig.expect(Applied)
        assert applied.kind == "applied"
        assert [r.cluster for r in applied.rejections] == ["bad", "old"]
        assert "new [\"old=1{'port': 9}\", \"web=1{'port': 1}\"]" in rig.printed("sync 1")
        rig.deliver(snapshot(web(1, 1, port=1), web(2, 2, "bad", port=0), fallback))
        assert len(rig.expect(Applied).rejections) == 2
        assert rig.printed("sync 2").count("validate section") == 3


def test_nodes_that_cannot_be_read_cost_their_own_cluster_only(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        rig.deliver(snapshot(web(1), Part("odd", 1, b"\xc1")))
        applied = rig.expect(Applied)
        assert [r.cluster for r in applied.rejections] == ["odd"]
        assert "new ['web=1']" in rig.printed("sync 1")


def test_validation_touches_nothing(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        answer = rig.validate(snapshot(web(1, 1, port=0), web(1, 1, "db", port=2), bad=1))
        assert [r.cluster for r in answer.rejections] == [None, "web"]
        assert not rig.working
        assert "apply" not in rig.log
        assert rig.stop() == 0


def test_only_the_newest_snapshot_counts(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        rig.deliver(snapshot(do="time.sleep(0.3)"))
        rig.printed("sync 1")
        for nodes in range(5):
            rig.deliver(snapshot(web(nodes, nodes)))
        assert rig.expect(Applied).version == 1
        assert rig.expect(Applied).version == 6
        assert rig.printed("sync 2").count("new ['web=4']") == 1


def test_a_timer_wakes_the_plugin_and_its_outcome_counts(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        timer = "0.05 if self.wakes < 2 else None"
        wake = "Outcome('applied', 'late') if self.wakes == 2 else None"
        rig.deliver(snapshot(do="Outcome('held', 'soon')", timer=timer, wake=wake))
        assert rig.expect(Applied).kind == "held"
        late = rig.expect(Applied)
        assert (late.version, late.kind, late.reason) == (1, "applied", "late")
        assert not rig.received(Working)


def test_a_descriptor_wakes_the_plugin(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        rig.deliver(
            snapshot(
                do="os.write(self.write, b'x') and None",
                pipe=True,
                wake="Outcome('applied', 'read ' + os.read(self.read, 9).decode())",
            )
        )
        assert rig.expect(Applied).reason == ""
        assert rig.expect(Applied).reason == "read x"


def test_a_plugin_that_never_clears_what_wakes_it_floods_nobody(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        wakes = "{'wakes': self.wakes}"
        rig.deliver(snapshot(do="os.write(self.write, b'x') and None", pipe=True, status=wakes))
        rig.expect(Applied)
        first = rig.expect(Alive)
        second = rig.expect(Alive, within=5)
        assert not rig.received(Working)
        assert second.status["wakes"] - first.status.get("wakes", 0) < 2500
        rig.deliver(snapshot())
        rig.expect(Applied)


def test_a_raising_wake_is_a_failure_that_a_sync_mends(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        timer = "0 if self.syncs == 1 else None"
        rig.deliver(snapshot(timer=timer, wake="throw(OSError('gone'))"))
        kinds = [rig.expect(Applied) for _ in range(3)]
        assert [m.kind for m in kinds] == ["applied", "failed", "applied"]
        assert kinds[1].reason == "wake: OSError: gone"


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("{'reloads': 3, 'why': ['a', None]}", {"reloads": 3, "why": ["a", None]}),
        ("throw(SystemExit())", {}),
        ("{'odd': object(), 'a': 1}", {"odd": "(no JSON value, but of the type object)", "a": 1}),
        ("{'big': 2**80, 'a': 1}", {"big": "(no JSON value, but of the type int)", "a": 1}),
        (
            "{'long': 'x' * 10**6, 'a': 1}",
            {"long": "(too long: 1000009 bytes, and all of it may have 8192)", "a": 1},
        ),
        ("{1: 2}", {"1": 2}),
        ("None", {}),
    ],
)
def test_a_status_is_shown_if_it_can_be(
    tmp_path: Path, status: str, shown: dict[str, Any]
) -> None:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        rig.deliver(snapshot(status=status))
        applied = rig.expect(Applied)
        assert (applied.kind, applied.status) == ("applied", shown)
        assert rig.expect(Alive, lambda m: m.status == shown)


def test_a_forked_child_that_comes_back_is_no_second_worker(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        rig.deliver(snapshot(do="os.fork() and None"))
        assert rig.expect(Applied).kind == "applied"
        rig.deliver(snapshot())
        assert rig.expect(Applied).version == 2
        children = Path(f"/proc/{rig.pid}/task/{rig.pid}/children")
        eventually(lambda: all(_state(int(pid)) == "Z" for pid in children.read_text().split()))
        assert rig.stop() == 0


def test_a_forked_child_dies_with_the_worker(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        rig.deliver(snapshot(do="os.fork() and None or os.getppid() and None"))
        rig.expect(Applied)
        lingering = "(print('child', os.getpid()), os.setsid(), time.sleep(600))"
        rig.deliver(snapshot(do=f"None if os.fork() else {lingering}"))
        rig.expect(Applied)
        log = eventually(lambda: "child " in rig.log and rig.log)
        child = int(str(log).partition("child ")[2].split()[0])
        os.kill(rig.pid, signal.SIGKILL)
        eventually(lambda: _state(child) in ("", "Z", "X"))


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def test_an_exit_in_the_plugin_ends_the_process_with_its_status(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        rig.deliver(snapshot(do="os._exit(7)"))
        assert rig.exit_status() == 7


def test_what_a_plugin_prints_is_heard_line_by_line(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        rig.deliver(
            snapshot(do="print('x' * 200000) or os.write(1, bytes([255, 0, 10])) and None")
        )
        assert rig.expect(Applied).kind == "applied"
        rig.printed("x" * 1000)


def test_logs_carry_their_level_and_continue_with_a_tab(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        rig.deliver(snapshot(do="throw(OSError('one\\ntwo'))"))
        rig.expect(Applied)
        log = rig.printed("<3>lighthouse.worker: failed: sync_file: OSError: one")
        record = log[log.index("<3>lighthouse.worker: failed") :].splitlines()
        assert record[1].startswith("\tTraceback")


def test_stop_closes_and_end_of_file_does_not(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        rig.deliver(snapshot())
        rig.expect(Applied)
        assert rig.stop() == 0
        assert "closed" in rig.log
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        rig.deliver(
            snapshot(do="__import__('threading').Thread(target=time.sleep, args=(600,)).start()")
        )
        rig.expect(Applied)
        rig.channel.close()
        assert rig.exit_status() == 0
        assert "closed" not in rig.log


def test_a_worker_of_an_idle_plugin_is_lean(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", SOURCE) as rig:
        rig.deliver(snapshot(*(web(20, 1, f"c{i}", port=1) for i in range(100))))
        rig.expect(Applied)
        status = Path(f"/proc/{rig.pid}/status").read_text()
        rss = int(status.partition("VmRSS:")[2].split()[0])
        assert rss < 40 * 1024
        modules = Path(f"/proc/{rig.pid}/maps").read_text()
        assert "psutil" not in modules
