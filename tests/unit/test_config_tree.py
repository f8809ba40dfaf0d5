"""The tree over time: what is in force while files break, are mended, come and go."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lighthouse.config.schema.document import MAX_BYTES, YamlDocument, parse
from lighthouse.config.schema.types import Config, DaemonSettings
from lighthouse.config.tree import Installed, Tree

INSTALLED = Installed(
    frozenset({"haproxy", "hosts"}), frozenset({"file"}), frozenset({"http", "tcp"})
)
CLUSTER = "discovery: file\nhaproxy: {port: 1000}\n"
OTHER = "discovery: file\nhaproxy: {port: 2000}\n"
SERVICE = "port: 80\ndiscovery: file\nchecks: {http: {}}\n"


def write(root: Path, name: str, text: str | bytes) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def lines(tree: Tree) -> list[str]:
    return [str(fault) for fault in tree.faults]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    write(root, "lighthouse.yaml", "log_level: INFO\n")
    write(root, "logging.yaml", "version: 1\n")
    write(root, "discovery/file.yaml", "path: /nodes\n")
    write(root, "balancers/haproxy.yaml", "global: [daemon]\n")
    write(root, "clusters/webapp.yaml", CLUSTER)
    write(root, "clusters/sibling.yaml", CLUSTER)
    write(root, "services/webapp.yaml", SERVICE)
    return root


@pytest.fixture
def tree(root: Path) -> Tree:
    tree = Tree(root, INSTALLED)
    assert tree.load()
    assert lines(tree) == []
    return tree


def seen(tree: Tree, file: str) -> Any:
    """What is in force of one file."""
    config = tree.config
    readers: dict[str, Callable[[], Any]] = {
        "lighthouse.yaml": lambda: config.daemon.log_level,
        "logging.yaml": lambda: (config.logging or {}).get("root"),
        "discovery/file.yaml": lambda: config.discovery["file"].config,
        "balancers/haproxy.yaml": lambda: config.balancers["haproxy"].config,
        "clusters/webapp.yaml": lambda: config.clusters["webapp"].sections,
        "services/webapp.yaml": lambda: config.services["webapp"].ports,
    }
    return readers[file]()


CHANGES = [
    ("lighthouse.yaml", "log_level: ERROR\n", "ERROR", "log_levl: INFO\n"),
    ("logging.yaml", "version: 1\nroot: {level: INFO}\n", {"level": "INFO"}, "version: 3\n"),
    ("discovery/file.yaml", "path: /other\n", {"path": "/other"}, "path: [\n"),
    ("balancers/haproxy.yaml", "global: []\n", {"global": []}, "- a\n"),
    ("clusters/webapp.yaml", OTHER, {"haproxy": {"port": 2000}}, "discovery: file\nhaprxy: {}\n"),
    ("services/webapp.yaml", "port: 81\ndiscovery: file\n", (81,), "prt: 81\ndiscovery: file\n"),
]


@pytest.mark.parametrize(("file", "text", "expected", "broken"), CHANGES)
def test_good_broken_and_back(
    root: Path, tree: Tree, file: str, text: str, expected: Any, broken: str
) -> None:
    before = seen(tree, file)
    write(root, file, broken)
    assert tree.load()
    assert seen(tree, file) == before
    assert tree.broken == {file}
    assert {fault.file for fault in tree.faults} == {file}
    assert not tree.load()
    write(root, file, text)
    assert tree.load()
    assert seen(tree, file) == expected
    assert (tree.broken, tree.faults) == (frozenset(), ())
    assert tree.texts[file] == text.encode()
    assert not tree.load()


@pytest.mark.parametrize(("file", "text", "expected", "broken"), CHANGES)
def test_what_an_earlier_run_had_stands_in(
    root: Path, file: str, text: str, expected: Any, broken: str
) -> None:
    write(root, file, broken)
    alone = Tree(root, INSTALLED)
    alone.load()
    assert alone.broken == {file}
    assert file not in alone.texts
    tree = Tree(root, INSTALLED, {file: text.encode(), "clusters/gone.yaml": CLUSTER.encode()})
    assert tree.load()
    assert seen(tree, file) == expected
    assert tree.broken == {file}
    assert tree.texts[file] == text.encode()
    assert "gone" not in tree.config.clusters
    assert not tree.load()


def test_what_an_earlier_run_had_yields_to_a_good_file(root: Path) -> None:
    tree = Tree(root, INSTALLED, {"clusters/webapp.yaml": OTHER.encode()})
    tree.load()
    assert seen(tree, "clusters/webapp.yaml") == {"haproxy": {"port": 1000}}


def test_what_an_earlier_run_had_may_be_broken_too(root: Path) -> None:
    write(root, "clusters/webapp.yaml", "[")
    tree = Tree(root, INSTALLED, {"clusters/webapp.yaml": b"\xff"})
    tree.load()
    assert "webapp" not in tree.config.clusters


def test_a_broken_file_leaves_its_siblings_alone(root: Path, tree: Tree) -> None:
    write(root, "clusters/webapp.yaml", "{")
    write(root, "clusters/sibling.yaml", OTHER)
    write(root, "clusters/new.yaml", CLUSTER)
    assert tree.load()
    assert sorted(tree.config.clusters) == ["new", "sibling", "webapp"]
    assert tree.config.clusters["sibling"].sections["haproxy"] == {"port": 2000}
    assert tree.broken == {"clusters/webapp.yaml"}


@pytest.mark.parametrize(("file", "text", "expected", "broken"), CHANGES)
def test_removed_and_back(
    root: Path, tree: Tree, file: str, text: str, expected: Any, broken: str
) -> None:
    before = tree.config
    content = (root / file).read_bytes()
    (root / file).unlink()
    assert tree.load() is (tree.config != before)
    assert file not in tree.texts
    write(root, file, content)
    tree.load()
    assert tree.config == before


def test_a_file_that_was_broken_and_then_removed_is_gone(root: Path, tree: Tree) -> None:
    write(root, "clusters/webapp.yaml", "{")
    tree.load()
    (root / "clusters/webapp.yaml").unlink()
    assert tree.load()
    assert "webapp" not in tree.config.clusters
    assert tree.faults == ()


def test_a_change_of_comments_changes_nothing(root: Path, tree: Tree) -> None:
    write(root, "clusters/webapp.yaml", f"# a comment\n{CLUSTER}")
    assert not tree.load()
    assert tree.texts["clusters/webapp.yaml"].startswith(b"# a comment")


def test_edits_that_stat_alone_would_miss(root: Path, tree: Tree) -> None:
    path = root / "clusters/webapp.yaml"
    for number in range(20):
        status = path.stat()
        text = CLUSTER if number % 2 else OTHER
        path.write_text(text)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert tree.load()
        assert tree.config.clusters["webapp"].sections == {
            "haproxy": {"port": 1000 if number % 2 else 2000}
        }


def test_the_old_content_under_a_new_name_is_the_old_content(root: Path, tree: Tree) -> None:
    write(root, "clusters/.new", CLUSTER).rename(root / "clusters/webapp.yaml")
    assert not tree.load()


def break_with_directory(path: Path) -> None:
    path.mkdir()


def break_with_fifo(path: Path) -> None:
    os.mkfifo(path)


def break_with_dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


def break_with_circle(path: Path) -> None:
    path.symlink_to(path.name)


def break_with_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def break_with_kernel_messages(path: Path) -> None:
    path.symlink_to("/proc/kmsg")


def break_with_kernel_settings(path: Path) -> None:
    path.symlink_to("/sys/kernel/uevent_seqnum")


def break_with_size(path: Path) -> None:
    path.write_bytes(b"# " + b"x" * MAX_BYTES)


@pytest.mark.parametrize(
    ("breaking", "reason"),
    [
        (break_with_directory, "expected a file, got a directory"),
        (break_with_fifo, "expected a file, got a FIFO"),
        (break_with_dangling_link, "No such file or directory"),
        (break_with_circle, "Too many levels of symbolic links"),
        (break_with_device, "expected a file, got a device"),
        (break_with_kernel_messages, "expected a file, got one that the kernel makes up"),
        (break_with_kernel_settings, "expected a file, got one that the kernel makes up"),
        (break_with_size, "expected at most 1048576 bytes, got 1048578"),
    ],
)
@pytest.mark.parametrize("file", ["clusters/webapp.yaml", "lighthouse.yaml"])
def test_what_cannot_be_read(
    root: Path, tree: Tree, breaking: Any, reason: str, file: str
) -> None:
    config = tree.config
    content = (root / file).read_text()
    (root / file).unlink()
    breaking(root / file)
    assert tree.load()
    assert tree.config == config
    assert lines(tree) == [f"{file}:1:1: cannot be read: {reason}"]
    assert tree.broken == {file}
    assert not tree.load()
    if (root / file).is_dir():
        (root / file).rmdir()
    else:
        (root / file).unlink()
    write(root, file, content)
    assert tree.load()
    assert tree.faults == ()


def test_a_file_that_confuses_the_reader_itself_costs_no_other(
    root: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    def confused(file: str, text: bytes) -> YamlDocument:
        if file == "clusters/webapp.yaml":
            raise ZeroDivisionError("not foreseen")
        return parse(file, text)

    monkeypatch.setattr("lighthouse.config.file.parse", confused)
    config = tree.config
    write(root, "clusters/webapp.yaml", CLUSTER + "# changed\n")
    write(root, "clusters/other.yaml", CLUSTER)
    assert tree.load()
    reason = "cannot be made sense of: ZeroDivisionError: not foreseen"
    assert lines(tree) == [f"clusters/webapp.yaml:1:1: {reason}"]
    assert tree.config.clusters["webapp"] == config.clusters["webapp"]
    assert "other" in tree.config.clusters


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A tree of a user to whom permissions apply."""
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as directory:
        if user == 0:
            os.chown(directory, 54321, 54321)
            os.seteuid(54321)
        try:
            yield Path(directory)
        finally:
            os.seteuid(user)


