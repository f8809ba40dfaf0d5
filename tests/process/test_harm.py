"""What a plugin does to its process, to those beside it, and to what it was given, harms itself.

Each is told with whose code it is and what to do; its neighbours and the daemon go on.
"""

import signal
import time
from typing import Final

from tests.fleet import Fleet
from tests.recorder import nodes
from tests.waiting import eventually

PLUGIN: Final = """
import atexit, os, signal, sys, threading, time
from lighthouse import hookimpl
from lighthouse.balancer import Balancer


def raises(what):
    raise what


class Harm(Balancer):
    def sync_file(self, clusters):
        {sync}
{more}

@hookimpl
def lighthouse_balancer():
    return Harm
"""

METHOD: Final = """
    def {}(self, *_):
        raises({})
"""

ENDS: Final = {
    # What ends its process: (what its sync does, what is told before whose it is, the remedy)
    "terms": ("os.kill(os.getpid(), signal.SIGTERM)", "killed by SIGTERM", "logged last"),
    "kills": ("os.kill(os.getpid(), signal.SIGKILL)", "killed by SIGKILL", "memory"),
    "group": ("os.kill(0, signal.SIGINT), os.killpg(0, 15)", "killed by SIGTERM", "logged last"),
    "leaves": ("os._exit(0)", "exited with status 0", "os._exit"),
    "closes": ("os.closerange(3, 256)", "exited with status 0", "os.closerange"),
    "floods": ("print('flood\\\\n' * 3000), os._exit(7)", "exited with status 7", "logged last"),
}

FAILS: Final = {
    # What is told as its failure, and runs on: (sync, more of the class, what is told)
    "reads": ("input()", "", "sync_file: EOFError"),
    "twice": ("f = os.open('/', 0); os.close(f); os.close(f)", "", "Bad file descriptor"),
    "recurses": ("self.sync_file(clusters)", "", "sync_file: RecursionError"),
    "interrupts": ("raise KeyboardInterrupt", "", "sync_file: KeyboardInterrupt"),
    "applies": ("", METHOD.format("apply_config", "SystemExit"), "apply_config: SystemExit"),
    "withholds": ("", METHOD.format("withheld", "SystemExit"), "withheld: SystemExit"),
    "states": ("", METHOD.format("status", "KeyboardInterrupt"), "KeyboardInterrupt"),
    "times": ("", METHOD.format("wake_after", "SystemExit"), "wake_after"),
    "waits": ("", METHOD.format("fileno", "GeneratorExit"), "fileno"),
    "wakes": (
        "",
        "    def wake_after(self): return 0.1\n" + METHOD.format("wake", "SystemExit"),
        "wake: SystemExit",
    ),
    "begins": ("", METHOD.format("__init__", "SystemExit"), "cannot be created: SystemExit"),
    "imports": ("", "\n\nsys.exit('no')\n", "SystemExit: no"),
}

LASTS: Final = {
    # What harms nobody, and does not keep it from its work or its end
    "moves": "os.chdir('/tmp')",
    "hushes": "sys.stdout.close(), sys.stderr.close()",
    "hushed": "os.closerange(1, 3)",
    "long": "print('x' * 300_000, end='', flush=True)",
    "masks": "os.umask(0o777)",
    "deaf": "[signal.signal(n, signal.SIG_IGN) for n in (1, 2, 3, 10, 12, 15, 17)]",
    "threads": "threading.Thread(target=time.sleep, args=(900,)).start()",
    "atexits": "atexit.register(time.sleep, 900)",
}


def test_what_a_plugin_does_to_its_process_harms_nobody_else(fleet: Fleet) -> None:
    cases = {name: (sync, "") for name, (sync, _, _) in ENDS.items()}
    cases |= {name: (sync or "pass", more) for name, (sync, more, _) in FAILS.items()}
    cases |= {name: (sync, "") for name, sync in LASTS.items()}
    for name, (sync, more) in cases.items():
        fleet.plugin(name, PLUGIN.format(sync=sync, more=more))
        fleet.write(f"balancers/{name}.yaml", {})
    fleet.node("web", "one", 80)
    fleet.start()
    for name, (_, told, remedy) in ENDS.items():
        whose = f"{told} ({name} 1.0, entry point {name} = lh_{name} in lighthouse.balancers); "
        eventually(lambda n=name, w=whose: fleet.worker(n)["last_exit"].startswith(w), 40, whose)
        assert remedy in fleet.worker(name)["last_exit"].removeprefix(whose)
        assert any(whose in problem for problem in fleet.status()["problems"]), name
    for name, (_, _, told) in FAILS.items():
        problem = eventually(lambda n=name, t=told: _problem(fleet, n, t), 40, f"{name}: {told}")
        whose = f"({name} 1.0, entry point {name} = lh_{name}"
        warned = [line for line in fleet.log.read_text().splitlines() if told in line]
        assert whose in problem or any(whose in line for line in warned), problem
    fleet.node("web", "two", 81)
    for name in LASTS:
        eventually(lambda n=name: fleet.worker(n)["healthy"], 40, name)
        assert fleet.worker(name)["restarts"] == 0
    eventually(lambda: "two:81" in nodes(fleet.record, "web"))
    assert fleet.worker("recorder")["restarts"] == 0
    assert fleet.log.read_text().count("balancer floods: flood") <= 1000 * (
        1 + fleet.worker("floods")["restarts"]
    )
    begun = time.monotonic()
    assert fleet.kill(signal.SIGTERM) == 0
    assert time.monotonic() - begun < 4
    assert "did not stop" not in fleet.log.read_text()
    assert fleet.leftovers() == []


def _problem(fleet: Fleet, name: str, told: str) -> str:
    """What the status says of a worker, once that is told."""
    own = [f"{name}: {warning}" for warning in fleet.worker(name)["about"]["warnings"]]
    found = (problem for problem in (*fleet.status()["problems"], *own) if told in problem)
    return next((problem for problem in found if f"{name}: " in problem), "")
