"""Every fault of the configuration: the supervisor's own findings and the plugins'."""

from collections.abc import Iterable, Iterator

from lighthouse.config.fault import Fault
from lighthouse.config.tree import Tree
from lighthouse.messages import Problem
from lighthouse.supervisor.child import Child
from lighthouse.supervisor.ledger import Key
from lighthouse.supervisor.state import State, section_name


def faults(state: State, tree: Tree, crew: Iterable[Child]) -> list[Fault]:
    """All faults, sorted by their place."""
    found = [*tree.faults, *_rejected(state, tree), *_refused_checks(state, tree, crew)]
    return sorted(set(found), key=lambda fault: (fault.file, fault.line, fault.column))


def _rejected(state: State, tree: Tree) -> Iterator[Fault]:
    for key, entry in state.ledger.rejected():
        file, prefix = _place(state, key)
        yield from _located(tree, file, prefix, entry.problems)


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
                yield from _located(tree, service.file, prefix, rejection.problems)


def _located(
    tree: Tree, file: str, prefix: tuple[str | int, ...], problems: Iterable[Problem]
) -> Iterator[Fault]:
    for problem in problems:
        path = (*prefix, *problem.path)
        line, column = tree.locate(file, path)
        where = ".".join(str(step) for step in path)
        yield Fault(
            file, line, column, f"{where}: {problem.message}" if where else problem.message
        )
