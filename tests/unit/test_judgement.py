"""What becomes of configs by what their workers say of them, at first and again."""

from typing import Any

import msgspec
import pytest

from lighthouse.config.schema.policy import Policy
from lighthouse.config.schema.types import ClusterFile, Config, PluginFile, WorkerSettings
from lighthouse.discovery import Reading
from lighthouse.ipc.messages import Applied
from lighthouse.ipc.snapshot import BalancerSnapshot
from lighthouse.membership.source import SourceReading
from lighthouse.node import Node
from lighthouse.registration.identity import HostIdentity
from lighthouse.schema import Problem, Rejection
from lighthouse.supervisor.plan import plan
from lighthouse.supervisor.state import State

OWN = ("balancer", "haproxy")
WEB, API = (*OWN, "web"), (*OWN, "api")
TAKEN = Problem(("port",), "taken")
ODD = Problem((), "odd")


def configured(**sections: Any) -> Config:
    settings = WorkerSettings()
    own = PluginFile("haproxy", "haproxy", settings, sections.pop("own", {"x": 1}), "b.yaml")
    clusters = {
        name: ClusterFile(name, ("files",), None, Policy(), {"haproxy": content}, f"{name}.yaml")
        for name, content in sections.items()
    }
    files = PluginFile("files", "file", settings, {}, "discovery/files.yaml")
    return Config(balancers={"haproxy": own}, discovery={"files": files}, clusters=clusters)


@pytest.fixture
def state() -> State:
    state = State(Config(), HostIdentity("here", "10.0.0.1"), {})
    state.configure(configured(web={"port": 1}, api={"port": 2}), 0.0)
    return state


def sent(state: State) -> BalancerSnapshot:
    snapshot = plan(state)[OWN].snapshot
    assert isinstance(snapshot, BalancerSnapshot)
    return snapshot


def says(
    *rejections: Any, warnings: Any = (), left_out: int = 0, kind: Any = "applied"
) -> Applied:
    return Applied(1, kind, 0.0, "", "", rejections, {}, warnings, left_out)


def of(cluster: str | None, *problems: Any) -> Rejection:
    return Rejection(problems or (TAKEN,), cluster=cluster)


def rejected(
    state: State,
) -> Any:
    return {key: entry.problems for key, entry in state.verdicts if entry.passed is False}


def accepted(state: State) -> dict[str, dict[str, int]]:
    return {key[-1]: content for key, content in state.verdicts.accepted().items()}


JUDGED = [
    # what a worker says one time after the other, what is rejected then, what is accepted
    ([says()], set(), {"haproxy", "web", "api"}),
    ([says(of("web"))], {WEB}, {"haproxy", "api"}),
    ([says(of(None))], {OWN}, {"web", "api"}),
    ([says(of("web")), says()], set(), {"haproxy", "web", "api"}),
    ([says(), says(of("web"))], {WEB}, {"haproxy", "web", "api"}),
    ([says(of("web")), says(of("api"))], {API}, {"haproxy", "web", "api"}),
    ([says(of("web")), says(), says(of("web"))], {WEB}, {"haproxy", "web", "api"}),
    ([says(warnings=(of("web"),))], set(), {"haproxy", "web", "api"}),
    ([says(of("nowhere"))], set(), {"haproxy", "web", "api"}),
    ([says(of("web"), left_out=3)], {WEB}, set()),
    ([says(of("web")), says(of("api"), left_out=1)], {WEB, API}, {"haproxy", "api"}),
]


HELD = [
    ([says(of("web"), kind="held")], {WEB}, set()),
    ([says(of("web"), kind="held"), says()], set(), {"haproxy", "web", "api"}),
    ([says(), says(of("api"), kind="held")], {API}, {"haproxy", "web", "api"}),
    ([says(kind="degraded")], set(), {"haproxy", "web", "api"}),
]


@pytest.mark.parametrize(("said", "refused", "passed"), [*JUDGED, *HELD])
def test_the_newest_word_of_a_worker_counts(
    state: State,
    said: list[Applied],
    refused: Any,
    passed: set[str],
) -> None:
    for message in said:
        assert state.judge(OWN, sent(state), message)
    assert rejected(state).keys() == refused
    assert accepted(state).keys() == passed


