"""What a balancer's worker holds, laid and overlaid."""

import pytest

from lighthouse.cluster import Cluster
from lighthouse.node import Node
from lighthouse.schema import Problem, Rejection
from lighthouse.workers.decoded_clusters import DecodedCluster, DecodedClusters

NODES = tuple(Node(f"n{n}", f"10.0.0.{n}", 80) for n in range(9))


def held(name: str, revision: int, nodes: int | None, rejected: bool = False) -> DecodedCluster:
    cluster = None if nodes is None else Cluster(name, [*NODES[:nodes]])
    rejection = Rejection((Problem((), "no"),), cluster=name) if rejected else None
    return DecodedCluster(name, revision, cluster, None, rejection)


@pytest.fixture
def holdings() -> DecodedClusters:
    holdings = DecodedClusters()
    holdings.lay([held("b", 2, 2), held("a", 1, 1), held("c", 3, None, True)])
    return holdings


def shown(holdings: DecodedClusters) -> tuple[dict[str, int], int, list[str | None]]:
    sizes = {cluster.name: len(cluster.nodes) for cluster in holdings.clusters}
    return sizes, holdings.nodes, [rejection.cluster for rejection in holdings.rejections]


def test_clusters_are_sorted_and_those_without_a_section_in_force_left_out(
    holdings: DecodedClusters,
) -> None:
    assert shown(holdings) == ({"a": 1, "b": 2}, 3, ["c"])
    assert holdings.revisions == {"a": 1, "b": 2, "c": 3}


def test_what_is_not_overlaid_is_the_same_object(holdings: DecodedClusters) -> None:
    before = holdings.clusters
    holdings.overlay([held("b", 4, 5)])
    assert holdings.clusters[0] is before[0]
    assert shown(holdings) == ({"a": 1, "b": 5}, 6, ["c"])
    assert holdings.get("b") == held("b", 4, 5)
    assert holdings.revisions == {"a": 1, "b": 4, "c": 3}


def test_an_overlay_takes_the_place_of_the_last_one(holdings: DecodedClusters) -> None:
    holdings.overlay([held("a", 4, None, True), held("c", 5, 3)])
    assert shown(holdings) == ({"b": 2, "c": 3}, 5, ["a"])
    holdings.overlay([held("c", 6, 4)])
    assert shown(holdings) == ({"a": 1, "b": 2, "c": 4}, 7, [])
    holdings.overlay([])
    assert shown(holdings) == ({"a": 1, "b": 2}, 3, ["c"])


def test_nothing_of_another_base_stays(holdings: DecodedClusters) -> None:
    holdings.overlay([held("a", 4, 5)])
    holdings.lay([held("b", 7, 1)])
    assert shown(holdings) == ({"b": 1}, 1, [])
    assert holdings.get("a") is None
