"""Which distribution a plugin comes from."""

import sys
from collections import Counter
from importlib import metadata
from pathlib import Path

import pytest

from lighthouse.distribution.installed import Installed, succession
from lighthouse.distribution.origin import PluginOrigin

BUNDLED = PluginOrigin("lighthouse", "0.1", "lighthouse.haproxy.balancer")
A, B = PluginOrigin("a", "1", "mod_a"), PluginOrigin("b", "2", "mod_b")
RENAMED = PluginOrigin("c", "3", "mod_a")
KEY = ("balancer", "x")


@pytest.mark.parametrize(
    ("offers", "origin", "clash"),
    [
        ((), None, ""),
        ((A,), A, ""),
        ((A, RENAMED), A, ""),
        ((BUNDLED,), BUNDLED, ""),
        (
            (A, B),
            None,
            "a 1 (mod_a) and b 2 (mod_b) both bring a balancer plugin 'x', so neither is used; "
            "uninstall one of them",
        ),
        (
            (A, BUNDLED),
            BUNDLED,
            "a 1 brings a balancer plugin 'x' too: that name is reserved for the one of "
            "lighthouse 0.1, which is used; uninstall the other distribution, or have its "
            "plugin renamed",
        ),
    ],
)
def test_one_name_one_plugin(
    offers: tuple[PluginOrigin, ...], origin: PluginOrigin | None, clash: str
) -> None:
    installed = Installed(frozenset({"x"}), offers={KEY: offers})
    assert installed.origin(*KEY) == origin
    assert installed.clash(*KEY) == clash


def test_a_distribution_is_read_once_whatever_it_offers(monkeypatch: pytest.MonkeyPatch) -> None:
    """This is done in the supervisor's loop, too."""
    reads: Counter[str] = Counter()
    read = metadata.PathDistribution.read_text

    def counted(self: metadata.PathDistribution, name: str) -> str | None:
        reads[f"{self.locate_file('')} {id(self)} {name}"] += 1
        kept.append(self)
        return read(self, name)

    kept: list[metadata.PathDistribution] = []
    monkeypatch.setattr(metadata.PathDistribution, "read_text", counted)
    assert len(Installed.here().names("check")) > 5
    assert reads
    assert max(count for of, count in reads.items() if "entry_points" not in of) == 1


NEWER = PluginOrigin("a", "2", "mod_a")
ANEW = PluginOrigin("a", "1", "mod_a", 7)
OWN = PluginOrigin("lighthouse", "0.2", "lighthouse.haproxy.balancer")


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (A, A, ""),
        (A, None, "its plugin is not installed any more (a 1 was): it runs on until it ends"),
        (A, NEWER, "it runs a 1, and a 2 is installed; `lighthouse reload` takes that"),
        (A, ANEW, "a 1 was installed anew; `lighthouse reload` takes its code"),
        (A, B, "it runs a 1, and b 2 is installed; `lighthouse reload` takes that"),
        (
            BUNDLED,
            OWN,
            "it runs lighthouse 0.1, and lighthouse 0.2 is installed; "
            "`lighthouse restart` takes that",
        ),
    ],
)
def test_what_has_become_of_a_distribution(
    before: PluginOrigin, now: PluginOrigin | None, said: str
) -> None:
    assert succession(before, now) == said


def package(directory: Path, info: str, name: str, version: str, module: str) -> None:
    place = directory / info
    place.mkdir(parents=True)
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nProvides-Extra: own\n"
    file = "PKG-INFO" if info.endswith(".egg-info") else "METADATA"
    (place / file).write_text(about)
    (place / "entry_points.txt").write_text(f"[lighthouse.checks]\nown = {module}\n")


def test_a_distribution_that_is_found_twice_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path / "first", "my_own-2.dist-info", "my-own", "2", "mine")
    package(tmp_path / "second", "My.Own.egg-info", "My.Own", "1", "old")
    package(tmp_path / "here", "my_own.egg-info", "my_own", "3", "stray")
    monkeypatch.setattr(sys, "path", [str(tmp_path / d) for d in ("here", "first", "second")])
    (found,) = Installed.here().offers["check", "own"]
    assert (found.package, found.version, found.module, found.extras) == (
        "my-own",
        "2",
        "mine",
        ("own",),
    )


def test_many_names_are_not_all_listed() -> None:
    installed = Installed(frozenset(f"own{number:02}" for number in range(40)))
    told = installed.nearest("balancer", "onw01")
    assert told.startswith("did you mean 'own01'?; installed: own00, own01, ")
    assert told.endswith("own11 and 28 more (`lighthouse plugins`)")
    assert installed.nearest("balancer", "own01") == ""
    assert Installed().nearest("check", "x") == "installed: none"


def test_two_of_a_name_are_not_told_as_none() -> None:
    told = succession(A, None, "a 1 (mod_a) and b 2 (mod_b) both bring a balancer plugin 'x'")
    assert told.endswith("both bring a balancer plugin 'x'; until then it runs on with a 1")


def test_one_distribution_with_two_entry_points_of_a_name() -> None:
    installed = Installed(frozenset({"x"}), offers={KEY: (A, PluginOrigin("a", "1", "mod_z"))})
    assert installed.clash(*KEY) == (
        "a 1 has several entry points of a balancer plugin 'x': mod_a, mod_z; none is used: give "
        "each a name of its own"
    )