def test_permissions(unprivileged: Path) -> None:
    root = unprivileged
    file = write(root, "clusters/webapp.yaml", CLUSTER)
    write(root, "discovery/file.yaml", "")
    write(root, "balancers/haproxy.yaml", "")
    tree = Tree(root, INSTALLED)
    tree.load()
    config = tree.config
    for path, mode, at in [
        (file, 0o600, "clusters/webapp.yaml"),
        (root / "clusters", 0o700, "clusters"),
        (root, 0o700, "."),
    ]:
        path.chmod(0)
        tree.load()
        assert tree.config == config
        assert [fault.file for fault in tree.faults] == [at]
        assert "Permission denied" in tree.faults[0].message
        path.chmod(mode)
        assert tree.load()
        assert tree.faults == ()


def test_a_tree_that_is_away_stays_in_force(root: Path, tree: Tree) -> None:
    config = tree.config
    root.rename(root.with_name("away"))
    assert tree.load()
    assert tree.config == config
    assert [fault.file for fault in tree.faults] == ["."]
    root.with_name("away").rename(root)
    assert tree.load()
    assert tree.faults == ()


def test_a_tree_that_is_not_there_yet(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "tree", INSTALLED)
    assert tree.load()
    assert tree.config == Config()
    assert len(tree.faults) == 1
    write(tmp_path, "tree/discovery/file.yaml", "path: x\n")
    assert tree.load()
    assert list(tree.config.discovery) == ["file"]


