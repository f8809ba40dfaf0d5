"""A fault at run time names whose code it was and what to do next."""

from collections.abc import Callable

import pytest

from lighthouse.supervisor.pool.life.fault import broken, ended, exceeded

SOURCE = "marks 1.0, entry point marks = of_marks in lighthouse.balancers"


@pytest.mark.parametrize(
    ("told", "start", "remedy"),
    [
        (exceeded("took 9 MiB: killed", SOURCE), "took 9 MiB: killed", "raise this budget"),
        (broken("sent what is no message", SOURCE), "sent what is no message", "author"),
        (ended("exited with status 3", SOURCE), "exited with status 3", "logged last"),
        (ended("killed by SIGSEGV", SOURCE), "killed by SIGSEGV", "logged last"),
        (ended("killed by SIGKILL", SOURCE), "killed by SIGKILL", "because memory ran out"),
    ],
    ids=["budget", "channel", "exit", "signal", "memory"],
)
def test_a_fault_names_its_source_and_a_remedy(told: str, start: str, remedy: str) -> None:
    assert told.startswith(f"{start} ({SOURCE}); ")
    assert remedy in told.partition("); ")[2]


@pytest.mark.parametrize("words", [exceeded, broken, ended])
def test_a_fault_of_what_comes_with_lighthouse_has_no_tail(
    words: Callable[[str, str], str],
) -> None:
    assert words("killed by SIGKILL", "") == "killed by SIGKILL"
