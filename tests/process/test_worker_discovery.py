"""A discovery's worker: watching, registering, and passing on what the plugin reads."""

import os
from pathlib import Path
from typing import Any

import msgspec

from lighthouse.ipc.messages import (
    Applied,
    Connected,
    Observed,
    Registered,
    Stop,
    Working,
    decode_as,
)
from lighthouse.ipc.payloads import Registration
from lighthouse.ipc.snapshot import DiscoverySnapshot, PluginSettings, WatchedCluster
from lighthouse.node import Node
from lighthouse.schema import Problem, Rejection
from lighthouse.service import Service
from tests.rig import Rig
from tests.waiting import eventually

SOURCE = """
import os, threading, time
from lighthouse import hookimpl
from lighthouse.discovery import Discovery, Reading, Refusal
from lighthouse.node import Node

NODE = Node("a", "10.0.0.1", 80)

class Own(Discovery):
    '''Every call is printed; a file named like a call in the config's directory makes it fail,
    and the pipe named ``events`` there takes Python statements to run in ``wake``.'''

    def __init__(self):
        self.config, self.pipe = {}, None

    @classmethod
    def validate_config(cls, config):
        if "bad" in config:
            raise ValueError("bad is bad")

    def said(self, *words):
        line = " ".join(str(word) for word in words)
        print("[" + line + "]")
        fault = os.path.join(self.config.get("path", "/nowhere"), "fail " + line)
        if os.path.exists(fault):
            raise OSError("told to fail")

    def apply_config(self, config):
        self.config = dict(config)
        self.said("apply", config.get("x"))

    def connect(self, on_reading, on_connection):
        self.said("connect")
        self.on_reading, self.on_connection = on_reading, on_connection
        self.pipe = os.open(os.path.join(self.config["path"], "events"), os.O_RDWR | os.O_NONBLOCK)
        on_connection("connected", "here")

    def disconnect(self):
        self.said("disconnect")
        os.close(self.pipe)

    def start_watching(self, cluster):
        self.said("start", cluster)
        self.on_reading(cluster, Reading((NODE,)))

    def stop_watching(self, cluster):
        self.said("stop", cluster)

    def refresh(self, cluster):
        self.said("refresh", cluster)
        self.on_reading(cluster, Reading((NODE,)))

    def report_up(self, service):
        self.said("up", service.name, service.node.ip, service.node.weight)

    def report_down(self, service):
        self.said("down", service.name, service.node.ip)
        time.sleep(self.config.get("slow", 0))

    def fileno(self):
        return self.pipe

    def wake(self):
        exec(os.read(self.pipe, 65536).decode())

@hookimpl
def lighthouse_discovery():
    return Own
"""

NODE = Node("a", "10.0.0.1", 80)


class World:
    """The directory that the plugin above looks at."""

    def __init__(self, path: Path) -> None:
        self.path = path / "world"
        self.path.mkdir()
        os.mkfifo(self.path / "events")

    def run(self, statement: str) -> None:
        """Have the plugin run a statement when it wakes."""
        with (self.path / "events").open("w", encoding="utf-8") as pipe:
            pipe.write(statement)

    def fail(self, call: str) -> Path:
        fault = self.path / f"fail {call}"
        fault.touch()
        return fault

    def snapshot(
        self,
        watch: tuple[WatchedCluster, ...] = (),
        up: tuple[Service, ...] = (),
        down: tuple[Service, ...] = (),
        **config: Any,
    ) -> DiscoverySnapshot:
        settings = PluginSettings({"path": str(self.path), **config}, {"path": str(self.path)})
        return DiscoverySnapshot(settings, watch, up, down)


def service(name: str, ip: str = "10.0.0.9", weight: int = 1) -> Service:
    return Service(name, 80, Node("me", ip, 80, weight))


def calls(rig: Rig) -> list[str]:
    """What the plugin was asked to do, in order."""
    return [line[1:-1] for line in rig.log.splitlines() if line.startswith("[")]