def test_what_an_earlier_run_had_stands_in_for_a_tree_that_is_away(root: Path, tree: Tree) -> None:
    root.rename(root.with_name("away"))
    again = Tree(root, INSTALLED, {**tree.texts, "x.yaml": b"", "clusters/.x": b"", "../a": b""})
    assert again.load()
    assert again.config == tree.config
    assert again.texts == tree.texts
    assert again.broken == tree.texts.keys()
    assert [fault.file for fault in again.faults] == ["."]
    assert not again.load()
    root.with_name("away").rename(root)
    (root / "clusters/sibling.yaml").unlink()
    assert again.load()
    assert sorted(again.config.clusters) == ["webapp"]
    assert (again.faults, again.broken) == ((), frozenset())


def test_what_an_earlier_run_had_stands_in_for_a_directory(root: Path, tree: Tree) -> None:
    (root / "clusters").rename(root / "moved")
    (root / "clusters").symlink_to("nowhere")
    again = Tree(root, INSTALLED, tree.texts)
    again.load()
    assert again.config == tree.config


def test_a_directory_that_dangles_keeps_what_it_held(root: Path, tree: Tree) -> None:
    config = tree.config
    (root / "clusters").rename(root / "moved")
    (root / "clusters").symlink_to("nowhere")
    assert tree.load()
    assert tree.config == config
    assert [fault.file for fault in tree.faults] == ["clusters"]


def test_a_directory_that_is_removed_takes_its_files_along(root: Path, tree: Tree) -> None:
    (root / "clusters").rename(root.parent / "gone")
    assert tree.load()
    assert tree.config.clusters == {}
    assert tree.faults == ()


