"""Each cause is told once, with all that follows from it, and is over when it is over."""

from typing import Any

import pytest

from lighthouse.config.fault import Fault
from lighthouse.daemon.causes import concerns, words
from lighthouse.daemon.status_document import (
    Cause,
    CheckStatus,
    ClusterStatus,
    RefusedStatus,
    RegistrationStatus,
    ServiceStatus,
    SourceStatus,
)
from lighthouse.daemon.worker_document import WorkerStatus
from lighthouse.ipc.messages import Applied
from lighthouse.node import NO_RECORD
from lighthouse.registration.services import NO_ADDRESS
from lighthouse.schema import Problem, Rejection
from lighthouse.supervisor.answers.causes import Judged, causes
from lighthouse.supervisor.answers.worker_status import is_told_by_faults

NAMES = [f"c{n}" for n in range(50)]
NOWHERE = "there is no discovery/zk.yaml"


def cluster(name: str, discovery: tuple[str, ...] = ("zk",), **changes: Any) -> ClusterStatus:
    sources = tuple(SourceStatus(discovery=one, away_seconds=None) for one in discovery)
    return ClusterStatus(**{"name": name, "discovery": discovery, "sources": sources, **changes})


def waiting(**changes: Any) -> list[ClusterStatus]:
    """Fifty clusters whose source has never answered."""
    away = (SourceStatus(discovery="zk", answered=False, away_seconds=9.0, used=False),)
    return [cluster(name, waits=True, known=False, sources=away, **changes) for name in NAMES]


def lost(name: str, **source: Any) -> ClusterStatus:
    away = {"discovery": "zk", "away_seconds": 9.0, **source}
    return cluster(name, stale=True, sources=(SourceStatus(**away),))


def worker(kind: str, name: str, reason: str = "", state: str = "running") -> WorkerStatus:
    return WorkerStatus(
        kind=kind, name=name, plugin=name, state=state, healthy=not reason, reason=reason
    )


ZK = worker("discovery", "zk", "suspended: refused")
WELL = worker("discovery", "zk")


def service(name: str = "web", **changes: Any) -> ServiceStatus:
    registration = RegistrationStatus(discovery="zk", registered=False)
    return ServiceStatus(**{"name": name, "up": True, "registrations": (registration,), **changes})


def found(
    faults: list[Fault] | None = None,
    workers: list[WorkerStatus] | None = None,
    judged: Judged | None = None,
    clusters: list[ClusterStatus] | None = None,
    services: list[ServiceStatus] | None = None,
    own: tuple[str, ...] = (),
) -> tuple[Cause, ...]:
    return causes(
        faults or [], workers or [], judged or Judged(), clusters or [], services or [], own
    )


def told(*args: Any, **kwargs: Any) -> list[str]:
    return [words(cause) for cause in found(*args, **kwargs)]


BROKEN = Fault("discovery/zk.yaml", 2, 1, "pth: unknown key")
REJECTED = worker("discovery", "zk", "failed: its config is rejected: pth: unknown key")


