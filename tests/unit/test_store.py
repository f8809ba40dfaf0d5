"""What outlives the supervisor, also when the disk does not behave."""

import os
from pathlib import Path

import pytest

from lighthouse.discovery import Reading
from lighthouse.node import Node
from lighthouse.supervisor.store import SavedCluster, Store

REMEMBERED = SavedCluster(
    {"files": Reading((Node("a", "10.0.0.1", 80, metadata={"x": [1]}),))}, 5.0
)


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    cache = Store(tmp_path / "state")
    cache.save_cluster("web", REMEMBERED)
    cache.save_good({"clusters/web.yaml": b"x: 1"}, {("balancer", "haproxy", "web"): {"a": 1}})
    again = Store(tmp_path / "state")
    assert again.clusters() == {"web": REMEMBERED}
    assert again.good().texts == {"clusters/web.yaml": b"x: 1"}
    assert again.good().by_key() == {("balancer", "haproxy", "web"): {"a": 1}}
    again.forget_cluster("web")
    assert again.clusters() == {}


DAMAGES = [
    (b"", "it is damaged, or no file of lighthouse"),
    (b"lighthouse 1\n", "it is damaged: its checksum does not match"),
    (b"garbage" * 100, "it is damaged, or no file of lighthouse"),
    (b"lighthouse 2\nabcd....", "it has format '2' of another release, expected 1"),
    (b"lighthouse \xff\n", "it is damaged, or no file of lighthouse"),
]


@pytest.mark.parametrize(("damage", "reason"), DAMAGES)
def test_a_damaged_file_is_refused_with_a_reason_until_it_is_written(
    tmp_path: Path, damage: bytes, reason: str
) -> None:
    cache = Store(tmp_path)
    cache.save_cluster("web", REMEMBERED)
    cache.save_cluster("other", REMEMBERED)
    path = tmp_path / "clusters" / "web"
    path.write_bytes(damage)
    assert cache.clusters() == {"other": REMEMBERED}
    assert cache.problems == {path: reason}
    cache.save_cluster("web", REMEMBERED)
    assert cache.problems == {}


def test_what_is_no_file_of_a_cluster_is_left_alone(tmp_path: Path) -> None:
    cache = Store(tmp_path)
    cache.save_cluster("web", REMEMBERED)
    (tmp_path / "clusters" / ".web.new").write_bytes(b"half")
    (tmp_path / "clusters" / "dir").mkdir()
    assert cache.clusters() == {"web": REMEMBERED}
    assert list(cache.problems.values()) == ["Is a directory"]


def test_when_sources_were_there_comes_back(tmp_path: Path) -> None:
    Store(tmp_path).save_seen({"files": 7.5})
    assert Store(tmp_path).seen() == {"files": 7.5}
    assert Store(tmp_path / "none").seen() == {}


def test_a_flipped_bit_is_seen(tmp_path: Path) -> None:
    cache = Store(tmp_path)
    cache.save_cluster("web", REMEMBERED)
    path = tmp_path / "clusters" / "web"
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    assert cache.clusters() == {}


def test_a_directory_that_cannot_be_written_is_told_and_forgiven(tmp_path: Path) -> None:
    blocker = tmp_path / "state"
    blocker.write_text("a file where a directory should be")
    cache = Store(blocker)
    cache.save_cluster("web", REMEMBERED)
    assert "cannot be written" in cache.error
    blocker.unlink()
    cache.save_cluster("web", REMEMBERED)
    assert cache.error == ""
    assert os.listdir(tmp_path / "state" / "clusters") == ["web"]


@pytest.mark.parametrize("mode", [0o777, 0o703, 0o720])
def test_a_directory_that_others_may_write_is_not_used(tmp_path: Path, mode: int) -> None:
    cache = Store(tmp_path / "state")
    assert cache.save_good({"a": b"b"}, {})
    if os.geteuid() == 0:
        os.chown(tmp_path / "state", -1, 54321)
    (tmp_path / "state").chmod(mode)
    assert not cache.save_good({"a": b"c"}, {})
    assert "can be written by" in cache.error
    again = Store(tmp_path / "state")
    assert again.good().texts == {}
    assert "can be written by" in again.problems[tmp_path / "state/config"]
    (tmp_path / "state").chmod(0o700)
    assert again.good().texts == {"a": b"b"}


def test_someone_elses_directory_is_not_used(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory away")
    (tmp_path / "state").mkdir()
    os.chown(tmp_path / "state", 54321, 54321)
    cache = Store(tmp_path / "state")
    assert not cache.save_good({}, {})
    assert "belongs to user 54321" in cache.error


def test_no_link_is_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "state").mkdir()
    for name in (".config.new", ".published.new", ".seen.new", "seen"):
        (tmp_path / "state" / name).symlink_to(victim)
    cache = Store(tmp_path / "state")
    assert cache.seen() == {}
    assert cache.save_good({}, {})
    assert cache.save("published", {})
    cache.save_seen({"files": 7.5})
    assert cache.seen() == {"files": 7.5}
    assert victim.read_text() == "precious"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is synced and renamed, in order; all of it is done."""
    found: list[str] = []
    fsync, rename = os.fsync, os.replace

    def syncing(descriptor: int) -> None:
        found.append(f"sync {Path(os.readlink(f'/proc/self/fd/{descriptor}')).name}")
        fsync(descriptor)

    def renaming(self: Path, target: Path) -> None:
        found.append(f"rename {self.name}")
        rename(self, target)

    monkeypatch.setattr("os.fsync", syncing)
    monkeypatch.setattr(Path, "replace", renaming)
    return found


@pytest.mark.parametrize("name", ["maintenance", "published", "handed"])
def test_what_others_were_told_outlives_a_power_cut(
    tmp_path: Path, calls: list[str], name: str
) -> None:
    assert Store(tmp_path / "state").save(name, (1, 2))
    assert calls == [f"sync .{name}.new", f"rename .{name}.new", "sync state"]


def test_the_last_good_configuration_outlives_a_power_cut(
    tmp_path: Path, calls: list[str]
) -> None:
    assert Store(tmp_path / "state").save_good({"a": b"b"}, {})
    assert calls == ["sync .config.new", "rename .config.new", "sync state"]


def test_what_changes_all_the_time_is_not_synced(tmp_path: Path, calls: list[str]) -> None:
    store = Store(tmp_path / "state")
    store.save_cluster("web", REMEMBERED)
    store.save_seen({"files": 1.0})
    assert calls == ["rename .web.new", "rename .seen.new"]


def test_a_file_that_is_not_on_disk_is_told_though_others_are(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / "maintenance").mkdir()
    assert not store.save("maintenance", ())
    told = store.error
    assert "Is a directory" in told
    assert store.save("published", ())
    assert store.error == told
    (tmp_path / "maintenance").rmdir()
    assert store.save("maintenance", ())
    assert store.error == ""
