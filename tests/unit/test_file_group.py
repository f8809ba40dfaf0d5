"""FileGroup: all of its files are replaced, or none, whenever and however it ends."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from lighthouse.files import Access, FileGroup, FileTarget, NotActivated, Postponed, Refused
from tests.disk import small_disk


class Reader:
    """Software that loads all files when told, unless one of them has its poison in it."""

    def __init__(self, *paths: Path) -> None:
        self.paths = paths
        self.loaded: list[tuple[str | None, ...]] = []
        self.away = False

    def reload(self) -> None:
        if self.away:
            raise Postponed("nobody is there")
        found = tuple([path.read_text() if path.exists() else None for path in self.paths])
        if "poison" in found:
            raise RuntimeError("poisoned")
        self.loaded.append(found)


def wanted(paths: Sequence[Path], *texts: str | None) -> list[tuple[FileTarget, bytes | None]]:
    pairs = zip(paths, texts, strict=True)
    return [(FileTarget(path), None if text is None else text.encode()) for path, text in pairs]


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    return [tmp_path / "a", tmp_path / "b"]


def test_writes_what_differs_and_tells_once(paths: list[Path]) -> None:
    reader = Reader(*paths)
    group = FileGroup(reader.reload)
    assert group.install(wanted(paths, "1", "2")) == paths
    before = [path.stat() for path in paths]
    assert group.install(wanted(paths, "1", "2")) == []
    assert [path.stat() for path in paths] == before
    assert group.install(wanted(paths, "1", "3")) == [paths[1]]
    assert reader.loaded == [("1", "2"), ("1", "3")]
    assert sorted(os.listdir(paths[0].parent)) == [".b.1", "a", "b"]


def test_a_refused_candidate_touches_no_file(paths: list[Path]) -> None:
    def refuse(_: Path) -> None:
        raise Refused("no")

    reader = Reader(*paths)
    FileGroup(reader.reload).install(wanted(paths, "1", "2"))
    both = [(FileTarget(paths[0]), b"3"), (FileTarget(paths[1], validate=refuse), b"4")]
    with pytest.raises(Refused, match="no"):
        FileGroup(reader.reload).install(both)
    assert [path.read_text() for path in paths] == ["1", "2"]
    assert sorted(os.listdir(paths[0].parent)) == ["a", "b"]


@pytest.mark.parametrize("former", [("1", "2"), ("1", None), (None, None)])
def test_after_a_failed_activation_all_are_as_they_were(
    paths: list[Path], former: tuple[str | None, ...]
) -> None:
    reader = Reader(*paths)
    group = FileGroup(reader.reload)
    group.install(wanted(paths, *former))
    with pytest.raises(NotActivated, match="poisoned") as caught:
        group.install(wanted(paths, "3", "poison"))
    assert caught.value.restored
    assert tuple([p.read_text() if p.exists() else None for p in paths]) == former
    assert reader.loaded[-1:] == [former]
    assert not [name for name in os.listdir(paths[0].parent) if "unproven" in name]


def test_a_file_that_is_to_go_goes_and_comes_back(paths: list[Path]) -> None:
    reader = Reader(*paths)
    group = FileGroup(reader.reload)
    group.install(wanted(paths, "1", "2"))
    with pytest.raises(NotActivated):
        group.install(wanted(paths, "poison", None))
    assert [path.read_text() for path in paths] == ["1", "2"]
    assert group.install(wanted(paths, "1", None)) == [paths[1]]
    assert not paths[1].exists()
    assert reader.loaded[-1] == ("1", None)


def test_one_killed_before_the_activation_is_made_up_for(paths: list[Path]) -> None:
    reader = Reader(*paths)
    FileGroup(reader.reload).install(wanted(paths, "1", "2"))

    def die() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FileGroup(die).install(wanted(paths, "3", "4"))
    assert FileGroup(reader.reload).install(wanted(paths, "3", "4")) == paths
    assert reader.loaded[-1] == ("3", "4")
    assert FileGroup(reader.reload).install(wanted(paths, "3", "4")) == []


def test_the_last_proven_comes_back_though_several_were_killed(paths: list[Path]) -> None:
    reader = Reader(*paths)
    FileGroup(reader.reload).install(wanted(paths, "1", "2"))

    def die() -> None:
        raise KeyboardInterrupt

    for text in ("3", "4"):
        with pytest.raises(KeyboardInterrupt):
            FileGroup(die).install(wanted(paths, text, "2"))
    with pytest.raises(NotActivated) as caught:
        FileGroup(reader.reload).install(wanted(paths, "poison", "2"))
    assert caught.value.restored
    assert [path.read_text() for path in paths] == ["1", "2"]


def test_a_restoration_that_fails_is_made_up_for(paths: list[Path]) -> None:
    """The kept files can be put back any number of times."""
    reader = Reader(*paths)
    FileGroup(reader.reload).install(wanted(paths, "1", "2"))

    def fail() -> None:
        raise RuntimeError("broken")

    for _ in range(2):
        with pytest.raises(NotActivated) as caught:
            FileGroup(fail).install(wanted(paths, "3", "4"))
        assert not caught.value.restored
        assert [path.read_text() for path in paths] == ["1", "2"]
    assert FileGroup(reader.reload).install(wanted(paths, "1", "2")) == paths
    assert reader.loaded[-1] == ("1", "2")


def test_what_nobody_could_be_told_stays_and_is_told_later(paths: list[Path]) -> None:
    reader = Reader(*paths)
    group = FileGroup(reader.reload)
    reader.away = True
    for _ in range(2):
        with pytest.raises(Postponed):
            group.install(wanted(paths, "1", "2"))
    assert [path.read_text() for path in paths] == ["1", "2"]
    reader.away = False
    assert group.install(wanted(paths, "1", "2")) == paths
    assert reader.loaded == [("1", "2")]


def test_a_full_disk_touches_no_file(tmp_path: Path) -> None:
    with small_disk(tmp_path / "tiny") as place:
        paths = [place / "a", place / "b"]
        reader = Reader(*paths)
        FileGroup(reader.reload).install(wanted(paths, "1", "2"))
        with pytest.raises(OSError, match="No space left"):
            FileGroup(reader.reload).install(wanted(paths, "3", "x" * 200_000))
        assert [path.read_text() for path in paths] == ["1", "2"]
        assert sorted(os.listdir(place)) == ["a", "b"]


def test_access_is_given_also_to_a_file_of_the_same_content(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("1")
    path.chmod(0o644)
    group = FileGroup(lambda: None)
    target = FileTarget(path, access=Access(mode=0o600))
    assert group.install([(target, b"1")]) == [path]
    assert path.stat().st_mode & 0o777 == 0o600
    assert group.install([(target, b"1")]) == []
