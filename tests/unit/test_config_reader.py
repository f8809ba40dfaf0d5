"""Each kind of file: what it may say, and every fault with its place and its words."""

import os
from pathlib import Path
from typing import Any

import pytest

from lighthouse.config.schema.keys.daemon import WORKER
from lighthouse.config.schema.policy import GuardPolicy, Policy
from lighthouse.config.schema.reader import worker
from lighthouse.config.schema.section import SectionReader
from lighthouse.config.schema.types import (
    CheckFile,
    ClusterFile,
    Config,
    DaemonSettings,
    DampingPolicy,
    PluginFile,
    ServiceFile,
    WorkerSettings,
)
from lighthouse.config.tree import Installed, Tree
from lighthouse.schema import Problem

INSTALLED = Installed(
    frozenset({"haproxy", "hosts"}), frozenset({"file"}), frozenset({"http", "tcp"})
)


def load(root: Path, file: str, text: str) -> Tree:
    for name, content in (("discovery/file.yaml", "path: x\n"), (file, text)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    tree = Tree(root, INSTALLED)
    tree.load()
    return tree


def read(root: Path, file: str, text: str) -> Config:
    tree = load(root, file, text)
    assert [str(fault) for fault in tree.faults if not fault.warning] == []
    assert tree.broken == frozenset()
    return tree.config


def test_a_daemon_with_everything(tmp_path: Path) -> None:
    text = """
run_dir: run
state_dir: /var/lib/x
advertise: 2001:DB8::1
stop_timeout: 20s
log_file: ../log
log_level: debug
log_format: JSON
worker: {user: root, memory: 1G, sync_timeout: 1m, stop_timeout: 500ms, start_timeout: 3}
"""
    assert read(tmp_path, "lighthouse.yaml", text).daemon == DaemonSettings(
        run_dir=tmp_path / "run",
        state_dir=Path("/var/lib/x"),
        advertise="2001:db8::1",
        stop_timeout=20.0,
        worker=WorkerSettings("root", 1 << 30, 60.0, 0.5, 3.0),
        log_file=tmp_path / "../log",
        log_level="DEBUG",
        log_format="json",
    )


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}\n", "worker:\n"])
@pytest.mark.parametrize("file", ["lighthouse.yaml", "balancers/hosts.yaml"])
def test_empty_files_where_all_is_optional(tmp_path: Path, file: str, text: str) -> None:
    config = read(tmp_path, file, text)
    assert config.daemon == DaemonSettings()
    for plugin in config.balancers.values():
        assert plugin == PluginFile("hosts", "hosts", WorkerSettings(), {}, file)


def test_plugin_files(tmp_path: Path) -> None:
    (tmp_path / "lighthouse.yaml").write_text("worker: {memory: 64M, sync_timeout: 3}\n")
    text = "plugin: haproxy\nworker: {sync_timeout: 30}\nglobal: [daemon]\nstats: {port: 1}\n"
    config = read(tmp_path, "balancers/edge.yaml", text)
    assert config.balancers == {
        "edge": PluginFile(
            name="edge",
            plugin="haproxy",
            worker=WorkerSettings(memory=64 << 20, sync_timeout=30.0),
            config={"global": ["daemon"], "stats": {"port": 1}},
            file="balancers/edge.yaml",
        )
    }
    assert config.discovery["file"].worker == config.daemon.worker


def test_clusters(tmp_path: Path) -> None:
    text = """
discovery: [file]
meta_cluster: api
shrink_guard: {max_loss: 30%, confirm_after: 500ms}
haproxy:
  port: 80
hosts:
"""
    assert read(tmp_path, "clusters/web.app.yml", text).clusters == {
        "web.app": ClusterFile(
            name="web.app",
            discovery=("file",),
            meta_cluster="api",
            policy=Policy(guard=GuardPolicy(0.3, 0.5)),
            sections={"haproxy": {"port": 80}, "hosts": {}},
            file="clusters/web.app.yml",
        )
    }


def test_services(tmp_path: Path) -> None:
    text = """
name: webapp
host: localhost
ports: [8001, 8002]
discovery: file
advertise: 10.0.0.1
weight: 0
metadata: {zone: a, tags: [b, 1]}
checks:
  interval: 3
  timeout: 2s
  http: {uri: /health, rise: 2, fall: 3, timeout: 0.5}
  tcp:
"""
    assert read(tmp_path, "services/multi.yaml", text).services == {
        "multi": ServiceFile(
            name="webapp",
            host="localhost",
            ports=(8001, 8002),
            discovery=("file",),
            advertise="10.0.0.1",
            weight=0,
            metadata={"zone": "a", "tags": ["b", 1]},
            checks=(
                CheckFile("http", 3.0, 0.5, 2, 3, {"uri": "/health"}),
                CheckFile("tcp", 3.0, 2.0, 1, 1, {}),
            ),
            file="services/multi.yaml",
        )
    }


