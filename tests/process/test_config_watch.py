"""The watch, with real inotify and the file operations of editors and deployments."""

import os
import select
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lighthouse.config.tree import Installed, Tree
from lighthouse.config.watch import ConfigWatch
from tests.waiting import eventually

GOOD = "discovery: file\nhaproxy: {port: 1000}\n"
OTHER = "discovery: file\nhaproxy: {port: 2000}\n"
INSTALLED = Installed(frozenset({"haproxy"}), frozenset({"file"}), frozenset({"http"}))


def write(root: Path, name: str, text: str = GOOD) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def readable(watch: ConfigWatch) -> bool:
    return bool(select.select([watch], [], [], 0)[0])


def noticed(watch: ConfigWatch) -> bool:
    """Whether the watch reports a change within a while; it is armed again afterwards."""
    eventually(lambda: readable(watch) and watch.drain(), within=5)
    watch.rearm()
    return True


def settle(watch: ConfigWatch) -> None:
    watch.drain()
    watch.rearm()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    write(root, "lighthouse.yaml", "log_level: INFO\n")
    write(root, "discovery/file.yaml", "path: /nodes\n")
    write(root, "balancers/haproxy.yaml", "")
    write(root, "clusters/webapp.yaml")
    return root


@pytest.fixture
def watch(root: Path) -> Iterator[ConfigWatch]:
    watch = ConfigWatch(root)
    yield watch
    watch.close()


def in_place(root: Path) -> None:
    (root / "clusters/webapp.yaml").write_text(OTHER)


def rename_over(root: Path) -> None:
    write(root, "clusters/.webapp.yaml.new", OTHER).rename(root / "clusters/webapp.yaml")


def like_vim(root: Path) -> None:
    path = root / "clusters/webapp.yaml"
    path.rename(path.with_name("webapp.yaml~"))
    path.write_text(OTHER)
    path.with_name("webapp.yaml~").unlink()


def like_sed(root: Path) -> None:
    write(root, "clusters/sedq3R8aB", OTHER).rename(root / "clusters/webapp.yaml")


def through_another_name(root: Path) -> None:
    """An editor that keeps the file open and writes late."""
    with open(root / "clusters/webapp.yaml", "r+") as file:
        file.write(OTHER)
        file.flush()
        os.fsync(file.fileno())


def replaced_directory(root: Path) -> None:
    write(root.parent, "next/webapp.yaml", OTHER)
    (root / "clusters").rename(root.parent / "clusters.old")
    (root.parent / "next").rename(root / "clusters")


def replaced_tree(root: Path) -> None:
    shutil.copytree(root, root.parent / "next")
    write(root.parent, "next/clusters/webapp.yaml", OTHER)
    root.rename(root.parent / "old")
    (root.parent / "next").rename(root)


OPERATIONS = [
    in_place,
    rename_over,
    like_vim,
    like_sed,
    through_another_name,
    replaced_directory,
    replaced_tree,
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_way_to_change_a_file_is_noticed_and_read(
    root: Path, watch: ConfigWatch, operation: Callable[[Path], None]
) -> None:
    tree = Tree(root, INSTALLED)
    tree.load()
    operation(root)
    assert noticed(watch)
    tree.load()
    assert tree.config.clusters["webapp"].sections == {"haproxy": {"port": 2000}}
    settle(watch)
    write(root, "clusters/webapp.yaml", GOOD)
    assert noticed(watch)
    tree.load()
    assert tree.config.clusters["webapp"].sections == {"haproxy": {"port": 1000}}


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "clusters/webapp.yaml").unlink(),
        lambda root: write(root, "clusters/another.yml"),
        lambda root: write(root, "lighthouse.yaml", "log_level: DEBUG\n"),
        lambda root: write(root, "logging.yaml", "version: 1\n"),
        lambda root: write(root, "discovery/file.yaml", "path: /elsewhere\n"),
        lambda root: write(root, "balancers/haproxy.yaml", "{}\n"),
        lambda root: (root / "services").mkdir(),
        lambda root: (root / "clusters/webapp.yaml").chmod(0o600),
        lambda root: shutil.rmtree(root / "clusters"),
        lambda root: shutil.rmtree(root),
    ],
)
def test_whatever_concerns_the_tree_is_noticed(
    root: Path, watch: ConfigWatch, change: Callable[[Path], object]
) -> None:
    change(root)
    assert noticed(watch)


