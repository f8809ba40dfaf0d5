"""What may take a worker's place, as far as that is known by what was said."""

import pytest

from lighthouse.ipc.messages import Applied, Validated
from lighthouse.schema import Problem, Rejection
from lighthouse.supervisor.pool.succession import newly_failing, newly_rejected

OWN = Rejection((Problem((), "colour is unknown"),))
WEB = Rejection((Problem((), "no port"),), cluster="web")
TOLD = "apply_config: KeyError: 7 (own 1.0)"


def applied(kind: str = "applied", reason: str = "", *rejections: Rejection) -> Applied:
    return Applied(1, kind, 1.0, reason, rejections=rejections)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "before", "told"),
    [
        ((), applied(), ""),
        ((OWN,), applied(), "it rejects its own file: colour is unknown"),
        ((OWN,), None, "it rejects its own file: colour is unknown"),
        ((OWN,), applied("failed", "", OWN), ""),
        ((OWN, WEB), applied("failed", "", OWN), "its section of the cluster web: no port"),
        ((WEB, OWN), applied(), "the cluster web (and 1 more): no port"),
    ],
    ids=["nothing", "own", "unknown", "rejected-before", "another", "several"],
)
def test_what_was_accepted_before_must_not_be_rejected(
    said: tuple[Rejection, ...], before: Applied | None, told: str
) -> None:
    found = newly_rejected(Validated(said), before)
    assert found.endswith(told)
    assert bool(found) == bool(told)


@pytest.mark.parametrize(
    ("reason", "before", "told"),
    [
        ("", applied(), ""),
        (TOLD, applied(), TOLD),
        (TOLD, None, TOLD),
        (TOLD, applied("failed", "sync_file: OSError: no space"), TOLD),
        (TOLD, applied("failed", "apply_config: TypeError: no"), ""),
    ],
    ids=["takes", "fails", "unknown", "other-trouble", "fails-as-before"],
)
def test_a_config_must_be_taken_unless_the_old_one_cannot_either(
    reason: str, before: Applied | None, told: str
) -> None:
    assert newly_failing(Validated(reason=reason), before) == told
