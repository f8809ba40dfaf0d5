"""A plugin that misbehaves costs its own process only, and status says in words how."""

import functools
import os
import signal
import subprocess
import sys

import pytest

from tests.fleet import Fleet
from tests.recorder import nodes
from tests.waiting import eventually

BODY = """
import ctypes, os, re, subprocess, sys, threading, time
from lighthouse import hookimpl
from lighthouse.balancer import Balancer

class Bad(Balancer):
    @classmethod
    def validate_config(cls, config):
        {validate}

    def sync_file(self, clusters):
        {sync}

@hookimpl
def lighthouse_balancer():
    return Bad
"""

BAD = {
    # name: (validate_config, sync_file, words in status)
    "raises": ("pass", "raise RuntimeError('no luck')", "no luck"),
    "sleeps": ("pass", "time.sleep(1e9)", "its sync did not return within"),
    "spins": ("pass", "while True: pass", "its sync did not return within"),
    "holds": ("pass", "re.match('(a+)+b', 'a' * 60)", "its sync did not return within"),
    "deaf": (
        "pass",
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(1e9)",
        "its sync did not return within",
    ),
    "leaks": (
        "pass",
        "x = []\n        while True: x.append(b'x' * 2**20); time.sleep(0.005)",
        "MiB",
    ),
    "exits": ("pass", "os._exit(3)", "exited with status 3"),
    "segfaults": ("pass", "ctypes.string_at(0)", "killed by SIGSEGV"),
    "quits": ("pass", "sys.exit('enough')", "SystemExit"),
    "refuses": ("raise TypeError('odd')", "pass", "odd"),
}


def misbehave(fleet: Fleet, name: str) -> str:
    validate, sync, words = BAD[name]
    fleet.plugin(name, BODY.format(validate=validate, sync=sync))
    within = 20 if name == "leaks" else 1
    limits = {"sync_timeout": within, "memory": "120M", "stop_timeout": 1}
    fleet.write(f"balancers/{name}.yaml", {"worker": limits})
    return words


def follows(fleet: Fleet, name: str) -> None:
    """The recorder still follows the directory."""
    path = fleet.node("web", name, 8000)
    eventually(lambda: f"{name}:8000" in nodes(fleet.record, "web"))
    path.unlink()


KINDRED = ("holds", "segfaults", "quits")
"""What another one of them stands for among the tests that are not slow."""


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in KINDRED else ()) for name in BAD],
)
def test_a_bad_plugin_is_named_and_harms_nobody(fleet: Fleet, name: str) -> None:
    words = misbehave(fleet, name)
    fleet.node("web", "steady", 8000)
    fleet.node("web", "second", 8000)
    fleet.start()
    eventually(lambda: words in fleet.worker(name)["last_error"], 20, words)
    follows(fleet, "during")
    eventually(lambda: any(name in problem for problem in fleet.status()["problems"]))
    assert fleet.worker("recorder")["restarts"] == 0
    assert fleet.kill(signal.SIGTERM) == 0
    assert fleet.leftovers() == []


