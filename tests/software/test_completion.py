"""Completion by the real shells, of a tree and of a running daemon."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lighthouse.commands import MODULES, main
from lighthouse.commands.completion.shells import SHELLS, script
from tests.fleet import Fleet, running
from tests.waiting import eventually

PACKAGED = Path(__file__).parents[2] / "etc" / "completion"
FILES = {"bash": "lighthouse.bash", "zsh": "_lighthouse", "fish": "lighthouse.fish"}
BIN = Path(sys.executable).parent


CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("LIGHTHOUSE")}
"""The caller's environment, which names no configuration."""


@pytest.mark.parametrize("shell", SHELLS)
def test_what_a_package_installs_is_what_is_printed(shell: str) -> None:
    assert (PACKAGED / FILES[shell]).read_text().rstrip() == script(shell, main).rstrip()


def complete(line: str, env: dict[str, str] | None = None) -> list[str]:
    """What bash would be answered."""
    given = {**(env or CLEAN), "_LIGHTHOUSE_COMPLETE": "bash_complete", "COMP_WORDS": line}
    words = [sys.executable, "-P", "-m", "lighthouse.commands"]
    done = subprocess.run(words, env=given, capture_output=True, text=True, check=True)
    return [item.partition(",")[2] for item in done.stdout.split()]


def test_commands_and_options() -> None:
    assert complete("lighthouse ") == [*MODULES]
    assert complete("lighthouse sta") == ["start", "status"]
    assert {"--json", "--watch", "-c"} <= {*complete("lighthouse status -")}
    assert complete("lighthouse schema cl") == ["cluster"]
    assert complete("lighthouse schema balancer hap") == ["haproxy"]
    assert {"http", "haproxy"} <= {*complete("lighthouse check-plugin h")}
    assert complete("lighthouse check-plugin --kind check h") == ["http"]


def test_completing_imports_no_more_than_it_needs() -> None:
    code = """
import sys
from lighthouse.commands import main
try:
    main(sys.argv[1:], prog_name="lighthouse")
except SystemExit:
    print(*sys.modules)
"""
    env = {**CLEAN, "_LIGHTHOUSE_COMPLETE": "bash_complete"}
    for line, absent in {
        "lighthouse st": {"yaml", "rich", "lighthouse.daemon", "lighthouse.config", "difflib"},
        "lighthouse explain ": {"rich", "lighthouse.supervisor", "importlib.metadata"},
    }.items():
        words = [sys.executable, "-P", "-c", code]
        env["COMP_WORDS"] = line
        done = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
        assert not absent & {*done.stdout.split()}, line


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """A daemon that is not started yet, without a balancer."""
    with running(tmp_path) as fleet:
        (fleet.config / "balancers/haproxy.yaml").unlink()
        fleet.write("clusters/web.yaml", {"discovery": "files"})
        fleet.write("services/site.yaml", {"port": 1, "name": "web", "discovery": "files"})
        fleet.node("web", "one", 80)
        yield fleet


def test_names_are_those_of_the_tree_and_of_the_daemon(fleet: Fleet) -> None:
    def names(words: str) -> list[str]:
        command, _, typed = words.partition(" ")
        return complete(f"lighthouse {command} -c {fleet.config} {typed}", fleet.env)

    assert names("explain w") == ["web"]
    assert names("explain web ") == []
    assert names("down ") == ["site"]
    assert names("restart-worker ") == ["discovery/files"]
    assert complete(f"lighthouse -c {fleet.config} wait ", fleet.env) == ["web"]
    fleet.start()
    assert eventually(lambda: names("explain web o")) == ["one:80"]
    assert names("down ") == ["web"]
    assert names("down web:") == ["web:1"]
    assert names("status --worker f") == ["files"]
    fleet.close()


@contextmanager
def terminal(*words: str, cwd: Path) -> Iterator[int]:
    """An interactive shell; yields the descriptor of its terminal."""
    master, slave = pty.openpty()
    env = {"PATH": f"{BIN}:{os.environ['PATH']}", "TERM": "dumb", "HOME": str(cwd), "PS1": "> "}
    child = subprocess.Popen(
        words, stdin=slave, stdout=slave, stderr=slave, cwd=cwd, env=env, start_new_session=True
    )
    os.close(slave)
    try:
        yield master
    finally:
        child.kill()
        child.wait()
        os.close(master)


def typed(master: int, keys: str, until: str) -> str:
    """What the terminal shows once it shows what is waited for."""
    os.write(master, keys.encode())
    shown, deadline = "", time.monotonic() + 30
    while not re.search(until, shown):
        left = deadline - time.monotonic()
        assert left > 0, shown
        if select.select([master], [], [], left)[0]:
            shown += os.read(master, 65536).decode(errors="replace")
    return shown


@pytest.mark.parametrize(
    ("words", "begin"),
    [
        pytest.param(
            ("bash", "--norc", "--noprofile", "-i"),
            "bind 'set bell-style none'; source {}; echo rea''dy\n",
            marks=pytest.mark.needs("bash"),
            id="bash",
        ),
        pytest.param(
            ("zsh", "-f", "-i"),
            "autoload -U compinit; compinit -D -u; source {}; echo rea''dy\n",
            marks=pytest.mark.needs("zsh"),
            id="zsh",
        ),
    ],
)
def test_a_shell_completes(tmp_path: Path, words: tuple[str, ...], begin: str) -> None:
    for name in ("clusters/webapp.yaml", "clusters/web:no.txt", "services/site.yaml"):
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).touch()
    with terminal(*words, cwd=tmp_path) as master:
        typed(master, begin.format(PACKAGED / FILES[words[0]]), r"ready\r")
        typed(master, "lighthouse expl\t", "lighthouse explain ")
        typed(master, "-c tree we\t", "webapp ")
        typed(master, "\x15lighthouse down -c tree si\t", "down -c tree site ")


@pytest.mark.needs("fish")
def test_fish_completes(tmp_path: Path) -> None:
    (tmp_path / "clusters").mkdir()
    (tmp_path / "clusters/webapp.yaml").touch()
    env = {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    source = f"source {PACKAGED / FILES['fish']}"
    for line, wanted in (("expl", "explain\tExplain"), (f"explain -c {tmp_path} w", "webapp")):
        words = ["fish", "--no-config", "-c", f"{source}; complete -C 'lighthouse {line}'"]
        done = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
        assert done.stdout.startswith(wanted), done


@pytest.mark.needs("bash")
def test_bash_completes_what_stands_behind_a_colon(tmp_path: Path) -> None:
    """It takes a colon for the end of a word, so only what follows is put there."""
    (tmp_path / "lighthouse").write_text("#!/bin/sh\necho plain,one:80\necho plain,one:81\n")
    (tmp_path / "lighthouse").chmod(0o755)
    line = "lighthouse explain web one:8"
    code = f"""
source {PACKAGED / FILES["bash"]}
COMP_LINE='{line}' COMP_POINT={len(line)} COMP_WORDS=(lighthouse explain web one : 8) COMP_CWORD=5
_lighthouse_completion {tmp_path}/lighthouse
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["80", "81"]
