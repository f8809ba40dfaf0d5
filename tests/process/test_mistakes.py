"""Mistakes of plugin authors, each told by `check`, `status` and the log, at its place."""

from pathlib import Path

from tests.fleet import Fleet
from tests.recorder import nodes
from tests.waiting import eventually

HEAD = """import os
from lighthouse import hookimpl
from lighthouse.balancer import Balancer, Outcome
"""
CLASS = "class Own(Balancer):\n    def sync_file(self, clusters):\n        {sync}\n{more}\n"
HOOK = "@hookimpl\ndef lighthouse_balancer():\n    return Own\n"


def source(sync: str = "pass", more: str = "", hook: str = HOOK) -> str:
    return HEAD + CLASS.format(sync=sync, more=more) + hook


METHOD = "    @classmethod\n    def validate_config(cls, config):\n        {}\n"

ASKED = """
    def apply_config(self, config):
        self.taken = config

    def status(self):
        return {"taken": self.taken}
"""  # is asked once it has a config, and not before

LOADING = {
    # what cannot be loaded: (source, what is told and what is to be done)
    "syntax": (
        HEAD + "class Own(Balancer:\n",
        "SyntaxError: invalid syntax; mend that line",
    ),
    "keyerror": (source() + "os.environ['LH_NONE']\n", "KeyError: 'LH_NONE'; mend that line"),
    "absent": ("import of_nothing\n", "No module named 'of_nothing'; install it for"),
    "nohook": (source(hook=""), "has no hook lighthouse_balancer; add `@hookimpl def"),
    "unmarked": (source(hook=HOOK.replace("@hookimpl\n", "")), "write `@hookimpl` above it"),
    "instance": (source(hook=HOOK.replace("Own", "Own()")), "without parentheses behind it"),
    "nothing": (source(hook=HOOK.replace("return Own", "Own")), "end it with `return Own`"),
    "nobase": (source().replace("(Balancer)", ""), "write `class Own(Balancer):`"),
    "noargument": (source().replace("self, clusters", "self"), "(self, clusters)`"),
    "misspelt": (source().replace("sync_file", "sync_files"), "did you mean `sync_file` by"),
    "noclass": (source(more="    def validate_config(self, c): pass"), "write `@classmethod`"),
}

RUNNING = {
    # what only shows when it runs
    "raises": (source("return {}['x']"), "failed: sync_file: KeyError: 'x' (raises 1.0, entry"),
    "outcome": (source("return Outcome('ok')"), "expected one of unchanged, applied, held, "),
    "applies": (source(more="    def apply_config(self, c): 1 / 0"), "apply_config: ZeroDivision"),
    "timer": (source(more="    def wake_after(self): return 'x'"), "return seconds, 0 or more"),
    "typeerror": (source(more=METHOD.format("len(7)")), "its validation failed: TypeError"),
}

CHECKED = {
    # of these, what check sees too
    "typeerror": "its validation failed: TypeError: object of type 'int' has no len()",
    "applies": "apply_config: ZeroDivisionError: division by zero",
}


def test_each_is_told_everywhere_and_harms_no_neighbour(fleet: Fleet) -> None:
    cases = LOADING | RUNNING
    for name, (text, _) in cases.items():
        fleet.plugin(name, text)
        fleet.write(f"balancers/{name}.yaml", {})
    fleet.plugin("true", source("return True"))
    fleet.plugin("asked", source(more=ASKED))
    fleet.write("balancers/asked.yaml", {})
    fleet.write("balancers/true.yaml", {})
    fleet.node("web", "one", 80)
    fleet.start()
    problems = eventually(lambda: _all_told(fleet, cases), 60)
    for name in cases:
        (problem,) = [
            p for p in problems if name in p.split(": ")[0].split(" ")[-1].split("/")[-1]
        ]
        assert f"({name} 1.0, entry point {name} = lh_{name}" in problem, problem
        assert f"{fleet.root}/plugins/lh_{name}.py" in problem, problem
    assert fleet.worker("true")["healthy"]
    assert fleet.worker("asked")["status"] == {"taken": {}}
    assert fleet.worker("asked")["about"]["warnings"] == []
    (warning,) = fleet.worker("true")["about"]["warnings"]
    assert "sync_file returned True, which is no Outcome: it is taken as applied" in warning
    fleet.node("web", "two", 81)
    eventually(lambda: "two:81" in nodes(fleet.record, "web"))
    shown = fleet.lighthouse("status", "--worker", "typeerror").stdout
    assert "      len(7)" in shown
    assert "interpreter" in shown
    log = fleet.log.read_text()
    assert "AttributeError" not in log
    checked = fleet.lighthouse("check").stdout.splitlines()
    for name, (_, told) in cases.items():
        assert told.split("; ")[0].removeprefix("failed: ") in log, name
        lines = [line for line in checked if f"balancers/{name}.yaml:1:1: " in line]
        assert bool(lines) == (name in LOADING or name in CHECKED), name
        for line in lines:
            assert CHECKED.get(name, told) in line, line
            assert f"({name} 1.0, entry point {name} = lh_{name}" in line, line


def _all_told(fleet: Fleet, cases: dict[str, tuple[str, str]]) -> list[str]:
    """The problems of the status, once each of the cases is one of them."""
    problems: list[str] = fleet.status()["problems"]
    missing = [name for name, (_, text) in cases.items() if not any(text in p for p in problems)]
    print("not told yet:", missing)
    return [] if missing else problems


def test_a_warning_is_one_in_check_too(fleet: Fleet, tmp_path: Path) -> None:
    fleet.plugin("near", source(more="    def previews(self, clusters): pass"))
    about = tmp_path / "plugins/near-1.0.dist-info/METADATA"
    about.write_text(about.read_text() + "Requires-Dist: lighthouse\n")
    fleet.write("balancers/near.yaml", {})
    checked = fleet.lighthouse("check")
    assert checked.returncode == 0
    where = "balancers/near.yaml:1:1: warning: balancer near: "
    assert (
        f"{where}nobody calls previews: the contract has no such method; did you" in checked.stdout
    )
    assert f"{where}requires `lighthouse`, which on the index is another" in checked.stdout
