"""What plugins say of a configuration, as faults of its files."""

from collections.abc import Iterable, Iterator

from lighthouse.config.fault import Fault
from lighthouse.config.tree import Tree
from lighthouse.daemon.causes import file_of
from lighthouse.ipc.plugin_report import PluginFault, PluginReport
from lighthouse.schema import Rejection
from lighthouse.supervisor.answers.faults import in_service, located
from lighthouse.supervisor.standing_order import Name
from lighthouse.supervisor.state import section_name

FilePath = tuple[str, tuple[str | int, ...]]
"""A file, and the keys that lead to the place in it."""


def placed(
    tree: Tree, name: Name, rejections: Iterable[Rejection], warnings: Iterable[Rejection]
) -> Iterator[Fault]:
    """What one worker's plugin rejects, and what it only warns of."""
    for kind, warning in ((rejections, False), (warnings, True)):
        for said in kind:
            yield from located(tree, *_section(tree, name, said), said.problems, warning)


def failed(tree: Tree, name: Name, what: str) -> Fault:
    """One worker's plugin could not do what it was asked."""
    file, prefix = _origin(tree, name)
    return Fault(file, *tree.locate(file, prefix), f"{name[0]} {name[1]} {what}")


def warned(tree: Tree, name: Name, report: PluginReport | None) -> Iterator[Fault]:
    """What one worker's plugin does against its contract, and no harm by it."""
    yield from _told(tree, name, report, () if report is None else report.faults)


def besides(tree: Tree, name: Name, report: PluginReport | None) -> Iterator[Fault]:
    """What is wrong with a plugin that cannot be loaded, beside the first fault."""
    if report is not None:
        warnings = (fault for fault in report.faults if fault.warning)
        yield from _told(tree, name, report, (*report.others(), *warnings))


def _told(
    tree: Tree, name: Name, report: PluginReport | None, faults: Iterable[PluginFault]
) -> Iterator[Fault]:
    file, prefix = _origin(tree, name)
    if report is None:
        return
    for fault in faults:
        message = f"{name[0]} {name[1]}: {report.explained(fault)}"
        yield Fault(file, *tree.locate(file, prefix), message, fault.warning)


def _origin(tree: Tree, name: Name) -> FilePath:
    """The file that is the reason for a worker."""
    kind, own = name
    config = tree.config
    match kind:
        case "balancer":
            return config.balancers[own].file, ()
        case "discovery":
            return config.discovery[own].file, ()
        case "web":
            return next(file for file in file_of(*name) if file in tree.texts), ("web",)
    users = (s for s in config.services.values() if any(c.plugin == own for c in s.checks))
    return next(users).file, ("checks", own)


def _section(tree: Tree, name: Name, rejection: Rejection) -> FilePath:
    """The file and the section that a rejection is about."""
    config = tree.config
    if rejection.cluster in config.clusters:
        cluster = config.clusters[rejection.cluster]
        return cluster.file, (section_name(cluster, config.balancers[name[1]]),)
    if rejection.service in config.services:
        service = config.services[rejection.service]
        return service.file, in_service(service, *name) or ()
    return _origin(tree, name)