@pytest.mark.parametrize(
    "name",
    [".x.yaml", ".x.yaml.swp", "x.yaml~", "#x.yaml#", ".#x.yaml", "4913", "x.yaml.tmp", "x.txt"],
)
def test_temporaries_are_not_read(root: Path, tree: Tree, name: str) -> None:
    write(root, f"clusters/{name}", "[")
    write(root, name, "[")
    assert not tree.load()


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("clusters/a b.yaml", "clusters/a b.yaml:1:1: a file's name must be"),
        ("clusters/-x.yaml", "clusters/-x.yaml:1:1: a file's name must be"),
        ("clusters/a\nb.yaml", "'clusters/a\\nb.yaml':1:1: a file's name must be"),
        ("lighthous.yaml", "lighthous.yaml:1:1: this is not read; did you mean 'lighthouse.yaml'"),
        ("cluster/x", "cluster:1:1: this is not read; did you mean 'clusters'?"),
    ],
)
def test_names_that_are_wrong(root: Path, tree: Tree, name: str, fault: str) -> None:
    config = tree.config
    write(root, name, CLUSTER)
    assert tree.load()
    assert tree.config == config
    assert [line[: len(fault)] for line in lines(tree)] == [fault]


def test_other_files_beside_are_nobodys_business(root: Path, tree: Tree) -> None:
    write(root, "haproxy.yaml", "[")
    write(root, "certificates/x.yaml", "[")
    assert not tree.load()


def test_two_spellings_of_one_name(root: Path, tree: Tree) -> None:
    write(root, "clusters/webapp.yml", OTHER)
    assert tree.load()
    assert seen(tree, "clusters/webapp.yaml") == {"haproxy": {"port": 1000}}
    assert lines(tree) == [
        "clusters/webapp.yml:1:1: clusters/webapp.yaml is there too; keep one of the two"
    ]
    assert tree.broken == {"clusters/webapp.yml"}
    (root / "clusters/webapp.yaml").unlink()
    assert tree.load()
    assert seen(tree, "clusters/webapp.yaml") == {"haproxy": {"port": 2000}}
    assert tree.faults == ()


def test_a_second_spelling_that_is_broken_replaces_nothing(root: Path, tree: Tree) -> None:
    (root / "clusters/webapp.yaml").rename(root / "clusters/webapp.yml")
    tree.load()
    write(root, "clusters/webapp.yaml", "[")
    assert tree.load()
    assert seen(tree, "clusters/webapp.yaml") == {"haproxy": {"port": 1000}}


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        (
            "discovery/zookeeper.yaml",
            "hosts: []\n",
            "1:1: discovery plugin 'zookeeper' is not installed; installed: file",
        ),
        (
            "discovery/main.yaml",
            "path: x\nplugin: fle\n",
            "2:1: discovery plugin 'fle' is not installed; did you mean 'file'?; installed: file",
        ),
        (
            "balancers/nginx.yaml",
            "",
            "1:1: balancer plugin 'nginx' is not installed; installed: haproxy, hosts",
        ),
        (
            "clusters/other.yaml",
            "discovery: [file, consul]\n",
            "1:19: there is no discovery/consul.yaml; expected one of: file",
        ),
        (
            "services/other.yaml",
            "port: 5\ndiscovery: fil\n",
            "2:1: there is no discovery/fil.yaml; did you mean 'file'?",
        ),
        (
            "services/other.yaml",
            "port: 5\ndiscovery: file\nchecks: {redis: {}}\n",
            "3:10: check plugin 'redis' is not installed; installed: http, tcp",
        ),
    ],
)
def test_references_that_lead_nowhere_are_shown_with_the_file_in_force(
    root: Path, tree: Tree, file: str, text: str, fault: str
) -> None:
    write(root, file, text)
    assert tree.load()
    assert lines(tree) == [f"{file}:{fault}"]
    assert tree.broken == frozenset()
    assert file in tree.texts


def test_a_reference_is_good_once_its_file_is_there(root: Path, tree: Tree) -> None:
    write(root, "clusters/other.yaml", "discovery: main\n")
    tree.load()
    assert len(lines(tree)) == 1
    write(root, "discovery/main.yaml", "plugin: file\n")
    assert tree.load()
    assert lines(tree) == []