@pytest.mark.parametrize(
    ("known", "line"),
    [
        # a file that was never good: no worker runs for it
        ({"faults": [BROKEN]}, f"{BROKEN}; 50 clusters wait for it"),
        # one that its plugin rejects: what the worker says of it is no second cause
        (
            {
                "faults": [BROKEN],
                "workers": [REJECTED],
                "judged": Judged(rejected=[("discovery", "zk")]),
            },
            f"{BROKEN}; discovery zk waits until that is mended; 50 clusters wait for it",
        ),
        # a plugin that is not installed
        (
            {
                "faults": [
                    Fault("discovery/zk.yaml", 1, 1, "not there", about="discovery plugin zk")
                ],
                "workers": [worker("discovery", "zk", "no plugin", "waiting")],
            },
            "discovery/zk.yaml:1:1: not there; discovery zk waits until that is mended; "
            "50 clusters wait for it",
        ),
        # a file that is not there, which each of those that name it tells
        (
            {
                "faults": [
                    Fault(f"clusters/{name}.yaml", 1, 1, NOWHERE, about="discovery zk")
                    for name in NAMES
                ]
            },
            f"clusters/c0.yaml:1:1: {NOWHERE} (and in 49 more places); 50 clusters wait for it",
        ),
        # one that cannot be reached
        ({"workers": [ZK]}, "discovery zk: suspended: refused; 50 clusters wait for it"),
        # one whose worker does not come up, whatever is wrong with a newer version of its file
        (
            {"workers": [worker("discovery", "zk", "SIGSEGV", "waiting")]},
            "discovery zk: SIGSEGV; 50 clusters wait for it",
        ),
        # one that is there and says nothing
        ({"workers": [WELL]}, "discovery zk: has not answered yet; 50 clusters wait for it"),
    ],
)
def test_fifty_clusters_wait_for_one_cause(known: dict[str, Any], line: str) -> None:
    assert told(clusters=waiting(), **known) == [line]
    (cause,) = found(clusters=waiting(), **known)
    hit = {one.name for one in cause.consequences if one.kind == "cluster"}
    assert hit == set(NAMES)


def test_a_crash_is_not_hidden_by_a_fault_of_the_same_file() -> None:
    crash = worker("discovery", "zk", "SIGSEGV", "waiting")
    assert told([BROKEN], [crash], clusters=waiting()) == [
        str(BROKEN),
        "discovery zk: SIGSEGV; 50 clusters wait for it",
    ]


@pytest.mark.parametrize(
    ("clusters", "line"),
    [
        ([lost("a")], "cluster a keeps its last known nodes"),
        ([lost("a"), lost("b")], "2 clusters keep their last known nodes"),
        ([lost("a", stage="drain")], "cluster a is drained"),
        ([lost("a", stage="fence"), lost("b", stage="fence")], "2 clusters are not served"),
        (
            [lost("a", stage="withhold")],
            "cluster a is not served: what is remembered of it is too old",
        ),
        (
            waiting(default_nodes=True),
            "50 clusters are served by their default nodes",
        ),
        (
            [lost("a"), lost("b", stage="drain")],
            "cluster a keeps its last known nodes; cluster b is drained",
        ),
    ],
)
def test_what_the_loss_of_a_source_does(clusters: list[ClusterStatus], line: str) -> None:
    assert told(workers=[ZK], clusters=clusters) == [f"discovery zk: suspended: refused; {line}"]


def test_a_cluster_waits_only_for_those_of_its_sources_that_are_known_to_be_away() -> None:
    both = [*waiting()[:1], cluster("b", ("zk", "etcd"), waits=True)]
    line = "discovery zk: suspended: refused; 2 clusters wait for it"
    assert told(workers=[ZK, worker("discovery", "etcd")], clusters=both) == [line]


def test_a_source_that_is_not_used_does_nothing_to_a_cluster() -> None:
    assert told(workers=[ZK], clusters=[lost("a", used=False)]) == [
        "discovery zk: suspended: refused"
    ]


def test_a_service_that_cannot_be_registered_follows_from_the_same_cause() -> None:
    one = [service(), service(port=81)]
    line = "discovery zk: suspended: refused; service web is not registered"
    assert told(workers=[ZK], services=one) == [line]
    others: list[dict[str, Any]] = [{"up": False}, {"up": None}, {"maintenance": {}}]
    for other in others:
        assert told(workers=[ZK], services=[service(**other)]) == [
            "discovery zk: suspended: refused"
        ]
    assert told(workers=[WELL], services=one) == []


def test_services_that_a_check_does_not_get_to_follow_from_its_worker() -> None:
    overdue = (CheckStatus(plugin="tcp", overdue=True, reason="no verdict for 9 s"),)
    unchecked = [service(name, up=None, checks=overdue) for name in ("web", "api")]
    line = "2 services are not checked"
    assert told(services=unchecked) == [f"check tcp: no verdict for 9 s; {line}"]
    killed = worker("check", "tcp", "SIGKILL", "waiting")
    assert told(workers=[killed], services=unchecked) == [f"check tcp: SIGKILL; {line}"]