def stated(rig: Rig) -> tuple[Registration, ...]:
    """The next statement of all nodes."""
    return decode_as(tuple[Registration, ...], rig.expect_payload(Registered)[1])


def applied(rig: Rig, snapshot: DiscoverySnapshot) -> Applied:
    version = rig.deliver(snapshot)
    return rig.expect(Applied, lambda m: m.version == version)


def test_what_is_lost_within_a_call_is_registered_again_at_once(tmp_path: Path) -> None:
    world = World(tmp_path)
    forgetful = """
        if service.name == "t" and not self.config.pop("kept", False):
            self.config["kept"] = True
            self.on_connection("lost", "forgotten")
            self.on_connection("connected", "again")

    def report_down"""
    source = SOURCE.replace("\n    def report_down", forgetful)
    with Rig(tmp_path, "discovery", source) as rig:
        both = (service("s"), service("t"))
        assert applied(rig, world.snapshot(up=both)).kind == "applied"
        up = ["up s 10.0.0.9 1", "up t 10.0.0.9 1"]
        assert calls(rig)[2:] == up + up
        eventually(lambda: all(one.registered for one in rig.registrations().values()))


def test_only_differences_are_asked_for(tmp_path: Path) -> None:
    world = World(tmp_path)
    with Rig(tmp_path, "discovery", SOURCE) as rig:
        a, b = WatchedCluster("a"), WatchedCluster("b")
        assert applied(rig, world.snapshot((a, b), up=(service("s"),))).kind == "applied"
        assert calls(rig) == ["apply None", "connect", "start a", "start b", "up s 10.0.0.9 1"]
        assert rig.expect(Connected).state == "connected"
        observed, reading = rig.reading("a")
        assert reading.nodes == (NODE,)
        assert len(observed.trace) == 8
        rig.reading("b")
        assert rig.registrations()["s", 80].registered
        before = len(calls(rig))
        applied(rig, world.snapshot((b, WatchedCluster("c")), up=(service("s"),)))
        assert sorted(calls(rig)[before:]) == ["start c", "stop a"]
        before = len(calls(rig))
        applied(rig, world.snapshot((b, WatchedCluster("c")), up=(service("s", weight=5),)))
        assert calls(rig)[before:] == ["up s 10.0.0.9 5"]
        before = len(calls(rig))
        applied(rig, world.snapshot((b, WatchedCluster("c")), up=(service("s", "10.0.0.8", 5),)))
        assert calls(rig)[before:] == ["down s 10.0.0.9", "up s 10.0.0.8 5"]
        title = Path(f"/proc/{rig.pid}/cmdline")
        eventually(lambda: "discovery own (2 clusters, 1 services, v4)" in title.read_text())
        (moved,) = rig.registrations().values()
        assert moved.place == ("s", "me", "10.0.0.8", 80)
        assert not rig.received(Registered)


def test_an_older_node_of_a_service_goes_first_and_is_confirmed(tmp_path: Path) -> None:
    world = World(tmp_path)
    old, new = service("s", "10.0.0.8"), service("s")
    fault = world.fail("down s 10.0.0.8")
    with Rig(tmp_path, "discovery", SOURCE) as rig:
        assert applied(rig, world.snapshot(up=(new,), down=(old,))).kind == "failed"
        assert calls(rig)[2:] == ["down s 10.0.0.8", "up s 10.0.0.9 1"]
        found = {one.place[2]: one for one in stated(rig)}
        assert (found["10.0.0.9"].registered, found["10.0.0.9"].reason) == (True, "")
        assert not found["10.0.0.8"].gone
        assert found["10.0.0.8"].reason
        fault.unlink()
        assert rig.expect(Applied, lambda m: m.kind == "applied")
        found = {one.place[2]: one for one in stated(rig)}
        assert (found["10.0.0.9"].registered, found["10.0.0.8"].gone) == (True, True)
        assert calls(rig)[-2:] == ["down s 10.0.0.8", "up s 10.0.0.9 1"]