@pytest.mark.parametrize(
    "name",
    [
        "clusters/.webapp.yaml.swp",
        "clusters/webapp.yaml~",
        "clusters/#webapp.yaml#",
        "clusters/.#webapp.yaml",
        "clusters/4913",
        "clusters/webapp.yaml.tmp",
        "clusters/webapp.tmp",
        "clusters/README",
        "notes.txt",
        "../beside.yaml",
        "more/below.yaml",
    ],
)
def test_temporaries_and_strangers_report_nothing(
    root: Path, watch: ConfigWatch, name: str
) -> None:
    write(root, name)
    (root / name).write_text("again")
    (root / name).unlink()
    assert not watch.drain()
    assert not readable(watch)


def test_a_directory_and_its_content_that_appear_later(root: Path, watch: ConfigWatch) -> None:
    (root / "services").mkdir()
    assert noticed(watch)
    write(root, "services/webapp.yaml")
    assert noticed(watch)


def test_content_that_is_written_before_the_directory_is_watched(
    root: Path, watch: ConfigWatch
) -> None:
    write(root, "services/webapp.yaml", "port: 1\ndiscovery: file\n")
    tree = Tree(root, INSTALLED)
    assert noticed(watch)
    tree.load()
    assert "webapp" in tree.config.services


def test_a_tree_that_appears_later_several_levels_deep(tmp_path: Path) -> None:
    root = tmp_path / "a" / "b" / "tree"
    watch = ConfigWatch(root)
    tree = Tree(root, INSTALLED)
    tree.load()
    assert tree.config.clusters == {}
    (tmp_path / "a").mkdir()
    assert noticed(watch)
    (tmp_path / "a" / "b").mkdir()
    assert noticed(watch)
    write(root, "clusters/webapp.yaml")
    assert noticed(watch)
    settle(watch)
    write(root, "clusters/webapp.yaml", OTHER)
    assert noticed(watch)
    tree.load()
    assert "webapp" in tree.config.clusters
    watch.close()


def test_a_tree_that_is_swapped_by_its_link(tmp_path: Path) -> None:
    write(tmp_path, "releases/1/clusters/webapp.yaml")
    write(tmp_path, "releases/2/clusters/webapp.yaml", OTHER)
    current = tmp_path / "current"
    current.symlink_to("releases/1")
    watch, tree = ConfigWatch(current), Tree(current, INSTALLED)
    tree.load()
    (tmp_path / "current.new").symlink_to("releases/2")
    (tmp_path / "current.new").rename(current)
    assert noticed(watch)
    tree.load()
    assert tree.config.clusters["webapp"].sections["haproxy"] == {"port": 2000}
    settle(watch)
    write(tmp_path, "releases/1/clusters/webapp.yaml", OTHER)
    assert not watch.drain()
    write(tmp_path, "releases/2/clusters/webapp.yaml")
    assert noticed(watch)
    watch.close()


def test_a_directory_of_the_tree_that_is_swapped_by_its_link(root: Path) -> None:
    shutil.rmtree(root / "clusters")
    write(root.parent, "one/webapp.yaml")
    write(root.parent, "two/webapp.yaml", OTHER)
    (root / "clusters").symlink_to("../one")
    watch = ConfigWatch(root)
    (root / "fresh").symlink_to("../two")
    (root / "fresh").rename(root / "clusters")
    assert noticed(watch)
    settle(watch)
    write(root.parent, "two/webapp.yaml")
    assert noticed(watch)
    watch.close()


