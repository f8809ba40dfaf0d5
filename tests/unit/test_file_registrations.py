"""Registrations in a real directory, on a clock of the test's own."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from lighthouse.file.registrations import FileRegistrations, place
from lighthouse.node import Node
from lighthouse.record import owner
from lighthouse.service import Service

TTL = 30.0


def service(port: int = 80, ip: str = "10.0.0.1", weight: int = 1, name: str = "web") -> Service:
    return Service(name, port, Node("web-1", ip, port, weight, {"zone": "a"}))


def content(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text())
    assert isinstance(found, dict)
    return found


@pytest.fixture
def kept(tmp_path: Path) -> FileRegistrations:
    return FileRegistrations(str(tmp_path), TTL)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "web" / "10.0.0.1_80.json"


def test_a_registration_says_who_and_for_how_long(
    kept: FileRegistrations, tmp_path: Path, file: Path
) -> None:
    kept.up(service(), 0.0)
    assert content(file) == {
        "host": "web-1",
        "ip": "10.0.0.1",
        "port": 80,
        "weight": 1,
        "metadata": {"zone": "a"},
        "peer": None,
        "ttl": 30.0,
        "owner": owner(str(tmp_path)),
        "beat": 1,
    }
    assert os.listdir(file.parent) == [file.name], "nothing is left beside it"


def test_ipv6_addresses_make_file_names() -> None:
    assert place("/n", service(ip="2001:db8::1")) == "/n/web/2001-db8--1_80.json"


@pytest.mark.parametrize("name", ["..", "a/b", "", ".hidden", "a\0b"])
def test_no_name_leads_out_of_the_directory(kept: FileRegistrations, name: str) -> None:
    with pytest.raises(ValueError, match="name of a directory"):
        kept.up(service(name=name), 0.0)


def test_an_equal_report_writes_nothing(kept: FileRegistrations, file: Path) -> None:
    kept.up(service(), 0.0)
    before = file.stat()
    kept.up(service(), 5.0)
    assert file.stat() == before
    kept.up(service(weight=7), 6.0)
    assert (content(file)["weight"], content(file)["beat"]) == (7, 2)


def test_heartbeats(kept: FileRegistrations, file: Path) -> None:
    assert kept.next_beat() is None
    kept.up(service(), 0.0)
    assert kept.next_beat() == TTL / 3
    kept.beat(9.0)
    assert content(file)["beat"] == 1
    kept.beat(10.0)
    assert content(file)["beat"] == 2
    assert kept.next_beat() == 20.0


def test_a_removed_file_is_written_again(kept: FileRegistrations, file: Path) -> None:
    kept.up(service(), 0.0)
    file.unlink()
    kept.removed("web", {"other.json"}, 1.0)
    assert not file.exists()
    kept.removed("web", {file.name}, 1.0)
    assert content(file)["beat"] == 2
    file.unlink()
    file.parent.rmdir()
    kept.beat(20.0)
    assert content(file)["beat"] == 3
    assert kept.restored == 2


def test_what_someone_wrote_over_it_is_set_right(kept: FileRegistrations, file: Path) -> None:
    kept.up(service(), 0.0)
    changed = content(file) | {"weight": 99, "beat": 50}
    file.write_text(json.dumps(changed))
    kept.beat(10.0)
    assert (content(file)["weight"], content(file)["beat"]) == (1, 51)


def test_a_new_process_goes_on_with_the_beat(
    kept: FileRegistrations, tmp_path: Path, file: Path
) -> None:
    kept.up(service(), 0.0)
    kept.beat(10.0)
    FileRegistrations(str(tmp_path), TTL).up(service(), 0.0)
    assert content(file)["beat"] == 3


def test_down_removes_what_is_ours_and_nothing_else(
    kept: FileRegistrations, tmp_path: Path, file: Path
) -> None:
    kept.down(service())
    kept.up(service(), 0.0)
    FileRegistrations(str(tmp_path), TTL).down(service())
    assert not file.exists()
    kept.down(service())
    assert kept.next_beat() is None
    for foreign in ({}, {"ttl": 30, "owner": "other:1"}, {"owner": owner(str(tmp_path))}):
        file.write_text(json.dumps({"ip": "10.0.0.1", "port": 80, **foreign}))
        kept.down(service())
        assert file.exists()


def test_a_file_of_configuration_management_is_left_alone(
    kept: FileRegistrations, file: Path
) -> None:
    file.parent.mkdir()
    file.write_text('{"ip": "10.0.0.1", "port": 80}')
    with pytest.raises(FileExistsError, match="left alone"):
        kept.up(service(), 0.0)
    assert file.read_text() == '{"ip": "10.0.0.1", "port": 80}'
    file.write_text('{"ip": "10.0.0.1", "port": 80, "ttl": 30, "owner": "former:1", "beat": 9}')
    kept.up(service(), 0.0)
    assert content(file)["beat"] == 1, "another host's registration is taken over"
    file.write_text('{"ip": "10.0.0.1", "port": 80}')
    kept.beat(10.0)
    assert "left alone" in kept.status()["unrenewed"]["web"]
    assert "ttl" not in content(file)


def test_a_new_address_takes_the_old_file_with_it(kept: FileRegistrations, file: Path) -> None:
    kept.up(service(), 0.0)
    kept.up(service(ip="10.0.0.2"), 1.0)
    assert os.listdir(file.parent) == ["10.0.0.2_80.json"]
    kept.down(service(ip="10.0.0.3"))
    assert os.listdir(file.parent) == []


def test_without_the_source_nothing_is_made(tmp_path: Path) -> None:
    kept = FileRegistrations(str(tmp_path / "away"), TTL)
    with pytest.raises(FileNotFoundError):
        kept.up(service(), 0.0)
    assert not (tmp_path / "away").exists()
    kept.down(service())


def test_a_beat_that_fails_is_shown_and_tried_again(
    kept: FileRegistrations, tmp_path: Path, file: Path
) -> None:
    kept.up(service(), 0.0)
    file.parent.rename(tmp_path / "aside")
    (tmp_path / "web").touch()
    kept.beat(10.0)
    assert "web" in kept.status()["unrenewed"]
    (tmp_path / "web").unlink()
    (tmp_path / "aside").rename(file.parent)
    kept.beat(20.0)
    assert kept.status()["unrenewed"] == {}
    assert content(file)["beat"] > 1