def test_a_hang_is_told_with_the_method_and_the_stacks(fleet: Fleet) -> None:
    """Whatever hangs: an import, a validation, a status, a thread of the plugin's own."""
    hang = "time.sleep(1e9)"
    good = BODY.format(validate="pass", sync="pass")
    sources = {
        "imports": good.replace("class Bad", f"{hang}\n\nclass Bad"),
        "validates": BODY.format(validate=hang, sync="pass"),
        "applies": good.replace(
            "    def sync", f"    def apply_config(self, c): {hang}\n\n    def sync"
        ),
        "tells": good.replace("    def sync", f"    def status(self): {hang}\n\n    def sync"),
    }
    methods = {
        "imports": "import of lh_imports",
        "validates": "validate_config",
        "applies": "apply_config",
        "tells": "status",
    }
    for name, source in sources.items():
        fleet.plugin(name, source)
        worker = {"sync_timeout": 1, "start_timeout": 3, "stop_timeout": 1}
        fleet.write(f"balancers/{name}.yaml", {"worker": worker})
    fleet.start()
    for name, method in methods.items():
        place = f"{fleet.root}/plugins/lh_{name}.py:"
        told = f"killed; it hung in {method} ({name} 1.0, entry point {name} = lh_{name}, {place}"
        eventually(lambda n=name, t=told: t in fleet.worker(n)["last_exit"], 20, told)
        assert "most recent call first" in fleet.worker(name)["stacks"]
        limit = "start_timeout" if name == "imports" else "sync_timeout"
        remedy = f"; have that call return sooner, or raise `{limit}` under `worker:` in its file"
        assert remedy in fleet.worker(name)["last_exit"]
    shown = fleet.lighthouse("status", "--worker", "applies").stdout
    assert "Its threads when it hung" in shown
    assert "in apply_config" in shown
    assert "its threads when it hung" in fleet.log.read_text()
    for name in ("imports", "applies", "tells"):
        (fleet.config / f"balancers/{name}.yaml").unlink()
    checked = fleet.lighthouse("check").stdout
    assert "no answer within 4 s: killed; it hung in validate_config (validates 1.0" in checked
    assert "); have that call return sooner, or raise `sync_timeout` under `worker:`" in checked


def test_a_long_call_that_says_what_it_does_is_let_go_on(fleet: Fleet) -> None:
    """As long as it says so; then it is told by its last words."""
    steps = "[(time.sleep(0.5), self.still_working('step %d' % n)) for n in range(8)]"
    flag = fleet.root / "hang"
    hang = f"os.path.exists({str(flag)!r}) and time.sleep(1e9)"
    fleet.plugin("long", BODY.format(validate="pass", sync=f"{steps}; {hang}"))
    fleet.write("balancers/long.yaml", {"worker": {"sync_timeout": 1.5, "stop_timeout": 1}})
    fleet.node("web", "steady", 8000)
    fleet.start()
    eventually(lambda: fleet.worker("long")["snapshot"]["applied"], 20)
    assert fleet.worker("long")["restarts"] == 0
    flag.touch()
    fleet.write("balancers/long.yaml", {"worker": {"sync_timeout": 1.6, "stop_timeout": 1}})
    told = "step 7 did not return within 1.6 s"
    eventually(lambda: told in fleet.worker("long")["last_error"], 20, told)


PILES = {
    "apart": "[os.fork() or (os.setsid(), os._exit(0)) for _ in range(9)]",
    "zombies": "subprocess.Popen(['true']) and [os.fork() or os._exit(0) for _ in range(40)]",
    "threads": "[threading.Thread(target=time.sleep, args=(900,)).start() for _ in range(60)]",
    "holds": "globals().setdefault('x', []).extend(os.open('/dev/null', 0) for _ in range(90))",
}
TAKES = {
    "apart": "has 9 ended children that it has not waited for, its budget is 5",
    "zombies": "processes, its budget is 20",
    "threads": "threads, its budget is 30",
    "holds": "open descriptors, its budget is 70",
}


def test_what_piles_up_is_shown_and_ended(fleet: Fleet) -> None:
    """So is a flood of lines that lasts."""
    limits = {"processes": 20, "zombies": 5, "threads": 30, "descriptors": 70, "log_lines": 20}
    for name, sync in PILES.items():
        fleet.plugin(name, BODY.format(validate="pass", sync=sync))
        fleet.write(f"balancers/{name}.yaml", {"worker": limits})
    talk = "\n    def wake_after(self): return 0.05\n    def wake(self): print('hello\\n' * 200)"
    fleet.plugin("talks", BODY.format(validate="pass", sync="pass" + talk))
    fleet.write("balancers/talks.yaml", {"worker": limits})
    fleet.start()
    for name, text in TAKES.items():
        reason = eventually(functools.partial(told, fleet, name, f"{text}: it is killed if"), 30)
        assert reason in " ".join(fleet.status()["problems"])
    flood = "writes more than 20 lines a second: "
    eventually(lambda: flood in fleet.worker("talks")["reason"])
    for name, text in TAKES.items():
        ended = f"{text}: killed"
        eventually(lambda name=name, ended=ended: ended in fleet.worker(name)["last_error"], 30)
        last = fleet.worker(name)["last_error"]
        assert f"({name} 1.0, entry point {name} = " in last
        assert (last.count("entry point"), "raise this budget under" in last) == (1, True), last
    killed = "lines a second: "
    eventually(lambda: killed in fleet.worker("talks")["last_error"], 30)
    assert "are left out: killed" in fleet.worker("talks")["last_error"]
    lines = fleet.log.read_text().splitlines()
    assert sum(line.endswith("balancer talks: hello") for line in lines) < 20 * 90
    assert "balancer talks: " in next(line for line in lines if "were left out" in line)
    follows(fleet, "during")


