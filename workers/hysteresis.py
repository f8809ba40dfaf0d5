"""Rise and fall: how many results in a row it takes to change a verdict."""

import msgspec


class Streak(msgspec.Struct, frozen=True):
    """A verdict so far (None: not decided) and the newest results in a row.

    ``streak`` counts consecutive passes upwards from 0 and consecutive failures downwards.
    """

    passing: bool | None = None
    streak: int = 0


def step(standing: Streak, passed: bool, rise: int, fall: int) -> Streak:
    """The standing after one more result."""
    streak = max(standing.streak, 0) + 1 if passed else min(standing.streak, 0) - 1
    passing = standing.passing
    if streak >= max(rise, 1):
        passing = True
    elif -streak >= max(fall, 1):
        passing = False
    return Streak(passing, streak)
