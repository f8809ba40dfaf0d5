"""A check's worker: schedules, verdicts, and probes that hang beside ones that do not."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from lighthouse.ipc.messages import (
    Alive,
    Applied,
    Failed,
    Probed,
    Reported,
    VerdictsSaid,
    decode_as,
)
from lighthouse.ipc.snapshot import CheckSnapshot
from lighthouse.service import Performed, Probe
from tests.rig import Rig
from tests.waiting import eventually

SOURCE = """
import os, threading, time
from lighthouse import hookimpl
from lighthouse.check import Check, Result

class Own(Check):
    @classmethod
    def validate_config(cls, config):
        if "bad" in config:
            raise ValueError("bad is bad")

    def apply_config(self, config):
        self.config, self.count = dict(config), 0
        if "broken" in config:
            raise OSError("cannot take it")

    def perform(self, host, port, timeout):
        self.count += 1
        print(f"[{port} {self.count}]")
        return eval(self.config.get("do", "Result(True, 'ok')"))

def throw(error):
    raise error

@hookimpl
def lighthouse_check():
    return Own
"""


def probe(service: str, do: str | None = None, port: int = 80, **fields: Any) -> Probe:
    config = fields.pop("config", {}) | ({} if do is None else {"do": do})
    return Probe(service, "127.0.0.1", port, config, **({"interval": 0.05} | fields))


def performances(rig: Rig, port: int) -> int:
    return rig.log.count(f"[{port} ")


def test_verdicts_are_stated_when_they_change(tmp_path: Path) -> None:
    with Rig(tmp_path, "check", SOURCE) as rig:
        rig.deliver(CheckSnapshot((probe("a"), probe("b", "Result(False, 'no')"))))
        first = rig.verdicts()
        assert first["a"].passing is None
        assert first["a"].reason == "not checked yet"
        assert rig.expect(Applied).kind == "applied"
        both = rig.verdicts(lambda v: v["a"].reason == "ok" and v["b"].reason == "no")
        assert (both["a"].passing, both["b"].passing) == (True, False)
        assert both["a"].performed_at > 0
        eventually(lambda: performances(rig, 80) > 20)
        assert not rig.received(VerdictsSaid)
        title = Path(f"/proc/{rig.pid}/cmdline")
        eventually(lambda: "lighthouse: check own (2 probes, v1)" in title.read_text())
        assert rig.stop() == 0


@pytest.mark.parametrize(
    ("do", "reason"),
    [
        ("throw(ConnectionRefusedError(111, 'Connection refused'))", "ConnectionRefusedError"),
        ("throw(SystemExit(1))", "SystemExit: 1"),
        ("'fine'", "perform returned 'fine', expected a Result"),
        ("throw(KeyError('k'))", "KeyError: 'k'"),
    ],
)
def test_whatever_a_check_raises_is_not_passing(tmp_path: Path, do: str, reason: str) -> None:
    with Rig(tmp_path, "check", SOURCE) as rig:
        rig.deliver(CheckSnapshot((probe("a", do), probe("b"))))
        verdicts = rig.verdicts(lambda v: v["a"].passing is False and v["b"].passing)
        assert verdicts["a"].reason.startswith(reason)
        assert ("Traceback" in rig.log) == ("Exit" in do or "Key" in do)


def test_rise_and_fall_go_on_from_the_earlier_verdict(tmp_path: Path) -> None:
    with Rig(tmp_path, "check", SOURCE) as rig:
        flips = "Result(self.count > 3, str(self.count))"
        rig.deliver(
            CheckSnapshot(
                (
                    probe("up", flips, 1, rise=2, fall=5, passing=True),
                    probe("down", flips, 2, rise=2, fall=5, passing=False),
                    probe("new", flips, 3, rise=2, fall=5),
                )
            )
        )
        seen: dict[str, list[bool | None]] = {"up": [], "down": [], "new": []}

        def done(verdicts: dict[str, Any]) -> bool:
            for name, verdict in verdicts.items():
                seen[name].append(verdict.passing)
            return all(verdict.reason in ("5", "6", "7", "8") for verdict in verdicts.values())

        rig.verdicts(done)
        assert set(seen["up"]) == {True}
        assert seen["down"][0] is False
        assert seen["down"][-1] is True
        assert seen["new"][0] is None
        assert seen["new"][-1] is True


def test_a_check_may_ask_to_look_again_soon_without_counting_for_rise(tmp_path: Path) -> None:
    """What it finds in between is published; the next slot of the schedule is long away."""
    look = "Result(self.count > 1, 'x', {'n': self.count}, 0.05 if self.count < 6 else None)"
    with Rig(tmp_path, "check", SOURCE) as rig:
        rig.deliver(CheckSnapshot((probe("a", look, interval=60, rise=2, passing=False),)))
        found = rig.verdicts(lambda said: said["a"].metadata.get("n") == 6, 20)
        assert found["a"].passing is False
        assert performances(rig, 80) == 6


def test_a_hung_check_delays_no_other_and_times_out(tmp_path: Path) -> None:
    with Rig(tmp_path, "check", SOURCE) as rig:
        hang = probe("hung", "time.sleep(600)", 1, timeout=0.2, interval=0.1)
        rig.deliver(CheckSnapshot((hang, probe("quick", port=2))))
        verdicts = rig.verdicts(lambda v: v["hung"].passing is False)
        assert verdicts["hung"].reason.startswith("timed out after 0.2 s (")
        assert "entry point own = " in verdicts["hung"].reason
        assert verdicts["quick"].passing is True
        eventually(lambda: performances(rig, 2) > 30)
        assert performances(rig, 1) <= 5
        assert rig.expect(Alive, lambda m: m.status["hanging"] >= 1).status["probes"] == 2
        assert rig.stop() == 0


def test_a_check_that_recovers_after_hanging_is_up_again(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with Rig(tmp_path, "check", SOURCE) as rig:
        do = f"Result(True, 'back') if os.path.exists({str(gate)!r}) else time.sleep(600)"
        rig.deliver(CheckSnapshot((probe("a", do, timeout=0.1, passing=True),)))
        rig.verdicts(lambda v: v["a"].passing is False)
        gate.touch()
        assert rig.verdicts(lambda v: v["a"].passing)["a"].reason == "back"


def test_too_many_hanging_threads_end_the_worker(tmp_path: Path) -> None:
    with Rig(tmp_path, "check", SOURCE) as rig:
        hung = [probe("s", "time.sleep(600)", port, timeout=0.1) for port in range(1, 41)]
        rig.deliver(CheckSnapshot(tuple(hung)))
        assert "65 performances hang" in rig.expect(Failed).reason
        assert rig.exit_status() == 1


def test_a_rejected_config_leaves_the_verdict(tmp_path: Path) -> None:
    with Rig(tmp_path, "check", SOURCE) as rig:
        bad = probe("a", config={"bad": 1}, passing=True)
        twin = probe("a", config={"bad": 1}, port=81, passing=True)
        assert [r.service for r in rig.validate(CheckSnapshot((bad, twin))).rejections] == ["a"]
        rig.deliver(CheckSnapshot((bad, twin, probe("b"))))
        applied = rig.expect(Applied)
        assert [(r.service, r.problems[0].message) for r in applied.rejections] == [
            ("a", "bad is bad")
        ]
        verdicts = rig.verdicts(lambda v: v["b"].passing)
        assert verdicts["a"].passing is True
        assert verdicts["a"].reason == "its config is rejected: bad is bad"
        rig.deliver(CheckSnapshot((probe("a", "Result(False, 'no')"), probe("b"))))
        assert rig.expect(Applied).rejections == ()
        rig.verdicts(lambda v: v["a"].reason == "no")


def test_a_rejected_change_leaves_the_earlier_check_running(tmp_path: Path) -> None:
    with Rig(tmp_path, "check", SOURCE) as rig:
        rig.deliver(CheckSnapshot((probe("a", "Result(True, 'old')"),)))
        rig.verdicts(lambda v: v["a"].passing)
        rig.deliver(CheckSnapshot((probe("a", config={"bad": 1}),)))
        rig.expect(Applied, lambda m: m.rejections)
        before = performances(rig, 80)
        eventually(lambda: performances(rig, 80) > before + 3)
        rig.deliver(CheckSnapshot((probe("a", config={"bad": 1}, passing=True),)))
        assert rig.expect(Applied, lambda m: m.version == 3).rejections


def test_a_config_that_cannot_be_applied_fails_the_check(tmp_path: Path) -> None:
    with Rig(tmp_path, "check", SOURCE) as rig:
        rig.deliver(CheckSnapshot((probe("a", config={"broken": 1}), probe("b", port=81))))
        verdicts = rig.verdicts(lambda v: v["a"].passing is False and v["b"].passing)
        assert verdicts["a"].reason == "OSError: cannot take it"
        eventually(lambda: performances(rig, 81) > 5)  # "a" has been tried as often
        assert performances(rig, 80) == 0


def test_equal_probes_run_on_and_gone_ones_stop(tmp_path: Path) -> None:
    with Rig(tmp_path, "check", SOURCE) as rig:
        counted = "Result(True, 'first' if self.count == 1 else 'later')"
        one = probe("a", counted, 1)
        rig.deliver(CheckSnapshot((one, probe("b", port=2))))
        rig.verdicts(lambda v: v["a"].reason == "later" and v["b"].passing)
        rig.deliver(CheckSnapshot((probe("a", counted, 1, passing=True),)))
        verdicts = rig.verdicts(lambda v: "b" not in v)
        assert verdicts["a"].reason == "later"
        gone = performances(rig, 2)
        before = performances(rig, 1)
        eventually(lambda: performances(rig, 1) > before + 5)
        assert performances(rig, 2) <= gone + 1
        rig.deliver(CheckSnapshot((probe("a", "Result(False, 'x')", 1, fall=9),)))
        verdicts = rig.verdicts(lambda v: v["a"].reason == "x")
        assert verdicts["a"].passing is True


def test_metadata_is_published_if_it_is_fit(tmp_path: Path) -> None:
    with Rig(tmp_path, "check", SOURCE) as rig:
        role = "Result(True, 'ok', {'role': 'primary' if self.count < 3 else 'replica'})"
        odd = "Result(True, 'ok', {'role': 'a\\nb'})"
        rig.deliver(CheckSnapshot((probe("a", role), probe("b", odd, 81))))
        rig.verdicts(lambda v: v["a"].metadata == {"role": "primary"})
        verdicts = rig.verdicts(
            lambda v: v["a"].metadata == {"role": "replica"} and v["b"].passing
        )
        assert verdicts["b"].metadata == {}
        told = "ok; metadata.role: 'a\\nb' has control characters; it is left out"
        assert verdicts["b"].reason == told
        assert "b:81: metadata.role: 'a\\nb' has control" in rig.log
        assert "; give names and plain values of at most 4 KiB (own 1.0, entry point" in rig.log


def test_first_performances_are_spread(tmp_path: Path) -> None:
    with Rig(tmp_path, "check", SOURCE) as rig:
        stamp = "Result(True, str(time.monotonic()))"
        probes = (probe(f"s{i}", stamp, port=i, interval=30.0) for i in range(20))
        rig.deliver(CheckSnapshot(tuple(probes)))
        verdicts = rig.verdicts(lambda v: all(one.passing for one in v.values()))
        moments = sorted(float(verdict.reason) for verdict in verdicts.values())
        assert moments[-1] - moments[0] > 0.4
        assert len({round(moment, 1) for moment in moments}) > 4


def test_an_idle_worker_uses_no_processor(tmp_path: Path) -> None:
    with Rig(tmp_path, "check", SOURCE) as rig:
        rig.deliver(CheckSnapshot((probe("a", interval=60.0),)))
        rig.verdicts(lambda v: v["a"].passing)

        def ticks() -> int:
            fields = Path(f"/proc/{rig.pid}/stat").read_text().rpartition(")")[2].split()
            return int(fields[11]) + int(fields[12])

        rig.forget()
        before = ticks()
        rig.expect(Alive)
        rig.expect(Alive)
        assert (ticks() - before) / os.sysconf("SC_CLK_TCK") <= 0.05
        assert threading.active_count() < 10


def test_an_exit_in_a_check_ends_the_process_only(tmp_path: Path) -> None:
    with Rig(tmp_path, "check", SOURCE) as rig:
        rig.deliver(CheckSnapshot((probe("a", "os._exit(9)"),)))
        assert rig.exit_status() == 9


def test_that_probes_are_performed_is_said_in_one_message_now_and_then(tmp_path: Path) -> None:
    probes = tuple(probe("a", port=port) for port in range(1, 101))
    with Rig(tmp_path, "check", SOURCE) as rig:
        rig.deliver(CheckSnapshot(probes))
        rig.verdicts(lambda found: found["a"].passing)
        rig.expect(Probed)
        first, second = (_performed(rig) for _ in range(2))
        assert len(second) == 100
        assert all(at > first.get(port, 0.0) for port, at in second.items())
        runs = rig.log.count("[")
        rig.forget()
        eventually(lambda: rig.log.count("[") > runs + 1000, 60)
        assert len(rig.received(Probed)) < 10


def _performed(rig: Rig) -> dict[int, float]:
    _, payload = rig.expect_payload(Probed)
    return {one.port: one.at for one in decode_as(list[Performed], payload)}


def test_a_performance_that_hangs_is_told_with_its_place_and_stack(tmp_path: Path) -> None:
    with Rig(tmp_path, "check", SOURCE) as rig:
        rig.deliver(CheckSnapshot((probe("hung", "time.sleep(1000)", timeout=0.1),)))
        told = rig.expect(
            Reported,
            lambda said: any("perform of hung:80" in f.message for f in said.report.faults),
        ).report.faults[0]
        assert told.warning
        assert ".py:" in told.place
        key = "stacks of those that hang"
        stacks = rig.expect(Alive, lambda alive: key in alive.status).status[key]
        assert "in perform" in stacks["hung:80"]


@pytest.mark.parametrize(
    ("do", "error"),
    [("{}['x']", "KeyError: 'x'"), ("throw(SystemExit(3))", "SystemExit: 3")],
    ids=["key", "exit"],
)
def test_what_a_check_raises_by_its_own_fault_names_it(
    tmp_path: Path, do: str, error: str
) -> None:
    with Rig(tmp_path, "check", SOURCE) as rig:
        rig.deliver(CheckSnapshot((probe("a", do, fall=1),)))
        reason = rig.verdicts(lambda verdicts: verdicts["a"].passing is False)["a"].reason
        assert reason.startswith(error)
        assert "entry point own = " in reason


PASSWORD = "s3sam'0pen"
LEAKS = {
    "raised": "throw(KeyError(self.config['password']))",
    "returned": "Result(False, 'not with ' + self.config['password'])",
    "metadata": "Result(True, '', {'with': self.config['password']})",
    "printed": "print('with', self.config['password'], repr(self.config))",
    "logged": "__import__('logging').warning('with %s', self.config['password'])",
}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_password_of_a_check_is_masked_in_all_that_it_says(tmp_path: Path, leak: str) -> None:
    with Rig(tmp_path, "check", SOURCE) as rig:
        given = probe("a", LEAKS[leak], fall=1, config={"password": PASSWORD})
        rig.deliver(CheckSnapshot((given,)))
        verdict = rig.verdicts(lambda verdicts: verdicts["a"].passing is not None)["a"]
        eventually(lambda: performances(rig, 80) > 1)
        said = f"{verdict.reason} {verdict.metadata} {rig.log}"
        assert "0pen" not in said
        assert "***" in said


SECRET = """
from lighthouse.secret import Secret
"""


def test_a_secret_that_was_read_is_masked(tmp_path: Path) -> None:
    (tmp_path / "word").write_text(PASSWORD + "\n")
    with Rig(tmp_path, "check", SECRET + SOURCE) as rig:
        do = f"Result(False, Secret({str(tmp_path / 'word')!r}).read())"
        rig.deliver(CheckSnapshot((probe("a", do, fall=1),)))
        verdicts = rig.verdicts(lambda verdicts: verdicts["a"].passing is False)
        assert verdicts["a"].reason == "***"