def told(fleet: Fleet, name: str, text: str) -> str:
    """Why a worker is not well, once that is this."""
    reason = str(fleet.worker(name)["reason"])
    return reason if text in reason else ""


def test_a_plugin_that_cannot_be_imported_is_named(fleet: Fleet) -> None:
    fleet.plugin("broken", "import nothing_of_that_name\n")
    fleet.write("balancers/broken.yaml", {})
    fleet.start()
    eventually(lambda: "nothing_of_that_name" in fleet.worker("broken")["last_error"], 20)
    follows(fleet, "during")


def test_a_plugin_that_is_not_installed_is_named(fleet: Fleet) -> None:
    fleet.write("balancers/absent.yaml", {})
    fleet.start()
    eventually(lambda: "absent" in " ".join(fleet.status()["problems"]), 20)
    errors = fleet.status()["supervisor"]["config_errors"]
    assert [e["file"] for e in errors] == ["balancers/absent.yaml"]
    follows(fleet, "during")


def test_forked_children_go_with_their_worker(fleet: Fleet) -> None:
    apart = "subprocess.Popen(['sleep', '1000'], process_group=0)"
    sync = f"os.fork() or time.sleep(1e9)\n        {apart}"
    fleet.plugin("forks", BODY.format(validate="pass", sync=sync))
    fleet.write("balancers/forks.yaml", {})
    fleet.start()
    eventually(lambda: fleet.worker("forks")["snapshot"]["applied"], 20)
    eventually(lambda: len(fleet.leftovers()) >= 6)
    os.kill(fleet.worker("forks")["pid"], signal.SIGKILL)
    eventually(lambda: fleet.worker("forks")["restarts"] == 1)
    assert fleet.kill(signal.SIGTERM) == 0
    assert fleet.leftovers() == []


def test_forked_children_of_a_killed_daemon_end_with_the_next_start(fleet: Fleet) -> None:
    fleet.plugin("forks", BODY.format(validate="pass", sync="os.fork() or time.sleep(1e9)"))
    fleet.write("balancers/forks.yaml", {})
    fleet.start()
    eventually(lambda: fleet.worker("forks")["snapshot"]["applied"], 20)
    fleet.kill()
    (fleet.config / "balancers/forks.yaml").unlink()
    fleet.start()
    eventually(lambda: len(fleet.status()["workers"]) == 2)
    assert fleet.kill(signal.SIGTERM) == 0
    assert fleet.leftovers() == []


def test_the_supervisor_imports_no_plugin(fleet: Fleet) -> None:
    """Also no module that only plugins or workers need."""
    fleet.start()
    eventually(lambda: fleet.worker("recorder")["snapshot"]["applied"], 20)
    with open(f"/proc/{fleet.daemon.pid}/maps") as maps:
        assert "_ssl" not in maps.read()
    code = (
        "import sys; from lighthouse.supervisor import supervisor; "
        "print([m for m in sys.modules if m.startswith(('lighthouse.haproxy', 'lighthouse.file.',"
        " 'lighthouse.http', 'lighthouse.tcp', 'lighthouse.exec', 'lighthouse.workers', 'rich',"
        " 'lighthouse.hooks'))])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.stdout == "[]\n"