def test_what_a_worker_could_not_remove_is_not_called_gone(tmp_path: Path) -> None:
    world = World(tmp_path)
    fault = world.fail("down s 10.0.0.9")
    with Rig(tmp_path, "discovery", SOURCE) as rig:
        assert applied(rig, world.snapshot(down=(service("s"),))).kind == "failed"
        (one,) = stated(rig)
        assert (one.registered, one.gone) == (False, False)
        fault.unlink()
        (one,) = stated(rig)
        assert one.gone


def test_a_stop_that_keeps_calls_the_plugin_no_more(tmp_path: Path) -> None:
    world = World(tmp_path)
    with Rig(tmp_path, "discovery", SOURCE) as rig:
        applied(rig, world.snapshot((WatchedCluster("a"),), up=(service("s"),)))
        rig.send(Stop(5.0, keep=True))
        assert rig.exit_status() == 0
        assert calls(rig)[-1] == "up s 10.0.0.9 1"


def test_a_service_is_deregistered_once_and_left_alone_while_undecided(tmp_path: Path) -> None:
    world = World(tmp_path)
    with Rig(tmp_path, "discovery", SOURCE) as rig:
        applied(rig, world.snapshot(down=(service("s"),)))
        applied(rig, world.snapshot(down=(service("s"), service("t"))))
        assert calls(rig)[2:] == ["down s 10.0.0.9", "down t 10.0.0.9"]
        applied(rig, world.snapshot(up=(service("s"),)))
        applied(rig, world.snapshot())
        applied(rig, world.snapshot(up=(service("s"),)))
        assert calls(rig)[4:] == ["up s 10.0.0.9 1"]
        applied(rig, world.snapshot(down=(service("s"), service("t"))))
        assert calls(rig)[5:] == ["down s 10.0.0.9"]


def test_what_fails_is_tried_again_and_the_rest_goes_on(tmp_path: Path) -> None:
    world = World(tmp_path)
    faults = [world.fail("start a"), world.fail("up s 10.0.0.9 1")]
    with Rig(tmp_path, "discovery", SOURCE) as rig:
        watch = (WatchedCluster("a"), WatchedCluster("b"))
        failed = applied(rig, world.snapshot(watch, up=(service("s"), service("t"))))
        assert failed.kind == "failed"
        assert failed.reason == "start_watching a: OSError: told to fail (and 1 more)"
        assert failed.traceback == ""
        rig.reading("b")
        registered = rig.registrations()
        assert (registered["s", 80].registered, registered["t", 80].registered) == (False, True)
        assert registered["s", 80].reason == "report_up s:80: OSError: told to fail"
        for fault in faults:
            fault.unlink()
        assert rig.expect(Applied, lambda m: m.kind == "applied").version == 1
        assert rig.expect(Working, lambda m: m.what == "retry")
        rig.reading("a")
        assert rig.registrations()["s", 80].registered
        assert calls(rig).count("start b") == calls(rig).count("connect") == 1


def test_a_watch_that_could_not_be_ended_is_ended_later_or_begun_anew(tmp_path: Path) -> None:
    world = World(tmp_path)
    with Rig(tmp_path, "discovery", SOURCE) as rig:
        applied(rig, world.snapshot((WatchedCluster("a", 3), WatchedCluster("b"))))
        faults = [world.fail("stop a"), world.fail("stop b")]
        failed = applied(rig, world.snapshot())
        assert failed.reason == "stop_watching a: OSError: told to fail (and 1 more)"
        before = len(calls(rig))
        for fault in faults:
            fault.unlink()
        applied(rig, world.snapshot((WatchedCluster("a", 3),)))
        assert sorted(calls(rig)[before:]) == ["start a", "stop b"]