def test_a_service_with_little(tmp_path: Path) -> None:
    text = "port: 80\ndiscovery: file\nchecks: {http: {}}\n"
    service = read(tmp_path, "services/webapp.yaml", text).services["webapp"]
    assert (service.name, service.host, service.ports) == ("webapp", "127.0.0.1", (80,))
    assert (service.advertise, service.weight, service.metadata) == (None, 1, {})
    assert service.checks == (CheckFile("http", 2.0, 1.0, 1, 1, {}),)


def test_damping_and_draining(tmp_path: Path) -> None:
    text = "port: 80\ndiscovery: file\nflap_damping: {every: 1m}\ndrain_delay: 5\n"
    service = read(tmp_path, "services/webapp.yaml", text).services["webapp"]
    assert (service.flap_damping, service.drain_delay) == (DampingPolicy(5, 60.0), 5.0)
    text = "port: 80\ndiscovery: file\nflap_damping: false\n"
    service = read(tmp_path, "services/other.yaml", text).services["other"]
    assert (service.flap_damping, service.drain_delay) == (None, None)
    daemon = read(tmp_path, "lighthouse.yaml", "drain_delay: 3s\nderegister_on_stop: no\n").daemon
    assert (daemon.drain_delay, daemon.deregister_on_stop) == (3.0, False)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("keep", None),
        ("{keep: }", None),
        ("deregister", 60.0),
        ("{deregister: {after: 5m}}", 300.0),
        ("{deregister: {after: 0}}", 0.0),
    ],
)
def test_what_becomes_of_a_service_whose_check_is_lost(
    tmp_path: Path, value: str, expected: float | None
) -> None:
    text = f"port: 80\ndiscovery: file\non_check_loss: {value}\n"
    service = read(tmp_path, "services/web.yaml", text).services["web"]
    assert service.on_check_loss == expected


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("kep", "did you mean 'keep'?"),
        ("{deregister: {afer: 1}}", "unknown key 'afer'; did you mean 'after'?"),
        ("{keep: {after: 1}}", "unknown key 'after'"),
        ("[keep]", "expected one of keep, deregister"),
    ],
)
def test_what_on_check_loss_may_not_say(tmp_path: Path, value: str, told: str) -> None:
    text = f"port: 80\ndiscovery: file\non_check_loss: {value}\n"
    (fault,) = load(tmp_path, "services/web.yaml", text).faults
    assert told in fault.message


@pytest.mark.parametrize("value", ["off", "false", "no", '"off"', '"No"'])
def test_damping_that_is_switched_off(tmp_path: Path, value: str) -> None:
    text = f"port: 80\ndiscovery: file\nflap_damping: {value}\n"
    service = read(tmp_path, "services/webapp.yaml", text).services["webapp"]
    assert service.flap_damping is None


@pytest.mark.parametrize("value", ["maybe", "5", "[]", "{burst: 0}", "{every: 0}", "{brust: 1}"])
def test_damping_that_is_none(tmp_path: Path, value: str) -> None:
    text = f"port: 80\ndiscovery: file\nflap_damping: {value}\n"
    tree = load(tmp_path, "services/webapp.yaml", text)
    assert [(fault.file, fault.line) for fault in tree.faults] == [("services/webapp.yaml", 3)]


def test_logging(tmp_path: Path) -> None:
    text = """
version: 1
formatters: {plain: {format: "%(message)s"}}
handlers: {file: {class: logging.FileHandler, filename: x, formatter: plain, level: INFO}}
loggers: {lighthouse: {level: 10, handlers: [file]}}
root: {handlers: [file]}
disable_existing_loggers: false
"""
    config = read(tmp_path, "logging.yaml", text)
    assert config.logging is not None
    assert config.logging["root"] == {"handlers": ["file"]}


def test_logging_with_maps_of_nothing(tmp_path: Path) -> None:
    text = "version: 1\nformatters:\nfilters:\nhandlers:\nroot:\nloggers: {a: }\n"
    logging = read(tmp_path, "logging.yaml", text).logging
    assert logging == {"version": 1, "loggers": {"a": {}}}


