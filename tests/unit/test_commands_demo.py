"""Which failed requests the demonstration may excuse."""

import pytest

from lighthouse.demo.losses import Kill, kill_behind
from lighthouse.demo.traffic import FailedRequest

KILL = Kill("web on port 1", frozenset({"s1"}), at=10.0, dropped=10.5)


@pytest.mark.parametrize(
    ("sent", "ended", "server", "excused"),
    [
        (9.99, 10.001, "s1", True),
        (10.2, 10.21, "s1", True),
        (10.2, 10.21, "s2", False),
        (9.0, 9.1, "s1", False),
        (11.0, 11.1, "s1", False),
        (9.99, 10.01, "", True),
        (10.3, 10.31, "", False),
        (9.0, 9.1, "", False),
    ],
)
def test_only_requests_to_the_killed_are_excused(
    sent: float, ended: float, server: str, excused: bool
) -> None:
    failure = FailedRequest(sent, ended, server, "status 502")
    assert (kill_behind(failure, [KILL]) is KILL) is excused


def test_each_of_several_kills_counts() -> None:
    later = Kill("web on port 1", frozenset({"s1"}), at=20.0, dropped=20.5)
    assert kill_behind(FailedRequest(19.99, 20.01, "s1", "status 502"), [KILL, later]) is later
