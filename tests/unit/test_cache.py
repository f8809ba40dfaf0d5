"""What outlives the supervisor, also when the disk does not behave."""

import os

import pytest

from lighthouse.discovery import Reading
from lighthouse.node import Node
from lighthouse.supervisor.cache import Cache, Remembered

REMEMBERED = Remembered({"files": Reading((Node("a", "10.0.0.1", 80, metadata={"x": [1]}),))}, 5.0)


def test_what_is_saved_comes_back(tmp_path):
    cache = Cache(tmp_path / "state")
    cache.save_cluster("web", REMEMBERED)
    cache.save_good({"clusters/web.yaml": b"x: 1"}, {("balancer", "haproxy", "web"): {"a": 1}})
    again = Cache(tmp_path / "state")
    assert again.clusters() == {"web": REMEMBERED}
    assert again.good().texts == {"clusters/web.yaml": b"x: 1"}
    assert again.good().by_key() == {("balancer", "haproxy", "web"): {"a": 1}}
    again.forget_cluster("web")
    assert again.clusters() == {}


@pytest.mark.parametrize("damage", [b"", b"lighthouse 1\n", b"garbage" * 100])
def test_a_damaged_file_counts_as_absent(tmp_path, damage):
    cache = Cache(tmp_path)
    cache.save_cluster("web", REMEMBERED)
    cache.save_cluster("other", REMEMBERED)
    (tmp_path / "clusters" / "web").write_bytes(damage)
    assert cache.clusters() == {"other": REMEMBERED}


def test_a_flipped_bit_is_seen(tmp_path):
    cache = Cache(tmp_path)
    cache.save_cluster("web", REMEMBERED)
    path = tmp_path / "clusters" / "web"
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    assert cache.clusters() == {}


def test_a_directory_that_cannot_be_written_is_told_and_forgiven(tmp_path):
    blocker = tmp_path / "state"
    blocker.write_text("a file where a directory should be")
    cache = Cache(blocker)
    cache.save_cluster("web", REMEMBERED)
    assert "cannot be written" in cache.error
    blocker.unlink()
    cache.save_cluster("web", REMEMBERED)
    assert cache.error == ""
    assert os.listdir(tmp_path / "state" / "clusters") == ["web"]
