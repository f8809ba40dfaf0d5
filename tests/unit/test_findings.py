"""What a balancer may say that its software says, and what is passed on of it."""

from typing import Any

import pytest

from lighthouse.balancer import Finding
from lighthouse.ipc.messages import encode
from lighthouse.schema import Problem, Rejection
from lighthouse.workers.boundary.validation import admit_findings, merge


def sectioned(name: str) -> bool:
    return name == "web"


ADMITTED = [
    (Finding(("a", 0), "x\ny", "web", True), Finding(("a", 0), "x y", "web", True)),
    (Finding(("a", 2**80, None), 7), Finding(("a", str(2**80), "None"), "7")),  # type: ignore[arg-type]
    (Finding(("a",), "odd", "elsewhere"), Finding((), "cluster elsewhere: odd")),
    (Finding(("a",), "odd", 7), Finding((), "cluster 7: odd")),  # type: ignore[arg-type]
    (Finding(["a"], "odd", None, 1), Finding(("a",), "odd", None, True)),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("said", "admitted"), ADMITTED)
def test_a_finding_is_made_fit_to_be_told(said: Finding, admitted: Finding) -> None:
    assert admit_findings([said], sectioned) == (admitted,)
    encode(admit_findings([said], sectioned))


@pytest.mark.parametrize("odd", [7, {"x"}, [None], ["x"], [Finding("port", "x")]])  # type: ignore[arg-type]
def test_what_is_no_finding_is_an_error(odd: Any) -> None:
    with pytest.raises(TypeError, match=r"expected (a|the|lighthouse)"):
        admit_findings(odd, sectioned)


def test_findings_join_what_validation_rejects() -> None:
    own, web, api = Problem((), "own"), Problem(("port",), "taken"), Problem((), "odd")
    findings = [
        Finding(("port",), "taken", "web"),
        Finding((), "own"),
        Finding((), "odd", "api", warning=True),
    ]
    rejections = [Rejection((api,), cluster="web")]
    assert merge(rejections, findings, False) == (
        Rejection((api, web), cluster="web"),
        Rejection((own,)),
    )
    assert merge((), findings, True) == (Rejection((api,), cluster="api"),)
