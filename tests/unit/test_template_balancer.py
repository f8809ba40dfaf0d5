"""The template balancer against the disk, commands and processes."""

import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lighthouse.balancer import Outcome
from lighthouse.cluster import Cluster
from lighthouse.node import Node
from lighthouse.schema import Invalid
from lighthouse.template.balancer import Template
from tests.disk import small_disk
from tests.waiting import eventually

HOSTS = "{% for node in nodes %}\n{{ node.ip }} {{ node.host }}\n{% endfor %}\n"


def web(*numbers: int, **metadata: Any) -> Cluster:
    nodes = [Node(f"w{n}", f"10.0.0.{n}", 80, metadata=metadata) for n in numbers]
    return Cluster("web", list(nodes), {})


def made(config: dict[str, Any]) -> Template:
    Template.validate_config(config)
    balancer = Template()
    balancer.apply_config({"min_interval": 0, **config})
    return balancer


def said(outcome: Outcome) -> tuple[str, str]:
    return outcome.kind, outcome.reason


class Software:
    """A program that notes each HUP, with what it read then."""

    def __init__(self, directory: Path) -> None:
        self.pid_file = directory / "pid"
        self.heard = directory / "heard"
        source = (
            "import signal, sys, os\n"
            "def hear(*_): open(sys.argv[1], 'a').write(open(sys.argv[2]).read() + '--\\n')\n"
            "signal.signal(signal.SIGHUP, hear)\n"
            "open(sys.argv[3], 'w').write(str(os.getpid()))\n"
            "while True: signal.pause()\n"
        )
        paths = (self.heard, directory / "out", self.pid_file)
        self.process = subprocess.Popen([sys.executable, "-c", source, *map(str, paths)])
        eventually(lambda: self.pid_file.exists() and self.pid_file.read_text())

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def software(tmp_path: Path) -> Iterator[Software]:
    found = Software(tmp_path)
    yield found
    found.close()


def test_renders_checks_and_tells(tmp_path: Path) -> None:
    out, told = tmp_path / "out", tmp_path / "told"
    balancer = made(
        {
            "files": [
                {
                    "path": str(out),
                    "template": HOSTS,
                    "mode": "0640",
                    "validate": ["grep", "-q", "w1", "{file}"],
                }
            ],
            "reload": ["/bin/sh", "-c", f"cat {out} >> {told}"],
        }
    )
    assert balancer.sync_file([web(1, 2)]).kind == "applied"
    assert out.read_text() == told.read_text() == "10.0.0.1 w1\n10.0.0.2 w2\n"
    assert out.stat().st_mode & 0o777 == 0o640
    assert balancer.sync_file([web(1, 2)]).kind == "unchanged"
    outcome = balancer.sync_file([web(2)])
    assert said(outcome) == ("failed", "no file is touched: grep: exit status 1")
    assert out.read_text() == told.read_text()
    assert balancer.status()["reloads"] == 1