def test_a_failing_connect_is_tried_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    fault = world.fail("connect")
    with Rig(tmp_path, "discovery", SOURCE) as rig:
        failed = applied(rig, world.snapshot((WatchedCluster("a"),)))
        assert failed.reason == "connect: OSError: told to fail"
        assert calls(rig) == ["apply None", "connect"]
        fault.unlink()
        assert rig.expect(Applied, lambda m: m.kind == "applied")
        rig.reading("a")
        assert rig.stop() == 0


def test_a_reread_is_answered_though_nothing_changed(tmp_path: Path) -> None:
    world = World(tmp_path)
    with Rig(tmp_path, "discovery", SOURCE) as rig:
        applied(rig, world.snapshot((WatchedCluster("a"),)))
        assert rig.reading("a")[0].reread == 0
        world.run("self.on_reading('a', Reading((NODE,))); print('woken')")
        rig.printed("woken")
        applied(rig, world.snapshot((WatchedCluster("a", 1),)))
        assert rig.reading("a")[0].reread == 1
        assert "refresh a" in calls(rig)
        assert not rig.received(Observed)
        fault = world.fail("refresh a")
        assert applied(rig, world.snapshot((WatchedCluster("a", 2),))).kind == "failed"
        world.run("self.on_reading('a', Reading((NODE, Node('b', '10.0.0.2', 80))))")
        assert rig.reading("a")[0].reread == 1
        fault.unlink()
        assert rig.reading("a")[0].reread == 2


def test_readings_are_sorted_and_each_address_counts_once(tmp_path: Path) -> None:
    world = World(tmp_path)
    with Rig(tmp_path, "discovery", SOURCE) as rig:
        applied(rig, world.snapshot((WatchedCluster("a"),)))
        rig.reading("a")
        world.run(
            "self.on_reading('a', Reading((Node('z', '10.0.0.3', 80), NODE,"
            " Node('twin', '10.0.0.1', 80), Node('x\\ny', '10.0.0.4', 80),"
            " Node('big', '10.0.0.5', 80, metadata={'n': 2**80})),"
            " (Refusal('b.json\\udc80', 'not JSON'),)))"
        )
        _, reading = rig.reading("a")
        assert [node.host for node in reading.nodes] == ["a", "z", "10.0.0.4", "big"]
        assert [bool(node.notes) for node in reading.nodes] == [False, False, True, True]
        assert [(r.record, r.reason) for r in reading.refused] == [
            ("b.json\\udc80", "not JSON"),
            ("twin:80", "same address as a:80"),
        ]


def test_a_reading_of_what_is_no_node_is_none_and_empties_nothing(tmp_path: Path) -> None:
    """It is the plugin's mistake, and says nothing of who the nodes are."""
    world = World(tmp_path)
    with Rig(tmp_path, "discovery", SOURCE) as rig:
        applied(rig, world.snapshot((WatchedCluster("a"), WatchedCluster("b"))))
        rig.reading("a")
        world.run(
            "self.on_reading('a', Reading((Node('y', '10.0.0.2', 80), {'ip': '10.0.0.3'})));"
            " self.on_reading('b', Reading((Node('z', '10.0.0.3', 80),)))"
        )
        _, reading = rig.reading("b")
        assert [node.host for node in reading.nodes] == ["a"]
        _, reading = rig.reading("b")
        assert [node.host for node in reading.nodes] == ["z"]
        assert "on_reading was given what is no reading of a: its nodes hold a dict" in rig.log


