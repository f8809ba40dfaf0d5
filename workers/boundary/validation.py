"""What a plugin or its software makes of a config: what is in force, and what is wrong with it."""

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from lighthouse.balancer import Finding, Withheld
from lighthouse.ipc.snapshot import PluginSettings
from lighthouse.schema import Invalid, Problem, Rejection, with_value
from lighthouse.secret import hide_plain
from lighthouse.workers.boundary import place
from lighthouse.workers.boundary.conduct import Conduct
from lighthouse.workers.boundary.limits import REASON, one_line, shown
from lighthouse.workers.boundary.plugin_call import PluginError, call, hosted

ValidateConfig = Callable[[Mapping[str, Any]], None]

_WITHHELD: Final = "lighthouse.balancer.Withheld(cluster, reason, ((ip, port), ...))"
_MOST_PROBLEMS = 50
_DEEPEST = 20


class ConfigVerdict(msgspec.Struct, frozen=True):
    """The content in force (None: there is none), and the rejection of the newest one.

    ``traceback`` is that of a validation that raised something else than ``ValueError``.
    """

    config: dict[str, Any] | None
    rejection: Rejection | None = None
    traceback: str = ""

    @property
    def reason(self) -> str:
        """What is wrong with the newest content, on one line; empty if nothing is."""
        return "" if self.rejection is None else explain(self.rejection)


def judge(
    validate: ValidateConfig,
    settings: PluginSettings,
    cluster: str | None = None,
    conduct: Conduct | None = None,
) -> ConfigVerdict:
    """The newest content if the plugin lets it pass, else the one that it accepted last."""
    faults, traceback = validated(validate, settings.config, conduct)
    if not faults:
        return ConfigVerdict(settings.config)
    return ConfigVerdict(settings.accepted, Rejection(faults, cluster=cluster), traceback)


def rejudge(
    before: PluginSettings, verdict: ConfigVerdict, now: PluginSettings
) -> ConfigVerdict | None:
    """The earlier verdict if it holds for these settings too; None if they are to be judged."""
    same = before.config == now.config
    return verdict if same and (not verdict.rejection or before.accepted == now.accepted) else None


def problems(
    validate: ValidateConfig, config: Mapping[str, Any], conduct: Conduct | None = None
) -> tuple[Problem, ...]:
    """Everything that the plugin finds wrong with a config, of which it is given a copy."""
    return validated(validate, config, conduct)[0]


def validated(
    validate: ValidateConfig, config: Mapping[str, Any], conduct: Conduct | None = None
) -> tuple[tuple[Problem, ...], str]:
    """The same, and the traceback of what it raised, if that is no ``ValueError`` with a reason.

    Whatever it raises is a rejection, so that a fault of the validation itself costs no more
    than a fault of the config would.
    """
    method = getattr(validate, "__name__", "validation")
    try:
        hide_plain(config)
        returned: object = call(method, validate, copy.deepcopy(config))
    except PluginError as failure:
        error = failure.error
        if isinstance(error, Invalid) and error.problems:
            found = error.problems[:_MOST_PROBLEMS]
            return tuple(with_value(tidy(problem), config) for problem in found), ""
        if isinstance(error, ValueError) and str(error):
            return (Problem((), one_line(str(error))),), ""
        what = failure.what if str(error) else f"{failure.what} without a reason"
        told = f"its validation failed: {what}; {_remedy(error)}"
        told = hosted.located(told, failure.place)
        return (Problem((), one_line(told, 2 * REASON)),), failure.traceback
    if conduct is not None and returned is None:
        conduct.keeps(method)
    elif conduct is not None:
        told = f"{method} returned {shown(returned)}, which rejects nothing: the config is taken"
        remedy = "raise ValueError for what is wrong with a config, and return nothing"
        conduct.breaks(method, told, remedy, place.of_function(validate), warning=True)
    return (), ""


def _remedy(error: BaseException) -> str:
    """What an author does about a validation that raised something else than a reason."""
    by = "raise ValueError with what is wrong, or use lighthouse.schema.convert"
    if isinstance(error, KeyError):
        return f"it reads a key that it has not looked for: {by}"
    return by


def explain(rejection: Rejection) -> str:
    """A rejection's problems on one line."""
    lines = []
    for problem in rejection.problems:
        place = ".".join(str(step) for step in problem.path)
        lines.append(f"{place}: {problem.message}" if place else problem.message)
    return one_line("; ".join(lines), 2 * REASON)


def tidy(problem: Problem) -> Problem:
    """A problem as it may be encoded, whatever a plugin put into it."""
    path = tuple([_step(step) for step in problem.path[:_DEEPEST]])
    return Problem(path, one_line(str(problem.message)))


def _step(step: object) -> str | int:
    return step if type(step) is int and abs(step) < 2**31 else one_line(str(step), 100)


def admit_findings(said: object, has_section: Callable[[str], bool]) -> tuple[Finding, ...]:
    """A plugin's findings as they may be passed on; raises ``TypeError`` for what are none.

    What is said of a cluster that has no section is kept, as said of the plugin's own file.
    """
    if not isinstance(said, tuple | list):
        raise TypeError(
            f"findings are {shown(said)}, of the type {type(said).__name__}; expected a tuple of "
            "lighthouse.balancer.Finding, () for none"
        )
    return tuple([_admit_finding(finding, has_section) for finding in said])


def admit_withheld(said: object) -> tuple[Withheld, ...]:
    """The nodes that a plugin keeps traffic from; raises ``TypeError`` for what are none."""
    if not isinstance(said, tuple | list):
        raise TypeError(
            f"it returned {shown(said)}, of the type {type(said).__name__}; expected a list, [] "
            f"for none, of {_WITHHELD}"
        )
    return tuple([_admit_one(one) for one in said])


def _admit_one(one: object) -> Withheld:
    if not isinstance(one, Withheld):
        raise TypeError(f"its list holds {shown(one)}, expected {_WITHHELD}")
    try:
        found = msgspec.convert(msgspec.to_builtins(one), Withheld)
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"{shown(one)} is none as expected, {_WITHHELD}: {error}") from error
    return msgspec.structs.replace(found, reason=one_line(found.reason))


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


def _admit_finding(finding: object, has_section: Callable[[str], bool]) -> Finding:
    if not isinstance(finding, Finding):
        raise TypeError(
            f"a finding is {shown(finding)}, expected lighthouse.balancer.Finding(path, message)"
        )
    if not isinstance(finding.path, tuple | list):
        raise TypeError(
            f"a finding's path is {shown(finding.path)}, expected the keys that lead to the "
            "place, as ('port',)"
        )
    problem, cluster = tidy(Problem(tuple(finding.path), finding.message)), finding.cluster
    if cluster is None or (isinstance(cluster, str) and has_section(cluster)):
        return Finding(problem.path, problem.message, cluster, bool(finding.warning))
    message = one_line(f"cluster {cluster}: {problem.message}")
    return Finding((), message, None, bool(finding.warning))