def test_what_happens_to_many_clusters_is_one_line() -> None:
    held = [cluster(name, held_back=("n1:80", "n2:80")) for name in NAMES]
    assert told(clusters=held[:1]) == ["cluster c0: 2 vanished nodes are held back"]
    assert told(clusters=held) == [
        "50 clusters: vanished nodes are held back: c0, c1, c2 and 47 more"
    ]
    (cause,) = found(clusters=held)
    assert len(cause.consequences) == 50
    empty = RefusedStatus("lock", NO_RECORD, fault=False)
    assert told(clusters=[cluster("a", refused=(empty,))]) == []
    refused = [cluster("a", refused=(RefusedStatus("x", "no ip"), empty))]
    assert told(clusters=refused) == ["cluster a: 1 record is refused"]
    spare = [cluster("a", default_nodes=True), cluster("b", default_nodes=True)]
    text = "2 clusters: default nodes are served, since there is no other: a, b"
    assert told(clusters=spare) == [text]


def test_services_without_an_address_are_one_line() -> None:
    lines = told(services=[service("b", reason=NO_ADDRESS), service("a", reason=NO_ADDRESS)])
    assert lines == [f"a, b: not registered: {NO_ADDRESS}"]


def test_the_supervisors_own_problems_are_causes() -> None:
    assert told(own=("the disk is full",)) == ["the disk is full"]


def test_warnings_are_no_causes_and_what_is_well_is_none() -> None:
    warning = Fault("balancers/h.yaml", 1, 1, "deprecated", warning=True)
    assert found([warning], [WELL, worker("balancer", "h")], clusters=[cluster("a")]) == ()


@pytest.mark.parametrize(
    ("kind", "reason", "told_by_faults"),
    [
        ("degraded", "web: port taken", True),
        ("degraded", "web: port taken; api: no certificate; none at all", True),
        ("degraded", "web: port taken; api: no cert...", True),
        ("degraded", "web: port taken; the disk is full", False),
        ("degraded", "the disk is full", False),
        ("degraded", "", False),
        ("held", "web: port taken", False),
    ],
)
def test_a_worker_whose_reasons_are_faults_with_a_place_is_not_told_of_again(
    kind: Any, reason: str, told_by_faults: bool
) -> None:
    rejections = (
        Rejection((Problem(("port",), "port taken"),), cluster="web"),
        Rejection((Problem(("port",), "no certificate; none at all"),), cluster="api"),
    )
    applied = Applied(1, kind, 0.0, reason, rejections=rejections)
    assert is_told_by_faults(applied) is told_by_faults
    assert not is_told_by_faults(Applied(1, kind, 0.0, reason))


def test_a_balancer_whose_reasons_are_faults_is_told_of_by_them_alone() -> None:
    ill, fault = (
        worker("balancer", "h", "degraded: web: taken"),
        Fault("clusters/w", 1, 1, "taken"),
    )
    judged = Judged(told=[("balancer", "h")])
    assert told([fault], [ill], judged) == [str(fault)]
    assert told([], [ill], judged) == ["balancer h: degraded: web: taken"]
    assert told([fault], [ill]) == [str(fault), "balancer h: degraded: web: taken"]


def test_a_worker_is_concerned_by_itself_its_file_and_what_hits_it() -> None:
    (away,) = found(workers=[ZK], clusters=waiting())
    assert concerns(away, WELL)
    assert not concerns(away, worker("balancer", "zk"))
    (fault,) = found([Fault("balancers/h.yml", 1, 1, "unknown key")])
    assert concerns(fault, worker("balancer", "h"))
    assert not concerns(fault, worker("check", "h"))
    (missing,) = found(
        [Fault("services/a.yaml", 1, 1, "not there", about="check plugin tcp")],
        [worker("check", "tcp", "no plugin", "waiting")],
    )
    assert concerns(missing, worker("check", "tcp"))