def test_a_section_is_good_once_its_balancer_is_there(root: Path, tree: Tree) -> None:
    write(root, "clusters/webapp.yaml", "discovery: file\nedge: {port: 1}\n")
    assert tree.load()
    assert lines(tree)[0].startswith("clusters/webapp.yaml:2:1: unknown key 'edge'")
    assert seen(tree, "clusters/webapp.yaml") == {"haproxy": {"port": 1000}}
    write(root, "balancers/edge.yaml", "plugin: haproxy\n")
    assert tree.load()
    assert tree.faults == ()
    assert seen(tree, "clusters/webapp.yaml") == {"edge": {"port": 1}}
    (root / "balancers/edge.yaml").unlink()
    assert tree.load()
    assert seen(tree, "clusters/webapp.yaml") == {"edge": {"port": 1}}
    assert len(tree.faults) == 1
    again = Tree(root, INSTALLED, tree.texts)
    again.load()
    assert (again.config, again.faults) == (tree.config, tree.faults)


def test_a_section_that_no_balancer_here_reads_is_a_warning(root: Path, tree: Tree) -> None:
    (root / "balancers/haproxy.yaml").unlink()
    tree.load()
    assert [str(fault) for fault in tree.faults] == [
        "clusters/sibling.yaml:2:1: warning: haproxy: there is no balancers/haproxy.yaml, "
        "so that none serves this cluster and 1 more"
    ]
    assert seen(tree, "clusters/webapp.yaml") == {"haproxy": {"port": 1000}}
    write(root, "balancers/edge.yaml", "plugin: haproxy\n")
    tree.load()
    assert tree.faults == ()


def test_a_section_of_known_software_lacks_a_plugin(root: Path, tree: Tree) -> None:
    write(root, "clusters/webapp.yaml", f"{CLUSTER}postgresql: {{}}\n")
    tree.load()
    told = "balancer plugin 'postgresql' is not installed; installed: haproxy, hosts"
    assert lines(tree)[0].endswith(told)


def test_worker_settings_follow_the_daemons(root: Path, tree: Tree) -> None:
    write(root, "balancers/haproxy.yaml", "worker: {memory: 64M}\n")
    write(root, "lighthouse.yaml", "worker: {memory: 1G, sync_timeout: 3}\n")
    tree.load()
    assert tree.config.balancers["haproxy"].worker.memory == 64 << 20
    assert tree.config.balancers["haproxy"].worker.sync_timeout == 3.0
    assert tree.config.discovery["file"].worker.memory == 1 << 30
    write(root, "lighthouse.yaml", "")
    assert tree.load()
    assert tree.config.daemon == DaemonSettings()
    assert tree.config.balancers["haproxy"].worker.sync_timeout == 10.0


def test_two_files_that_register_the_same(root: Path, tree: Tree) -> None:
    write(root, "services/again.yaml", "name: webapp\nports: [79, 80]\ndiscovery: file\n")
    assert tree.load()
    fault = "services/webapp.yaml registers port 80 of 'webapp' with 'file' too"
    assert lines(tree) == [f"services/again.yaml:2:13: {fault}"]
    assert list(tree.config.services) == ["webapp"]
    fresh = Tree(root, INSTALLED)
    fresh.load()
    assert list(fresh.config.services) == ["again"]
    assert fresh.broken == {"services/webapp.yaml"}
    write(root, "services/webapp.yaml", "port: 81\ndiscovery: file\n")
    tree.load()
    assert sorted(tree.config.services) == ["again", "webapp"]
    assert tree.faults == ()


def test_a_service_that_changes_into_anothers_place(root: Path, tree: Tree) -> None:
    write(root, "services/other.yaml", "name: webapp\nport: 81\ndiscovery: file\n")
    tree.load()
    write(root, "services/other.yaml", "name: webapp\nport: 80\ndiscovery: file\n")
    assert tree.load()
    assert tree.config.services["other"].ports == (81,)
    assert tree.broken == {"services/other.yaml"}
    assert not tree.load()
    write(root, "services/webapp.yaml", "port: 81\ndiscovery: file\n")
    assert tree.load()
    assert tree.config.services["other"].ports == (80,)
    assert tree.config.services["webapp"].ports == (81,)
    assert tree.faults == ()


def test_the_same_port_with_another_discovery_is_another_registration(
    root: Path, tree: Tree
) -> None:
    write(root, "discovery/second.yaml", "plugin: file\n")
    write(root, "services/other.yaml", "name: webapp\nport: 80\ndiscovery: second\n")
    tree.load()
    assert tree.faults == ()