LIGHTHOUSE = [
    ("- a\n", ["1:1: expected a map, got a list"]),
    ("text\n", ["1:1: expected a map, got 'text'"]),
    ("run_dirr: x\n", ["1:1: unknown key 'run_dirr'; did you mean 'run_dir'?"]),
    ("advertise: here\n", ["1:1: 'here' is not an IP address"]),
    ("advertise: 0.0.0.0\n", ["1:1: 0.0.0.0 is not an address of one host"]),
    ("run_dir: 5\n", ["1:1: expected text, got a number"]),
    ("run_dir: ''\n", ["1:1: expected a path, got ''"]),
    ("log_level: LOUD\n", ["1:1: expected one of DEBUG, INFO, WARNING, ERROR, CRITICAL; got"]),
    ("log_format: xml\n", ["1:1: expected one of text, json; got 'xml'"]),
    ("stop_timeout: -1\n", ["1:1: expected seconds or a text like 10s, 500ms, 5m; got -1"]),
    ("worker: 5\n", ["1:1: expected a map, got 5"]),
    ("worker: {memory: 1K}\n", ["1:10: expected at least 32M, got '1K'"]),
    ("worker: {user: no-such-user}\n", ["1:10: there is no user 'no-such-user' on this host"]),
    (
        "worker:\n  memry: 1G\n  sync_timeout: 0\n  stop_timeout: soon\nlog_level: 5\n",
        [
            "2:3: unknown key 'memry'; did you mean 'memory'?",
            "3:3: expected at least 0.1 s, got 0",
            "4:3: expected seconds or a text like 10s, 500ms, 5m; got 'soon'",
            "5:1: expected one of DEBUG",
        ],
    ),
]
LOGGING = [
    ("", ["1:1: 'version' is missing; expected version: 1"]),
    ("version: 2\n", ["1:1: expected 1, got 2"]),
    ("version: true\n", ["1:1: expected 1, got true"]),
    ("version: 1\nhandler: {}\n", ["2:1: unknown key 'handler'; did you mean 'handlers'?"]),
    ("version: 1\nhandlers: []\n", ["2:1: expected a map, got a list"]),
    ("version: 1\nhandlers: {a: {}}\n", ["2:12: 'class' is missing"]),
    ("version: 1\nroot: {level: LOUD}\n", ["2:8: expected one of CRITICAL"]),
    ("version: 1\nroot: {handlers: [a]}\n", ["2:19: there is no handler 'a'"]),
    (
        "version: 1\nhandlers: {a: {class: x, formatter: f, filters: [g]}}\n",
        ["2:26: there is no formatter 'f'", "2:50: there is no filter 'g'"],
    ),
]
PLUGINS = [
    ("[]\n", ["1:1: expected a map, got a list"]),
    ("plugin: [haproxy]\n", ["1:1: expected text, got a list"]),
    ("plugin: ../x\n", ["1:1: expected a name of 1 to 63 of A-Z a-z 0-9 _ . -, got '../x'"]),
    ("worker: {user: 5}\n", ["1:10: expected text, got a number"]),
    ("port: 1\nport: 2\n", ["2:1: duplicate key 'port'; first at 1:1"]),
]
CLUSTERS = [
    ("", ["1:1: 'discovery' is missing"]),
    ("haproxy: {}\n", ["1:1: 'discovery' is missing"]),
    ("discovery: []\n", ["1:1: expected at least one, got an empty list"]),
    ("discovery:\n", ["1:1: expected text, got nothing"]),
    ("discovery: [file, 5, file]\n", ["1:19: expected text, got a number", "1:22: 'file' is"]),
    ("discovery: {file: 1}\n", ["1:1: expected text, got a map"]),
    ("discovry: file\n", ["1:1: unknown key 'discovry'; did you mean 'discovery'?"]),
    ("- discovery\n", ["1:1: expected a map, got a list"]),
    ("discovery: file\nhaprxy: {}\n", ["2:1: unknown key 'haprxy'; did you mean 'haproxy'?"]),
    ("discovery: file\nhaproxy: 80\n", ["2:1: expected a map for the balancer 'haproxy', or"]),
    ("discovery: file\nmeta_cluster: a b\n", ["2:1: expected a name"]),
    ("discovery: file\nguard: {share: 1}\n", ["2:1: unknown key 'guard'"]),
]
SERVICES = [
    ("- port\n", ["1:1: expected a map, got a list"]),
    (
        "port: 1\ndiscovery: file\nchecks: {tcp: x}\n",
        ["3:10: expected a map for the check 'tcp', or one of"],
    ),
    ("", ["1:1: 'discovery' is missing", "1:1: 'port' (or 'ports') is missing"]),
    ("discovery: file\n", ["1:1: 'port' (or 'ports') is missing"]),
    ("port: 1\nports: [2]\ndiscovery: file\n", ["2:1: expected either 'port' or 'ports', got"]),
    ("port: 0\ndiscovery: file\n", ["1:1: expected a number 1..65535, got 0"]),
    ("port: '80'\ndiscovery: file\n", ["1:1: expected a number 1..65535, got '80'"]),
    ("ports: 80\ndiscovery: file\n", ["1:1: expected a list of ports, got 80"]),
    ("ports: []\ndiscovery: file\n", ["1:1: expected at least one, got an empty list"]),
    ("ports: [1, 1]\ndiscovery: file\n", ["1:12: 1 is listed twice"]),
    ("port: 1\ndiscovery: file\nweight: 257\n", ["3:1: expected a number 0..256, got 257"]),
    ("port: 1\ndiscovery: file\nweight: true\n", ["3:1: expected a number 0..256, got true"]),
    ("port: 1\ndiscovery: file\nname: a b\n", ["3:1: expected a name"]),
    ("port: 1\ndiscovery: file\nhost: a b\n", ["3:1: 'a b' is not a host name"]),
    ("port: 1\ndiscovery: file\nadvertise: h\n", ["3:1: 'h' is not an IP address"]),
    ("port: 1\ndiscovery: file\nmetadata: []\n", ["3:1: expected a map, got a list"]),
    (
        'port: 1\ndiscovery: file\nmetadata: {a: "x\\ny"}\n',
        ["3:1: metadata.a: 'x\\ny' has control characters"],
    ),
    (
        'port: 1\ndiscovery: file\nmetadata: {"a\\t": 1}\n',
        ["3:1: key 'a\\t' is no printable text"],
    ),
    ("port: 1\ndiscovery: file\nmetadata: {a: .nan}\n", ["3:1: metadata.a: nan is no finite"]),
    ("port: 1\ndiscovery: file\nchecks: [http]\n", ["3:1: expected a map, got a list"]),
    (
        "port: 1\ndiscovery: file\nchecks: {intervall: 3}\n",
        ["3:10: unknown key 'intervall'; did you mean 'interval'?"],
    ),
    (
        "port: 1\ndiscovery: file\nchecks:\n  interval: 0.01\n  http: {rise: 0, fall: x}\n",
        [
            "4:3: expected at least 0.1 s, got 0.01",
            "5:10: expected a number 1..1000, got 0",
            "5:19: expected a number 1..1000, got 'x'",
        ],
    ),
    (
        "port: 1\ndiscovery: file\ncheck: {}\n",
        ["3:1: unknown key 'check'; did you mean 'checks'?"],
    ),
]
FAULTS = {
    "lighthouse.yaml": LIGHTHOUSE,
    "logging.yaml": LOGGING,
    "balancers/haproxy.yaml": PLUGINS,
    "discovery/other.yml": PLUGINS,
    "clusters/webapp.yaml": CLUSTERS,
    "services/webapp.yml": SERVICES,
}


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [(file, text, expected) for file, table in FAULTS.items() for text, expected in table],
)
def test_faults(tmp_path: Path, file: str, text: str, expected: list[str]) -> None:
    tree = load(tmp_path, file, text)
    found = [str(fault) for fault in tree.faults]
    expected = [f"{file}:{line}" for line in expected]
    assert [line[: len(start)] for line, start in zip(found, expected, strict=True)] == expected
    assert tree.broken == {file}


def test_nothing_that_plugins_are_given_is_lost_on_the_way(tmp_path: Path) -> None:
    config: dict[str, Any] = {"a": [1, -1, 0.5, None, True, "x"], "b": {"c": {}}}
    text = "a: [1, -1, 0.5, ~, true, x]\nb: {c: {}}\n"
    assert read(tmp_path, "balancers/haproxy.yaml", text).balancers["haproxy"].config == config


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_only_root_may_run_a_worker_as_another_user() -> None:
    problems: list[Problem] = []
    section = SectionReader({"user": "root"}, problems, WORKER)
    os.seteuid(65534)
    try:
        worker(section, WorkerSettings())
    finally:
        os.seteuid(0)
    [problem] = problems
    assert problem.message == "only root can run a worker as user 'root', and this is not root"