def test_readings_from_threads_and_of_unwanted_clusters(tmp_path: Path) -> None:
    world = World(tmp_path)
    with Rig(tmp_path, "discovery", SOURCE) as rig:
        applied(rig, world.snapshot((WatchedCluster("a"),)))
        rig.reading("a")
        world.run(
            "def later(report=self.on_reading):\n"
            "    for port in range(1, 200):\n"
            "        report('a', Reading((Node('n', '10.0.0.1', port),)))\n"
            "        report('other', Reading((NODE,)))\n"
            "        report('a', 'no reading') if port == 50 else None\n"
            "threading.Thread(target=later).start()\n"
        )
        rig.reading("a", lambda reading: reading.nodes[0].port == 199)
        assert not [m for m in rig.received(Observed) if m.cluster == "other"]


def test_while_the_supervisor_does_not_read_only_the_newest_reading_waits(tmp_path: Path) -> None:
    world = World(tmp_path)
    with Rig(tmp_path, "discovery", SOURCE) as rig:
        applied(rig, world.snapshot((WatchedCluster("a"), WatchedCluster("b"))))
        world.run(
            "def later(report=self.on_reading):\n"
            "    for port in range(1, 3001):\n"
            "        report('ab'[port % 2], Reading((Node('n', '10.0.0.1', port),)))\n"
            "        time.sleep(0.0002)\n"
            "    print('[all said]')\n"
            "threading.Thread(target=later).start()\n"
        )
        rig.printed("[all said]")
        rig.reading("a", lambda reading: reading.nodes[0].port == 3000)
        rig.reading("b", lambda reading: reading.nodes[0].port == 2999)


def test_a_lost_session_is_registered_again_when_it_is_back(tmp_path: Path) -> None:
    world = World(tmp_path)
    with Rig(tmp_path, "discovery", SOURCE) as rig:
        applied(rig, world.snapshot((WatchedCluster("a"),), up=(service("s"),)))
        assert rig.registrations()["s", 80].registered
        world.run("self.on_connection('suspended', 'no answer')")
        assert rig.expect(Connected, lambda m: m.state == "suspended").reason == "no answer"
        world.run("self.on_connection('lost', 'expired')")
        rig.expect(Connected, lambda m: m.state == "lost")
        assert not rig.registrations()["s", 80].registered
        world.run("self.on_connection('connected', 'back')")
        rig.expect(Connected, lambda m: m.reason == "back")
        assert rig.expect(Applied).kind == "applied"
        assert rig.registrations()["s", 80].registered
        assert calls(rig).count("up s 10.0.0.9 1") == 2
        assert calls(rig).count("start a") == 1


def test_a_changed_config_starts_over(tmp_path: Path) -> None:
    world = World(tmp_path)
    with Rig(tmp_path, "discovery", SOURCE) as rig:
        applied(rig, world.snapshot((WatchedCluster("a"),), up=(service("s"),)))
        rig.reading("a")
        rejected = applied(rig, world.snapshot((WatchedCluster("a"),), up=(service("s"),), bad=1))
        assert rejected.kind == "applied"
        assert rejected.rejections[0].problems[0].message == "bad is bad"
        before = len(calls(rig))
        assert before == 4
        applied(rig, world.snapshot((WatchedCluster("a"),), up=(service("s"),), x=2))
        anew = ["disconnect", "apply 2", "connect", "start a", "up s 10.0.0.9 1"]
        assert calls(rig)[before:] == anew
        rig.reading("a")


def test_a_raising_wake_is_told_and_tried_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    with Rig(tmp_path, "discovery", SOURCE) as rig:
        applied(rig, world.snapshot((WatchedCluster("a"),)))
        rig.reading("a")
        world.run("raise SystemExit('why not')")
        told = "wake: SystemExit: why not (own 1.0, entry point own = plugin_own, "
        assert rig.expect(Applied).reason.startswith(told)
        world.run("self.on_reading('a', Reading())")
        assert rig.expect(Applied).kind == "applied"
        assert rig.reading("a")[1].nodes == ()


