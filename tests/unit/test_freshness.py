"""How old verdicts grow, what is made of old ones, and what counts as a sign of life."""

import pytest

from lighthouse.config.schema.types import CheckFile, Config, ServiceFile
from lighthouse.daemon.causes import words
from lighthouse.registration.freshness import SLACK, VerdictAge, age
from lighthouse.registration.identity import HostIdentity
from lighthouse.registration.published import Published, PublishedNode
from lighthouse.service import Performed, Service, Verdict
from lighthouse.supervisor.answers.causes import Judged, causes
from lighthouse.supervisor.answers.service_status import provided
from lighthouse.supervisor.plan import plan
from lighthouse.supervisor.state import State
from tests.unit.test_plan import FILES

CHECK = CheckFile("http", interval=2.0, timeout=1.0)
FRESH = 3 * 2.0 + 1.0 + SLACK  # 12
SLOW = CheckFile("http", interval=300.0, timeout=10.0)


@pytest.mark.parametrize(
    ("check", "policy", "seconds", "expected"),
    [
        (CHECK, 60.0, 0.0, VerdictAge(0.0, False, 60.0)),
        (CHECK, 60.0, FRESH - 1, VerdictAge(FRESH - 1, False, 60.0 - FRESH + 1)),
        (CHECK, 60.0, FRESH, VerdictAge(FRESH, True, 60.0 - FRESH)),
        (CHECK, 60.0, 60.0, VerdictAge(60.0, True, 0.0)),
        (CHECK, 0.0, FRESH - 1, VerdictAge(FRESH - 1, False, 1.0)),
        (CHECK, 0.0, FRESH, VerdictAge(FRESH, True, 0.0)),
        (CHECK, None, 1e6, VerdictAge(1e6, True, None)),
        (SLOW, 60.0, 600.0, VerdictAge(600.0, False, 315.0)),
        (CHECK, 60.0, -1.0, VerdictAge(0.0, False, 61.0)),
    ],
)
def test_the_age_of_a_verdict(
    check: CheckFile, policy: float | None, seconds: float, expected: VerdictAge
) -> None:
    assert age(check, policy, 1000.0, 1000.0 + seconds) == expected


def _service(*checks: CheckFile, on_check_loss: float | None = 60.0) -> ServiceFile:
    return ServiceFile(
        name="web",
        host="127.0.0.1",
        ports=(80,),
        discovery=("files",),
        advertise=None,
        weight=1,
        metadata={},
        checks=checks or (CHECK,),
        file="services/web.yaml",
        on_check_loss=on_check_loss,
    )


def _state(service: ServiceFile, now: float = 1000.0) -> State:
    state = State(Config(), HostIdentity("here", "10.0.0.1"), {})
    state.configure(Config(discovery={"files": FILES}, services={"web": service}), now)
    return state


def _passes(state: State, at: float, passing: bool | None = True, plugin: str = "http") -> None:
    state.services.checks.verdict(plugin, Verdict("web", 80, passing, performed_at=at), at)


def _look(state: State, now: float) -> tuple[int, int]:
    """How many services the discovery is told to register and to remove by then."""
    state.services.checks.age(state.config.services, now)
    state.services.settle(state.config, now)
    snapshot = plan(state)["discovery", "files"].snapshot
    return len(snapshot.up), len(snapshot.down)


def test_a_service_whose_check_is_gone_is_deregistered_and_comes_back_with_a_verdict() -> None:
    state = _state(_service())
    _passes(state, 1001.0)
    assert _look(state, 1002.0) == (1, 0)
    assert state.services.next_due(state.config, 1002.0) == pytest.approx(1061.0)
    assert _look(state, 1060.0) == (1, 0)
    assert _look(state, 1061.0) == (0, 1)
    assert state.services.checks.age(state.config.services, 1070.0) == []
    _passes(state, 1080.0)
    assert _look(state, 1080.0) == (1, 0)


def test_a_result_without_a_changed_verdict_is_a_sign_of_life() -> None:
    state = _state(_service())
    _passes(state, 1001.0)
    assert not state.services.checks.probed("http", [Performed("web", 80, 1050.0)])
    assert _look(state, 1100.0) == (1, 0)
    assert _look(state, 1110.0) == (0, 1)
    assert not state.services.checks.probed("http", [Performed("web", 80, 1050.0)])
    assert state.services.checks.probed("http", [Performed("web", 80, 1111.0)])
    assert _look(state, 1111.0) == (1, 0)


def test_what_a_new_worker_says_before_it_has_looked_is_no_sign_of_life() -> None:
    state = _state(_service())
    _passes(state, 1001.0)
    state.services.checks.verdict(
        "http", Verdict("web", 80, True, "not checked yet", {}), wall=1050.0
    )
    assert _look(state, 1061.0) == (0, 1)
    verdict = state.services.checks.get(("http", "web", 80)).verdict
    assert verdict is not None
    assert verdict.reason == ""


def test_keep_leaves_it_registered_for_ever() -> None:
    state = _state(_service(on_check_loss=None))
    _passes(state, 1001.0)
    assert _look(state, 1e6) == (1, 0)
    assert state.services.next_due(state.config, 1e6) is None


def test_what_an_earlier_run_registered_goes_if_there_is_never_a_verdict() -> None:
    state = _state(_service())
    node = state.services.service("web", state.config.services["web"], 80)
    assert isinstance(node, Service)
    state.services.published = Published([PublishedNode("files", node)])
    assert _look(state, 1059.0) == (0, 0)
    assert _look(state, 1060.0) == (0, 1)


def test_one_lost_check_of_two_suffices() -> None:
    state = _state(_service(CHECK, CheckFile("tcp")))
    _passes(state, 1001.0)
    _passes(state, 1001.0, plugin="tcp")
    state.services.checks.probed("http", [Performed("web", 80, 1060.0)])
    assert _look(state, 1062.0) == (0, 1)


def test_time_in_which_the_supervisor_did_not_run_makes_nothing_older() -> None:
    state = _state(_service())
    _passes(state, 1001.0)
    state.services.checks.excuse(500.0, 1510.0)
    assert _look(state, 1560.0) == (1, 0)
    assert _look(state, 1561.0) == (0, 1)


def test_status_says_since_when_nothing_is_known_and_what_comes_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = _state(_service())
    _passes(state, 1001.0)
    _look(state, 1002.0)
    monkeypatch.setattr("time.monotonic", lambda: 1021.0)
    (service,) = provided(state)
    (check,) = service.checks
    assert (service.up, check.passing, check.overdue) == (None, None, True)
    assert check.reason == (
        "no verdict for 20 s (it passed then): "
        "the service counts as down in 40 s unless there is one"
    )
    (cause,) = causes([], [], Judged(), [], [service], [])
    assert words(cause) == f"check http: {check.reason}; service web is not checked"
    _look(state, 1061.0)
    monkeypatch.setattr("time.monotonic", lambda: 1076.0)
    (service,) = provided(state)
    assert service.up is False
    assert service.checks[0].reason.endswith(": the service counts as down")


def test_the_last_result_and_the_last_change_are_two_figures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = _state(_service())
    _passes(state, 1001.0)
    state.services.checks.probed("http", [Performed("web", 80, 1050.0)])
    monkeypatch.setattr("time.monotonic", lambda: 1052.0)
    monkeypatch.setattr("time.time", lambda: 5000.0)
    (check,) = provided(state)[0].checks
    assert (check.passing, check.checked_at, check.changed_at) == (True, 4998.0, 1001.0)
