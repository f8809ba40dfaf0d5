"""Every fault of the configuration: the supervisor's own findings and the plugins'."""

from collections.abc import Iterable, Iterator

from lighthouse.config.fault import Fault
from lighthouse.config.tree import Tree
from lighthouse.messages import Problem
from lighthouse.supervisor.child import Child
from lighthouse.supervisor.ledger import Key
from lighthouse.supervisor.state import State, section_name


def faults(state: State, tree: Tree, crew: Iterable[Child]) -> list[Fault]:
    """All faults and warnings, sorted by their place."""
    crew = list(crew)
    found = {
        *tree.faults,
        *_judged(state, tree),
        *_left_out(state, crew),
        *_refused_checks(state, tree, crew),
    }
    return sorted(found)


def located(
    tree: Tree,
    file: str,
    prefix: tuple[str | int, ...],
    problems: Iterable[Problem],
    warning: bool = False,
) -> Iterator[Fault]:
    """A plugin's problems as faults of the file whose content they are about."""
    for problem in problems:
        path = (*prefix, *problem.path)
        where = ".".join(map(str, path))
        message = f"{where}: {problem.message}" if where else problem.message
        yield Fault(file, *tree.locate(file, path), message, warning)


def _judged(state: State, tree: Tree) -> Iterator[Fault]:
    for key, entry in state.ledger:
        if entry.problems or entry.warnings:
            file, prefix = _place(state, key)
            yield from located(tree, file, prefix, entry.problems)
            yield from located(tree, file, prefix, entry.warnings, warning=True)


def _left_out(state: State, crew: Iterable[Child]) -> Iterator[Fault]:
    for child in crew:
        left_out = child.applied.left_out if child.applied is not None else 0
        if left_out and child.name in state.ledger:
            file, _ = _place(state, child.name)
            message = f"{left_out} more faults in what {child.name[1]} was given are not shown"
            yield Fault(file, 1, 1, message)


def _place(state: State, key: Key) -> tuple[str, tuple[str | int, ...]]:
    """The file of a content, and the keys that lead to it there."""
    config = state.config
    if len(key) == 3:
        cluster = config.clusters[key[2]]
        return cluster.file, (section_name(cluster, config.balancers[key[1]]),)
    files = config.balancers if key[0] == "balancer" else config.discovery
    return files[key[1]].file, ()


def _refused_checks(state: State, tree: Tree, crew: Iterable[Child]) -> Iterator[Fault]:
    for child in crew:
        if child.name[0] != "check" or child.applied is None:
            continue
        for rejection in child.applied.rejections:
            service = state.config.services.get(rejection.service or "")
            if service is not None:
                prefix = ("checks", child.name[1])
                yield from located(tree, service.file, prefix, rejection.problems)