def test_places_are_those_of_the_newest_content(root: Path, tree: Tree) -> None:
    file = "balancers/haproxy.yaml"
    assert tree.locate(file, ("global", 0)) == (1, 10)
    write(root, file, "\n\nglobal:\n- daemon\nworker: 5\n")
    tree.load()
    assert tree.locate(file, ("global", 0)) == (4, 3)
    write(root, file, "[")
    tree.load()
    assert tree.locate(file, ("global",)) == (1, 1)
    assert tree.locate("balancers/none.yaml", ("x",)) == (1, 1)


def test_a_tree_of_2016_loads_unchanged(tmp_path: Path) -> None:
    """The shapes of the first lighthouse's files, its own file beside the directories too."""
    write(tmp_path, "haproxy.yaml", 'config_file: "/etc/haproxy.cfg"\n')
    write(tmp_path, "balancers/haproxy.yaml", 'socket_file: "/run/x"\nmeta_clusters: {a: {}}\n')
    write(tmp_path, "discovery/zookeeper.yaml", 'hosts:\n  - "zk:2181"\npath: "/services"\n')
    write(tmp_path, "clusters/a.yaml", 'discovery: "zookeeper"\nhaproxy: {port: 1}\n')
    section = 'haproxy:\n  acl: "path_beg /b"\n  backend:\n    - "mode http"\n'
    write(tmp_path, "clusters/b.yaml", f'discovery: "zookeeper"\nmeta_cluster: "api"\n{section}')
    check = 'checks:\n  interval: 3\n  http:\n    uri: "/status"\n    rise: 1\n    fall: 4\n'
    write(tmp_path, "services/a.yaml", f'name: "b"\nport: 7\ndiscovery: "zookeeper"\n{check}')
    write(tmp_path, "services/m.yml", f'discovery: "zookeeper"\nports:\n  - 1\n  - 2\n{check}')
    redis = "checks:\n  interval: 3\n  redis:\n    rise: 1\n    fall: 1\n"
    write(
        tmp_path, "services/c.yaml", f'host: "localhost"\nport: 6\ndiscovery: zookeeper\n{redis}'
    )
    tree = Tree(tmp_path, INSTALLED)
    tree.load()
    assert [line.partition(" ")[0] for line in lines(tree)] == [
        "discovery/zookeeper.yaml:1:1:",
        "services/c.yaml:6:3:",
    ]
    assert tree.broken == frozenset()
    assert sorted(tree.config.clusters) == ["a", "b"]
    assert sorted(tree.config.services) == ["a", "c", "m"]


def test_a_plugins_file_beside_the_directories_is_a_warning(root: Path, tree: Tree) -> None:
    """So it was in 2016; and without it there would be no balancer, and no word of it."""
    (root / "balancers/haproxy.yaml").rename(root / "haproxy.yaml")
    write(root, "other.yaml", "a: b\n")
    tree.load()
    assert [str(fault) for fault in tree.faults] == [
        "clusters/sibling.yaml:2:1: warning: haproxy: there is no balancers/haproxy.yaml, "
        "so that none serves this cluster and 1 more",
        "haproxy.yaml:1:1: warning: this is not read here; it belongs into balancers/",
    ]
    (root / "haproxy.yaml").rename(root / "balancers/haproxy.yaml")
    write(root, "haproxy.yaml", "a: b\n")
    tree.load()
    assert tree.faults == ()


def test_a_reload_parses_only_what_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[str] = []

    def noted(name: str, text: bytes) -> YamlDocument:
        parsed.append(name)
        return parse(name, text)

    monkeypatch.setattr("lighthouse.config.file.parse", noted)
    write(tmp_path, "discovery/file.yaml", "path: x\n")
    for number in range(100):
        write(tmp_path, f"clusters/c{number}.yaml", CLUSTER)
    tree = Tree(tmp_path, INSTALLED)
    assert tree.load()
    assert len(parsed) == 101
    parsed.clear()
    assert not tree.load()
    assert parsed == []
    write(tmp_path, "clusters/c7.yaml", CLUSTER + "# changed\n")
    tree.load()
    assert parsed == ["clusters/c7.yaml"]
    assert len(tree.config.clusters) == 100


def test_installed_lists_names() -> None:
    installed = Installed.here()
    assert "haproxy" in installed.balancers
    assert "file" in installed.discovery
    assert {"http", "tcp", "exec"} <= installed.checks
