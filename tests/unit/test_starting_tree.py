"""What ``lighthouse init`` writes, for hosts of every kind; and how it looks at one."""

import re
import socket
import threading
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import yaml

from lighthouse.commands.setup.starting_tree import DISABLED, starting_tree
from lighthouse.commands.setup.survey import (
    HAProxyFound,
    HostSurvey,
    Source,
    free_port,
    is_etcd,
    is_zookeeper,
)
from lighthouse.config.directories import DEFAULT_TREE
from lighthouse.config.tree import Installed, Tree

HAPROXY = HAProxyFound("/usr/sbin/haproxy", "2.6.12")
ROOT = HostSurvey(HAPROXY, (), 8000, "10.0.0.5", "lighthouse", True)
NOBODY = HostSurvey(None, (), 8003, None, None, False)
PLAIN_ROOT = HostSurvey(HAPROXY, (), 8000, None, None, True)


def write(root: Path, files: dict[str, str]) -> list[str]:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    tree = Tree(root, Installed.here())
    tree.load()
    return [str(fault) for fault in tree.faults if "may write it" not in fault.message]


@pytest.mark.parametrize("source", ["file", "zookeeper", "etcd"])
@pytest.mark.parametrize(
    ("host", "closed"), [(ROOT, False), (ROOT, True), (NOBODY, False), (PLAIN_ROOT, False)]
)
def test_the_files_are_good_and_so_is_what_is_commented_out(
    tmp_path: Path, source: Source, host: HostSurvey, closed: bool
) -> None:
    made = dict(starting_tree(Path("/tree"), host, source, closed).files)
    assert (f"balancers/haproxy.yaml{DISABLED}" in made) == (host.haproxy is None)
    faults = write(tmp_path / "as-it-is", made)
    assert [fault for fault in faults if "warning" not in fault] == []
    all_of_it = {
        name.removesuffix(DISABLED): re.sub(r"^( *)#(?=[a-z_]+: )", r"\1", text, flags=re.M)
        for name, text in made.items()
        if name != "lighthouse.yaml"
    }
    assert write(tmp_path / "all", all_of_it) == []
    for group, name in (("balancers", "haproxy"), ("discovery", source)):
        (point,) = entry_points(group=f"lighthouse.{group}", name=name)
        hook = "lighthouse_balancer" if group == "balancers" else "lighthouse_discovery"
        getattr(point.load(), hook)().validate_config(
            yaml.safe_load(all_of_it[f"{group}/{name}.yaml"])
        )


def test_where_things_lie_and_as_whom_they_run() -> None:
    ours = starting_tree(DEFAULT_TREE, ROOT, "file", False)
    assert [str(path) for path in ours.owned] == [
        "/var/lib/lighthouse/haproxy",
        "/var/lib/lighthouse/nodes",
    ]
    assert "state_dir" not in ours.files["lighthouse.yaml"]
    other = starting_tree(Path("/x: y"), ROOT, "zookeeper", True)
    assert [str(path) for path in other.owned] == ["/x: y/var/haproxy"]
    daemon = yaml.safe_load(other.files["lighthouse.yaml"])
    assert daemon["state_dir"] == "/x: y/var/state"
    assert daemon["worker"]["user"] == "root"
    for name, text in other.files.items():
        directory = "schemas" if "/" not in name else "../schemas"
        assert text.startswith(f"# yaml-language-server: $schema={directory}/"), name


def test_a_port_in_use_is_no_free_one() -> None:
    first = free_port()
    with socket.create_server(("127.0.0.1", first)):
        assert free_port(first) > first


@pytest.mark.parametrize(
    ("answer", "zookeeper", "etcd"),
    [
        (b"Zookeeper version: 3.8.0--1, built on 2022-02-25\nLatency", True, False),
        (b"srvr is not executed because it is not in the whitelist.\n", True, False),
        (b'HTTP/1.0 200 OK\r\n\r\n{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}', False, True),
        (b"HTTP/1.0 404 Not Found\r\n\r\n[]", False, False),
        (b"HTTP/1.0 200 OK\r\n\r\n5", False, False),
        (b"", False, False),
    ],
)
def test_what_answers_is_told_apart(answer: bytes, zookeeper: bool, etcd: bool) -> None:
    def serve() -> None:
        for _ in range(2):
            connection, _ = server.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        port = server.getsockname()[1]
        assert (is_zookeeper(port), is_etcd(port)) == (zookeeper, etcd)
        thread.join()
    assert not is_zookeeper(port)
    assert not is_etcd(port)