def test_what_is_held_back_is_not_accepted_yet(state: State) -> None:
    state.judge(OWN, sent(state), says(of("web")))
    state.configure(configured(web={"port": 1}, api={"port": 3}), 1.0)
    assert not state.judge(OWN, sent(state), says(kind="held"))
    assert (rejected(state), accepted(state)["api"]) == ({WEB: (TAKEN,)}, {"port": 2})
    assert state.judge(OWN, sent(state), says())
    assert (rejected(state), accepted(state)["api"]) == ({}, {"port": 3})


def test_a_worker_that_repeats_itself_is_no_news(state: State) -> None:
    for message in (says(), says(of("web")), says(warnings=(of("web", ODD),)), says(left_out=1)):
        state.judge(OWN, sent(state), message)
        again = msgspec.msgpack.decode(msgspec.msgpack.encode(message), type=Applied)
        state.observe(
            "files", "web", SourceReading(Reading((Node("a", "10.0.0.1", 1),)), 0.0), 0.0
        )
        assert not state.judge(OWN, sent(state), again)


def test_the_accepted_content_stays_while_the_newest_is_rejected(state: State) -> None:
    state.judge(OWN, sent(state), says())
    state.configure(configured(web={"port": 3}, api={"port": 2}), 1.0)
    state.judge(OWN, sent(state), says(of("web")))
    assert accepted(state)["web"] == {"port": 1}
    assert state.judge(OWN, sent(state), says())
    assert accepted(state)["web"] == {"port": 3}
    state.judge(OWN, sent(state), says(of("web")))
    assert accepted(state)["web"] == {"port": 3}


def test_a_verdict_is_about_what_was_sent(state: State) -> None:
    before = sent(state)
    state.judge(OWN, before, says(of("web")))
    changed = configured(web={"port": 3}, api={"port": 2}, own={"x": 2}, new={"port": 4})
    state.configure(changed, 1.0)
    assert rejected(state) == {}
    assert state.judge(OWN, before, says(of("web"), of("api"), of(None)))
    assert rejected(state) == {API: (TAKEN,)}
    assert state.judge(OWN, sent(state), says(of("web"), of("api"), of(None)))
    assert rejected(state).keys() == {OWN, WEB, API}
    assert accepted(state) == {"haproxy": {"x": 1}, "api": {"port": 2}, "new": {"port": 4}}


def test_a_node_that_came_meanwhile_makes_a_verdict_no_older(state: State) -> None:
    before = sent(state)
    state.observe("files", "web", SourceReading(Reading((Node("a", "10.0.0.1", 1),)), 0.0), 0.0)
    assert state.judge(OWN, before, says(of("web")))
    assert rejected(state) == {WEB: (TAKEN,)}


def test_a_content_that_comes_back_is_judged_anew(state: State) -> None:
    state.judge(OWN, sent(state), says(of("web")))
    state.configure(configured(api={"port": 2}), 1.0)
    assert rejected(state) == {}
    state.configure(configured(web={"port": 1}, api={"port": 2}), 2.0)
    assert state.judge(OWN, sent(state), says(of("web")))
    assert rejected(state) == {WEB: (TAKEN,)}


def test_errors_and_warnings_of_one_content_are_kept_apart(state: State) -> None:
    state.judge(OWN, sent(state), says(of("web"), warnings=(of("web", ODD), of(None, ODD))))
    entries = dict(state.verdicts)
    assert (entries[WEB].problems, entries[WEB].warnings) == ((TAKEN,), (ODD,))
    assert (entries[OWN].passed, entries[OWN].warnings) == (True, (ODD,))


def test_what_a_discovery_says_of_services_is_news_and_not_held_against_itself(
    state: State,
) -> None:
    name = ("discovery", "files")
    snapshot = plan(state)[name].snapshot
    about = Rejection((ODD,), service="app")
    assert state.judge(name, snapshot, says(about))
    assert not state.judge(name, snapshot, says(about))
    assert name not in rejected(state)
    assert state.judge(name, snapshot, says())
    assert state.judge(name, snapshot, says(about, Rejection((TAKEN,))))
    assert rejected(state)[name] == (TAKEN,)
    state.configure(state.config, 1.0)  # a file that was removed may be back
    assert state.judge(name, snapshot, says(about, Rejection((TAKEN,))))
