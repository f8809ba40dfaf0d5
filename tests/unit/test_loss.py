"""What becomes of the nodes of a source that is away, and when."""

import pytest

from lighthouse.config.schema.policy import Loss
from lighthouse.membership.loss import Away, due, stage

KEEP, DRAIN, FENCE = Loss(), Loss("drain", 60.0), Loss("fence", 30.0)
STAGES = [
    # the rule; away since, first asked; now; the stage
    (KEEP, (100.0, 0.0), 9999.0, "keep"),
    (DRAIN, None, 9999.0, "keep"),
    (DRAIN, (100.0, 0.0), 159.9, "keep"),
    (DRAIN, (100.0, 0.0), 160.0, "drain"),
    (FENCE, (100.0, 0.0), 130.0, "fence"),
    (Loss("fence", 0.0), (100.0, 0.0), 100.0, "fence"),
    # remembered from an earlier run: the age counts, but the source may answer first
    (FENCE, (-10.0, 0.0), 0.0, "keep"),
    (FENCE, (-10.0, 0.0), 20.0, "fence"),
    (FENCE, (-27.0, 0.0), 3.0, "withhold"),
    (FENCE, (-999.0, 0.0), 0.0, "withhold"),
    (FENCE, (-999.0, 0.0), 4.9, "withhold"),
    (FENCE, (-999.0, 0.0), 5.0, "fence"),
    (DRAIN, (-999.0, 0.0), 5.0, "drain"),
    (KEEP, (-999.0, 0.0), 5.0, "keep"),
    (Loss("fence", 0.0), (0.0, 0.0), 0.0, "withhold"),
]


@pytest.mark.parametrize(("rule", "away", "now", "expected"), STAGES)
def test_stages(rule: Loss, away: tuple[float, float] | None, now: float, expected: str) -> None:
    assert stage(rule, Away(*away) if away else None, now) == expected


@pytest.mark.parametrize("rule", [KEEP, DRAIN, FENCE, Loss("fence", 0.0)])
@pytest.mark.parametrize("away", [(100.0, 0.0), (-10.0, 0.0), (-27.0, 0.0), (-999.0, 0.0)])
def test_every_change_of_stage_is_due(rule: Loss, away: tuple[float, float]) -> None:
    moment, moments = 0.0 if away[0] < 0 else away[0], []
    while (following := due(rule, Away(*away), moment)) is not None:
        assert following > moment
        moment = following
        moments.append(moment)
    before = stage(rule, Away(*away), 0.0 if away[0] < 0 else away[0])
    for step in range(4000):
        now = (0.0 if away[0] < 0 else away[0]) + step / 20
        current = stage(rule, Away(*away), now)
        if current != before:
            assert any(now - 0.06 < due_at <= now for due_at in moments)
        before = current
