"""What a balancer passes on of what its software says, made fit to be told."""

from collections.abc import Callable, Iterable

import msgspec

from lighthouse.balancer import Finding, Withheld
from lighthouse.schema import Problem, Rejection
from lighthouse.workers.limits import one_line
from lighthouse.workers.validation import tidy


def admit(said: object, has_section: Callable[[str], bool]) -> tuple[Finding, ...]:
    """A plugin's findings as they may be passed on; raises ``TypeError`` for what are none.

    What is said of a cluster that has no section is kept, as said of the plugin's own file.
    """
    if not isinstance(said, tuple | list):
        raise TypeError(f"findings are a {type(said).__name__}, expected a tuple")
    return tuple([_admit(finding, has_section) for finding in said])


def admit_withheld(said: object) -> tuple[Withheld, ...]:
    """The nodes that a plugin keeps traffic from; raises ``TypeError`` for what are none."""
    if not said and isinstance(said, tuple | list):
        return ()
    try:
        found = msgspec.convert(msgspec.to_builtins(said), tuple[Withheld, ...])
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"expected a list of Withheld: {error}") from error
    return tuple([msgspec.structs.replace(w, reason=one_line(w.reason)) for w in found])


def merge(
    rejections: Iterable[Rejection], findings: Iterable[Finding], warning: bool
) -> tuple[Rejection, ...]:
    """The rejections and the findings of one kind: one ``Rejection`` for each config."""
    problems = {rejection.cluster: [*rejection.problems] for rejection in rejections}
    for finding in findings:
        if finding.warning == warning:
            problem = Problem(finding.path, finding.message)
            problems.setdefault(finding.cluster, []).append(problem)
    return tuple([Rejection(tuple(found), cluster) for cluster, found in problems.items()])


def _admit(finding: object, has_section: Callable[[str], bool]) -> Finding:
    if not isinstance(finding, Finding):
        raise TypeError(f"a finding is a {type(finding).__name__}, expected a Finding")
    if not isinstance(finding.path, tuple | list):
        raise TypeError(f"a finding's path is a {type(finding.path).__name__}, expected a tuple")
    problem, cluster = tidy(Problem(tuple(finding.path), finding.message)), finding.cluster
    if cluster is None or (isinstance(cluster, str) and has_section(cluster)):
        return Finding(problem.path, problem.message, cluster, bool(finding.warning))
    message = one_line(f"cluster {cluster}: {problem.message}")
    return Finding((), message, None, bool(finding.warning))