def test_stop_deregisters_and_disconnects(tmp_path: Path) -> None:
    world = World(tmp_path)
    with Rig(tmp_path, "discovery", SOURCE) as rig:
        applied(rig, world.snapshot((WatchedCluster("a"),), up=(service("s"), service("t"))))
        world.fail("down s 10.0.0.9")
        assert rig.stop() == 0
        assert calls(rig)[-3:] == ["down s 10.0.0.9", "down t 10.0.0.9", "disconnect"]


def test_stop_keeps_to_its_grace(tmp_path: Path) -> None:
    world = World(tmp_path)
    with Rig(tmp_path, "discovery", SOURCE) as rig:
        up = tuple(service(f"s{index}") for index in range(100))
        applied(rig, world.snapshot(up=up, slow=0.1))
        assert rig.stop(grace=0.3) == 0
        assert calls(rig)[-1] == "disconnect"
        assert 1 <= sum(call.startswith("down") for call in calls(rig)) < 50


def test_end_of_file_leaves_everything_registered(tmp_path: Path) -> None:
    world = World(tmp_path)
    with Rig(tmp_path, "discovery", SOURCE) as rig:
        applied(rig, world.snapshot((WatchedCluster("a"),), up=(service("s"),)))
        rig.channel.close()
        assert rig.exit_status() == 0
        assert calls(rig)[-1] == "up s 10.0.0.9 1"


def test_validation_only_validates(tmp_path: Path) -> None:
    world = World(tmp_path)
    with Rig(tmp_path, "discovery", SOURCE) as rig:
        answer = rig.validate(world.snapshot((WatchedCluster("a"),), bad=1))
        assert answer.rejections[0].problems[0].message == "bad is bad"
        assert calls(rig) == []


def test_where_nothing_can_be_registered_the_services_files_are_rejected(tmp_path: Path) -> None:
    world = World(tmp_path)
    source = SOURCE.replace("class Own(Discovery):", "class Own(Discovery):\n    read_only = True")
    snapshot = msgspec.structs.replace(
        world.snapshot((WatchedCluster("web"),), up=(service("app"),), down=(service("old"),)),
        reporters=("app-file", "old-file"),
    )
    text = "this discovery is read-only: services cannot be registered with it"
    expected = tuple(
        Rejection((Problem((), text),), service=stem) for stem in ("app-file", "old-file")
    )
    with Rig(tmp_path, "discovery", source) as rig:
        assert rig.ready().validate(snapshot).rejections == expected
        found = applied(rig, snapshot)
        assert (found.kind, found.rejections) == ("applied", expected)
        stated = rig.registrations()
        assert {(key, one.registered, one.reason) for key, one in stated.items()} == {
            (("app", 80), False, text),
            (("old", 80), False, text),
        }
        assert applied(rig, world.snapshot((WatchedCluster("web"),))).rejections == ()
        assert rig.stop() == 0
        assert calls(rig) == ["apply None", "connect", "start web", "disconnect"]


def test_a_source_that_is_away_is_not_logged_for_each_service(tmp_path: Path) -> None:
    world = World(tmp_path)
    names = ("a", "b", "c")
    for name in names:
        world.fail(f"up {name} 10.0.0.9 1")
        world.fail(f"down {name} 10.0.0.9")
    with Rig(tmp_path, "discovery", SOURCE) as rig:
        rig.ready().deliver(world.snapshot())
        rig.expect(Applied)
        world.run("self.on_connection('suspended', 'nobody answers')")
        rig.expect(Connected, lambda m: m.state == "suspended")
        rig.forget()
        rig.deliver(world.snapshot(up=tuple([service(name) for name in names])))
        assert "(and 2 more)" in rig.expect(Applied).reason
        assert "OSError" in rig.registrations()["a", 80].reason
        assert rig.stop() == 0
    told = [line for line in rig.log.splitlines() if "told to fail" in line]
    assert len(told) == 2, told
    assert "failed: report_up a:80: OSError: told to fail (and 2 more)" in told[0]
    assert "3 of 3 services could not be deregistered: report_down a:80" in told[1]
