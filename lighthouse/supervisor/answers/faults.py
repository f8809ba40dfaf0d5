"""Every fault of the configuration: the supervisor's own findings and the plugins'."""

from collections.abc import Iterable, Iterator

from lighthouse.balancer import Claim
from lighthouse.config.fault import Fault
from lighthouse.config.schema.types import ServiceFile
from lighthouse.config.tree import Tree
from lighthouse.schema import Problem
from lighthouse.supervisor.answers.claims import conflicts
from lighthouse.supervisor.pool.worker import Worker
from lighthouse.supervisor.state import State, section_name
from lighthouse.supervisor.verdicts import ConfigKey


def faults(state: State, tree: Tree, pool: Iterable[Worker]) -> list[Fault]:
    """All faults and warnings, sorted by their place."""
    pool = list(pool)
    found = {
        *tree.faults,
        *_judged(state, tree),
        *_left_out(state, pool),
        *_of_services(state, tree, pool),
        *conflicts(tree, _claims(tree, pool)),
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


def in_service(service: ServiceFile, kind: str, name: str) -> tuple[str | int, ...] | None:
    """The keys that lead to what a service's file says to a worker; None if it says nothing."""
    if kind == "check":
        plugins = {check.plugin for check in service.checks}
        return ("checks", name) if name in plugins else None
    listed = kind == "discovery" and name in service.discovery
    return ("discovery", service.discovery.index(name)) if listed else None


def _claims(tree: Tree, pool: Iterable[Worker]) -> dict[str, tuple[Claim, ...]]:
    """What the balancers claim that have told so, by name."""
    balancers = (worker for worker in pool if worker.name[0] == "balancer")
    told = {worker.name[1]: worker.code.report for worker in balancers}
    return {n: r.claims for n, r in told.items() if r is not None and n in tree.config.balancers}


def _judged(state: State, tree: Tree) -> Iterator[Fault]:
    for key, entry in state.verdicts:
        if entry.problems or entry.warnings:
            file, prefix = _place(state, key)
            yield from located(tree, file, prefix, entry.problems)
            yield from located(tree, file, prefix, entry.warnings, warning=True)


def _left_out(state: State, pool: Iterable[Worker]) -> Iterator[Fault]:
    for worker in pool:
        left_out = worker.applied.left_out if worker.applied is not None else 0
        if left_out and worker.name in state.verdicts:
            file, _ = _place(state, worker.name)
            message = f"{left_out} more faults in what {worker.name[1]} was given are not shown"
            yield Fault(file, 1, 1, message)


def _place(state: State, key: ConfigKey) -> tuple[str, tuple[str | int, ...]]:
    """The file of a content, and the keys that lead to it there."""
    config = state.config
    if len(key) == 3:
        cluster = config.clusters[key[2]]
        return cluster.file, (section_name(cluster, config.balancers[key[1]]),)
    files = config.balancers if key[0] == "balancer" else config.discovery
    return files[key[1]].file, ()


def _of_services(state: State, tree: Tree, pool: Iterable[Worker]) -> Iterator[Fault]:
    """What workers reject of services' files, as far as those still say it."""
    for worker in pool:
        for rejection in worker.applied.rejections if worker.applied is not None else ():
            service = state.config.services.get(rejection.service or "")
            prefix = in_service(service, *worker.name) if service is not None else None
            if service is not None and prefix is not None:
                yield from located(tree, service.file, prefix, rejection.problems)