@pytest.mark.needs("root", "nobody")
def test_owner_and_mode_hold_for_a_file_that_is_there_too(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("10.0.0.1 w1\n")
    file = {"path": str(out), "template": HOSTS, "owner": "nobody", "mode": "0400"}
    assert made({"files": [file]}).sync_file([web(1)]).kind == "applied"
    found = out.stat()
    assert (found.st_uid, found.st_mode & 0o777) == (pwd.getpwnam("nobody").pw_uid, 0o400)
    assert made({"files": [file]}).sync_file([web(1)]).kind == "unchanged"


def test_all_files_go_back_if_the_reload_fails(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "ab"]
    balancer = made(
        {
            "files": [{"path": str(path), "template": HOSTS} for path in paths],
            "reload": ["/bin/sh", "-c", f"echo broken; ! grep -q w2 {paths[1]}"],
        }
    )
    assert balancer.sync_file([web(1)]).kind == "applied"
    kind, reason = said(balancer.sync_file([web(1, 2)]))
    assert kind == "failed"
    assert reason == "not loaded: /bin/sh: exit status 1: broken; the former files are back"
    assert [path.read_text() for path in paths] == ["10.0.0.1 w1\n"] * 2


def test_a_command_that_hangs_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    balancer = made(
        {
            "files": [{"path": str(tmp_path / "out"), "template": HOSTS}],
            "reload": ["/bin/sh", "-c", f"sleep 77 & echo $! > {tmp_path}/child; wait"],
            "timeout": 0.3,
        }
    )
    kind, reason = said(balancer.sync_file([web(1)]))
    assert (kind, "killed after 0.3 s" in reason) == ("failed", True)
    assert not (tmp_path / "out").exists()
    child = int((tmp_path / "child").read_text())
    eventually(lambda: not Path(f"/proc/{child}").exists())


def test_a_signal_reaches_the_process_of_the_pid_file(tmp_path: Path, software: Software) -> None:
    reload = {"pid_file": str(software.pid_file), "signal": "HUP"}
    files = [{"path": str(tmp_path / "out"), "template": HOSTS}]
    balancer = made({"files": files, "reload": reload})
    assert balancer.sync_file([web(1)]).kind == "applied"
    eventually(lambda: software.heard.read_text() == "10.0.0.1 w1\n--\n")


def test_nobody_else_is_sent_a_signal(tmp_path: Path, software: Software) -> None:
    """A pid file that is left over: its number is another's by now."""
    os.utime(software.pid_file, (time.time() - 3600, time.time() - 3600))
    reload: dict[str, Any] = {"pid_file": str(software.pid_file)}
    files = [{"path": str(tmp_path / "out"), "template": HOSTS}]
    balancer = made({"files": files, "reload": reload})
    kind, reason = said(balancer.sync_file([web(1)]))
    assert kind == "degraded"
    assert "it is left over, and nothing is sent" in reason
    named = made({"files": files, "reload": {**reload, "program": "dnsmasq"}})
    assert "and not dnsmasq" in named.sync_file([web(1)]).reason
    assert not software.heard.exists()
    assert software.process.poll() is None


def test_what_nobody_could_be_told_is_told_once_somebody_runs(tmp_path: Path) -> None:
    reload = {"pid_file": str(tmp_path / "pid")}
    files = [{"path": str(tmp_path / "out"), "template": HOSTS}]
    first = made({"files": files, "reload": reload})
    kind, reason = said(first.sync_file([web(1)]))
    assert kind == "degraded"
    assert reason == f"written, but nobody was told: there is no {tmp_path}/pid"
    successor = made({"files": files, "reload": reload})
    assert successor.sync_file([web(1)]).kind == "degraded"
    running = Software(tmp_path)
    try:
        woken = successor.wake()
        assert woken is not None
        assert woken.kind == "applied"
        eventually(lambda: running.heard.exists() and "w1" in running.heard.read_text())
        assert successor.sync_file([web(1)]).kind == "unchanged"
    finally:
        running.close()


def test_a_process_that_ends_of_the_signal_is_a_failed_reload(
    tmp_path: Path, software: Software
) -> None:
    software.process.send_signal(signal.SIGSTOP)
    reload = {"pid_file": str(software.pid_file), "signal": "TERM"}
    files = [{"path": str(tmp_path / "out"), "template": HOSTS}]
    balancer = made({"files": files, "reload": reload})
    software.process.send_signal(signal.SIGCONT)
    kind, reason = said(balancer.sync_file([web(1)]))
    assert kind == "failed"
    assert "ended when it was sent SIGTERM" in reason


def test_changes_within_the_interval_are_written_once_with_the_newest(tmp_path: Path) -> None:
    out = tmp_path / "out"
    balancer = made({"files": [{"path": str(out), "template": HOSTS}], "min_interval": 0.3})
    assert balancer.sync_file([web(1)]).kind == "applied"
    for last in (2, 3):
        assert balancer.sync_file([web(1, last)]).kind == "held"
    assert balancer.sync_file([web(1)]).kind == "unchanged"
    assert balancer.sync_file([web(1, 4)]).kind == "held"
    assert 0 < (balancer.wake_after() or 0) <= 0.3
    assert eventually(balancer.wake).kind == "applied"
    assert out.read_text() == "10.0.0.1 w1\n10.0.0.4 w4\n"


def test_what_somebody_else_writes_is_put_right(tmp_path: Path) -> None:
    out = tmp_path / "out"
    balancer = made({"files": [{"path": str(out), "template": HOSTS}]})
    balancer.sync_file([web(1)])
    assert balancer.wake() is None
    out.write_text("edited")
    woken = balancer.wake()
    assert woken is not None
    assert woken.kind == "applied"
    assert out.read_text() == "10.0.0.1 w1\n"


@pytest.mark.parametrize(
    ("on_empty", "kind", "content"),
    [("keep", "unchanged", "10.0.0.1 w1\n"), ("render", "applied", "")],
)
def test_a_cluster_without_nodes(tmp_path: Path, on_empty: str, kind: str, content: str) -> None:
    out = tmp_path / "out"
    file = {"path": str(out), "template": HOSTS, "on_empty": on_empty}
    balancer = made({"files": [file]})
    balancer.sync_file([web(1)])
    assert balancer.sync_file([web()]).kind == kind
    assert out.read_text() == content
    assert (str(out) in balancer.status().get("kept", {})) == (on_empty == "keep")


def test_clusters_are_those_with_a_section_that_the_file_selects(tmp_path: Path) -> None:
    text = "{% for cluster in clusters %}{{ cluster.name }} {% endfor %}"
    names = {"a": ["db-*", "web"], "b": ["nothing"], "c": ["*"]}
    files = [
        {"path": str(tmp_path / name), "template": text, "clusters": chosen}
        for name, chosen in names.items()
    ]
    clusters = [Cluster("db-1", [], {}), Cluster("none"), Cluster("other", [], {}), web(1)]
    kind, reason = said(made({"files": files}).sync_file(clusters))
    assert (kind, "no cluster nothing has a section" in reason) == ("held", True)
    assert (tmp_path / "a").read_text() == "db-1 web "
    assert (tmp_path / "c").read_text() == "db-1 other web "
    assert not (tmp_path / "b").exists()


def test_a_broken_template_touches_no_file(tmp_path: Path) -> None:
    files = [
        {"path": str(tmp_path / "a"), "template": "{{ nodes | length }}"},
        {"path": str(tmp_path / "b"), "template": "\n{{ nope }}"},
    ]
    balancer = made({"files": files})
    outcome = balancer.sync_file([web(1)])
    assert outcome.kind == "failed"
    assert outcome.findings[0].path == ("files", 1, "template")
    assert outcome.findings[0].message == "files[1].template:2: 'nope' is undefined"
    assert os.listdir(tmp_path) == []


def test_nodes_that_are_left_out_degrade(tmp_path: Path) -> None:
    file = {
        "path": str(tmp_path / "a"),
        "template": "{% for node in nodes %}{{ node.metadata.z }}{% endfor %}",
    }
    nodes = (
        Node("a", "10.0.0.1", 80, metadata={"z": "fine"}),
        Node("b", "10.0.0.2", 80, metadata={"z": "x y"}),
    )
    kind, reason = said(made({"files": [file]}).sync_file([Cluster("web", [*nodes], {})]))
    assert kind == "degraded"
    assert reason == "nodes are left out: metadata 'z' is no plain word: 'x y'"
    assert (tmp_path / "a").read_text() == "fine"


def test_preview_equals_what_a_sync_does_and_touches_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("10.0.0.9 w9\n")
    file = {"path": str(out), "template": HOSTS, "validate": ["grep", "-q", "w1", "{file}"]}
    balancer = made({"files": [file], "reload": ["/bin/true", "now"]})
    preview = balancer.preview([web(1)])
    assert os.listdir(tmp_path) == ["out"]
    assert out.read_text() == "10.0.0.9 w9\n"
    assert preview.diff.splitlines()[2:] == ["@@ -1 +1 @@", "-10.0.0.9 w9", "+10.0.0.1 w1"]
    assert (preview.reload, preview.findings) == ("/bin/true now", ())
    refused = balancer.preview([web(2)]).findings
    assert [(one.path, one.message) for one in refused] == [
        (("files", 0, "validate"), "grep: exit status 1")
    ]
    balancer.sync_file([web(1)])
    again = balancer.preview([web(1)])
    assert (again.diff, again.reload) == ("", "")


def test_examine_finds_what_a_sync_would_miss(tmp_path: Path) -> None:
    files = [
        {"path": "/nowhere/out", "template": ""},
        {"path": str(tmp_path / "x"), "template_file": "/nowhere/t.j2"},
    ]
    balancer = made({"files": files, "reload": ["no-such-program"]})
    found = {one.path: one.message for one in balancer.examine([])}
    assert found == {
        ("files", 1, "template_file"): "there is no /nowhere/t.j2 (No such file or directory)",
        ("files", 0, "path"): "there is no directory /nowhere",
        ("reload",): "there is no program no-such-program",
    }  # fmt: skip
    assert os.listdir(tmp_path) == []


def test_a_full_disk_leaves_the_former_file(tmp_path: Path) -> None:
    with small_disk(tmp_path / "tiny") as place:
        file = {"path": str(place / "out"), "template": "{{ 'x' * (nodes | length) * 50000 }}"}
        balancer = made({"files": [file]})
        assert balancer.sync_file([web(1)]).kind == "applied"
        kind, reason = said(balancer.sync_file([web(1, 2, 3, 4)]))
        assert (kind, "No space left" in reason) == ("failed", True)
        assert (place / "out").read_text() == "x" * 50000


@pytest.mark.parametrize(
    ("change", "place", "message"),
    [
        ({"template": "{% if %}"}, ("files", 0, "template"), "files[0].template:1: Expected"),
        ({}, ("files", 0), "expected either 'template' or 'template_file'"),
        ({"template": "", "template_file": "/t"}, ("files", 0), "expected either"),
        ({"template": "", "path": "x"}, ("files", 0, "path"), "expected an absolute path"),
        ({"template": "", "path": "/x/"}, ("files", 0, "path"), "expected a file"),
        ({"template_file": "/x"}, ("files", 0, "path"), "is the template itself"),
        ({"template": "", "mode": "999"}, ("files", 0, "mode"), 'expected text such as "0644"'),
        ({"template": "", "mode": 644}, ("files", 0, "mode"), "expected text"),
        ({"template": "", "owner": "nobody-here"}, ("files", 0, "owner"), "there is no owner"),
        ({"template": "", "group": "nobody-here"}, ("files", 0, "group"), "there is no group"),
        ({"template": "", "validate": ["x"]}, ("files", 0, "validate"), "{file}"),
        (
            {"template": "", "on_emtpy": "keep"},
            ("files", 0, "on_emtpy"),
            "did you mean 'on_empty'",
        ),
    ],
)
def test_bad_settings_of_a_file(
    change: dict[str, Any], place: tuple[str | int, ...], message: str
) -> None:
    with pytest.raises(Invalid) as caught:
        Template.validate_config({"files": [{"path": "/x", **change}]})
    (problem,) = caught.value.problems
    assert problem.path == place
    assert message in problem.message


@pytest.mark.parametrize(
    ("change", "place", "message"),
    [
        ({"reload": []}, ("reload",), "expected a program"),
        ({"reload": {"pid_file": "x"}}, ("reload", "pid_file"), "absolute"),
        ({"reload": {"pid_file": "/x", "signal": "KILL"}}, ("reload", "signal"), "one of: HUP"),
        ({"reload": "systemctl reload x"}, ("reload",), "a command as a list of arguments"),
        ({"timeout": 0}, ("timeout",), "> 0"),
        ({"files": []}, ("files",), "length"),
        ({"files": [{"path": "/x", "template": ""}] * 2}, ("files", 1, "path"), "already"),
    ],
)
def test_bad_settings(change: dict[str, Any], place: tuple[str | int, ...], message: str) -> None:
    with pytest.raises(Invalid) as caught:
        Template.validate_config({"files": [{"path": "/x", "template": ""}], **change})
    assert [problem.path for problem in caught.value.problems] == [place]
    assert message in caught.value.problems[0].message