def test_files_that_are_links(root: Path) -> None:
    store = root.parent / "store"
    write(store, "first", GOOD)
    write(store, "second", OTHER)
    path = root / "clusters/webapp.yaml"
    path.unlink()
    (root.parent / "hop").symlink_to("store")
    path.symlink_to("../../hop/first")
    watch, tree = ConfigWatch(root), Tree(root, INSTALLED)
    tree.load()
    write(store, "first", OTHER)
    assert noticed(watch)
    settle(watch)
    write(store, "second", GOOD)
    assert not watch.drain()
    (root / "clusters/.next").symlink_to(store / "second")
    (root / "clusters/.next").rename(path)
    assert noticed(watch)
    tree.load()
    assert tree.config.clusters["webapp"].sections["haproxy"] == {"port": 1000}
    settle(watch)
    (store / "second").unlink()
    assert noticed(watch)
    tree.load()
    assert [fault.file for fault in tree.faults] == ["clusters/webapp.yaml"]
    write(store, "second", OTHER)
    assert noticed(watch)
    tree.load()
    assert tree.faults == ()
    watch.close()


def test_a_mounted_config_map(root: Path) -> None:
    clusters = root / "clusters"
    (clusters / "webapp.yaml").unlink()
    write(clusters, "..2024_01/webapp.yaml", GOOD)
    (clusters / "..data").symlink_to("..2024_01")
    (clusters / "webapp.yaml").symlink_to("..data/webapp.yaml")
    watch, tree = ConfigWatch(root), Tree(root, INSTALLED)
    tree.load()
    write(clusters, "..2024_02/webapp.yaml", OTHER)
    (clusters / "..data_tmp").symlink_to("..2024_02")
    (clusters / "..data_tmp").rename(clusters / "..data")
    shutil.rmtree(clusters / "..2024_01")
    assert noticed(watch)
    tree.load()
    assert tree.config.clusters["webapp"].sections["haproxy"] == {"port": 2000}
    assert tree.faults == ()
    watch.close()


def test_links_in_a_circle_are_survived(root: Path) -> None:
    (root / "clusters/round.yaml").symlink_to("round.yaml")
    watch, tree = ConfigWatch(root), Tree(root, INSTALLED)
    tree.load()
    assert [fault.file for fault in tree.faults] == ["clusters/round.yaml"]
    (root / "clusters/round.yaml").unlink()
    assert noticed(watch)
    watch.close()


def test_more_events_than_the_queue_holds_count_as_a_change(
    root: Path, watch: ConfigWatch
) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if limit > 100_000:
        pytest.skip("this host's queue is too long to be filled in a moment")
    ignored = [root / "clusters/one.tmp", root / "clusters/two.tmp"]
    for number in range(limit // 2 + 16):
        ignored[number % 2].touch()
        ignored[number % 2].unlink()
    assert watch.drain()


def test_many_rearms_leak_no_watches(root: Path, watch: ConfigWatch) -> None:
    def watches() -> int:
        text = Path(f"/proc/self/fdinfo/{watch.fileno()}").read_text()
        return text.count("inotify wd:")

    before = watches()
    for _ in range(20):
        replaced_directory(root)
        shutil.rmtree(root.parent / "clusters.old")
        settle(watch)
    assert watches() == before


EXHAUST = """
import os, select, sys
from pathlib import Path
from inotify_simple import INotify
from lighthouse.config.watch import ConfigWatch
os.setuid(54321)
taken = []
try:
    while True:
        taken.append(INotify())
except OSError:
    watch = ConfigWatch(Path(sys.argv[1]))
watch.rearm()
print(select.select([watch], [], [], 0)[0], watch.drain(), watch.reason)
watch.close()
"""


@pytest.mark.needs("root")
def test_without_inotify_there_is_a_reason_and_silence(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", EXHAUST, str(root)], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "[] False no inotify: Too many open files"
