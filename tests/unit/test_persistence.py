"""What comes back at a start, and how old it is."""

import time
from pathlib import Path

import msgspec
import pytest

from lighthouse.config.schema.policy import Loss, Policy
from lighthouse.config.schema.types import ClusterFile, Config
from lighthouse.config.tree import Installed, Tree
from lighthouse.discovery import Reading
from lighthouse.membership.memberships import Memberships
from lighthouse.membership.source import SourceConnection, SourceReading
from lighthouse.node import Node
from lighthouse.registration.identity import HostIdentity
from lighthouse.supervisor.saving.persistence import SEEN, Persistence, recall
from lighthouse.supervisor.state import State
from lighthouse.supervisor.store import SavedCluster, Store

NODES = (Node("a", "10.0.0.1", 80),)
WEB = ClusterFile("web", ("a",), None, Policy(loss=Loss("fence", 60.0)), {}, "clusters/web.yaml")

AGES = [
    # when it was read, when the source was last there; whether it is served at 1000
    (900.0, {}, False),
    (950.0, {}, True),
    (100.0, {"a": 995.0}, True),
    (100.0, {"a": 900.0}, False),
    (100.0, {"b": 995.0}, False),
    (2000.0, {}, True),
]


@pytest.mark.parametrize(("read_at", "seen", "served"), AGES)
def test_a_reading_is_as_old_as_the_absence_of_its_source(
    read_at: float, seen: dict[str, float], served: bool
) -> None:
    memberships = Memberships()
    recall(memberships, {"web": SavedCluster({"a": Reading(NODES)}, read_at)}, seen, 1000.0)
    memberships.configure({"web": WEB}, 0.0)
    assert memberships.views["web"].nodes == (NODES if served else ())


def test_only_sources_that_are_there_are_noted(tmp_path: Path) -> None:
    state = State(Config(), HostIdentity("here", "10.0.0.1"), {})
    archive = Persistence(Store(tmp_path), state)
    archive.see()
    assert Store(tmp_path).seen() == {}
    state.link("a", SourceConnection("connected", "", 0.0))
    state.link("b", SourceConnection("suspended", "gone", 0.0))
    state.configure(Config(clusters={"web": WEB}), 0.0)
    archive.see()
    assert Store(tmp_path).seen().keys() == {"a"}
    assert Store(tmp_path).seen()["a"] == pytest.approx(time.time(), abs=30)
    other = ClusterFile("web", ("b",), None, Policy(), {}, "clusters/web.yaml")
    state.link("b", SourceConnection("connected", "", 1.0))
    state.configure(Config(clusters={"web": other}), 2.0)
    archive.see()
    assert Store(tmp_path).seen().keys() == {"b"}


def test_what_is_saved_is_restored(tmp_path: Path) -> None:
    before = State(Config(), HostIdentity("here", "10.0.0.1"), {})
    before.configure(Config(clusters={"web": WEB}), 0.0)
    before.observe("a", "web", SourceReading(Reading(NODES), time.time()), 0.0)
    archive = Persistence(Store(tmp_path), before)
    archive.note("web")
    archive.save(Tree(tmp_path, Installed(frozenset(), frozenset(), frozenset())))
    after = State(Config(), HostIdentity("here", "10.0.0.1"), {})
    Persistence(Store(tmp_path), after).restore()
    after.configure(Config(clusters={"web": WEB}), 0.0)
    view = after.memberships.views["web"]
    assert (view.nodes, view.stale) == (NODES, True)


TREE = Tree(Path("/nowhere"), Installed(frozenset(), frozenset(), frozenset()))


def test_what_could_not_be_written_is_written_later(tmp_path: Path) -> None:
    state = State(Config(), HostIdentity("here", "10.0.0.1"), {})
    state.configure(Config(clusters={"web": WEB}), 0.0)
    state.observe("a", "web", SourceReading(Reading(NODES), time.time()), 0.0)
    archive = Persistence(Store(tmp_path / "state"), state)
    archive.note("web")
    (tmp_path / "state").write_text("in the way")
    assert archive.save(TREE) == SEEN
    (tmp_path / "state").unlink()
    assert archive.save(TREE) is None
    assert Store(tmp_path / "state").clusters()["web"].readings["a"].nodes == NODES


def test_many_clusters_are_written_a_few_at_a_time(tmp_path: Path) -> None:
    clusters = {name: msgspec.structs.replace(WEB, name=name) for name in map(str, range(500))}
    state = State(Config(), HostIdentity("here", "10.0.0.1"), {})
    state.configure(Config(clusters=clusters), 0.0)
    archive = Persistence(Store(tmp_path), state)
    for name in clusters:
        state.observe("a", name, SourceReading(Reading(NODES), time.time()), 0.0)
        archive.note(name)
    turns = 1
    while (later := archive.save(TREE, 0.002)) is not None:
        assert later == 0.0
        turns += 1
    assert turns > 2
    assert Store(tmp_path).clusters().keys() == clusters.keys()


def test_a_cluster_that_is_no_more_is_forgotten(tmp_path: Path) -> None:
    cache = Store(tmp_path)
    cache.save_cluster("web", SavedCluster({"a": Reading(NODES)}, 1.0))
    cache.save_cluster("api", SavedCluster({"a": Reading(NODES)}, 1.0))
    state = State(Config(clusters={"web": WEB}), HostIdentity("here", "10.0.0.1"), {})
    archive = Persistence(cache, state)
    archive.restore()
    for cluster in state.configure(Config(clusters={"web": WEB}), 0.0):
        archive.note(cluster)
    archive.save(TREE)
    assert cache.clusters().keys() == {"web"}
    for cluster in state.configure(Config(), 0.0):
        archive.note(cluster)
    archive.save(TREE)
    assert cache.clusters() == {}


def test_what_is_remembered_of_a_cluster_grows_old_until_it_is_configured() -> None:
    memberships = Memberships()
    recall(memberships, {"web": SavedCluster({"a": Reading(NODES)}, 995.0)}, {}, 1000.0)
    memberships.configure({}, 0.0)
    memberships.configure({"web": WEB}, 86400.0)
    assert memberships.views["web"].nodes == ()
