"""What a balancer says of a config or of clusters without doing anything about them."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from lighthouse.balancer import Balancer, Finding, Preview
from lighthouse.cluster import Cluster
from lighthouse.ipc.messages import Validated
from lighthouse.ipc.payloads import Rehearsal
from lighthouse.ipc.snapshot import BalancerSnapshot, Membership
from lighthouse.plugin import Plugin
from lighthouse.schema import Rejection
from lighthouse.workers.boundary import claimed, place
from lighthouse.workers.boundary.conduct import Conduct
from lighthouse.workers.boundary.limits import one_line, valid
from lighthouse.workers.boundary.plugin_call import PluginError, call, hosted
from lighthouse.workers.boundary.validation import admit_findings, merge, problems

T = TypeVar("T", bound=Plugin)


def examine(
    plugin: type[Balancer],
    snapshot: BalancerSnapshot,
    software: bool = True,
    conduct: Conduct | None = None,
) -> Validated:
    """The plugin's own validation first, then what the software says of all that passed it.

    The ``software`` is not asked if the plugin's own file did not pass.
    """
    faults = problems(plugin.validate_config, snapshot.settings.config, conduct)
    rejections = [Rejection(faults)] if faults else []
    sections = set()
    clusters = []
    for part in snapshot.clusters:
        body = msgspec.msgpack.decode(part.body, type=Membership)
        config = None if body.settings is None else body.settings.config
        if config is not None:
            sections.add(part.name)
            wrong = problems(plugin.validate_cluster_config, config, conduct)
            if wrong:
                rejections.append(Rejection(wrong, cluster=part.name))
                continue
        clusters.append(
            Cluster(
                part.name,
                config=copy.deepcopy(config),
                known=False,
                meta_cluster=body.meta_cluster,
            )
        )
    if faults or not software:
        return Validated(tuple(rejections))
    if conduct is not None:
        claimed.note(plugin, snapshot.settings.config, conduct)
    clusters.sort(key=lambda cluster: cluster.name)
    try:
        findings = admit_findings(_ask(plugin, snapshot, clusters), sections.__contains__)
    except PluginError as failure:
        return Validated(tuple(rejections), failure.located)
    except TypeError as error:
        where = place.of_function(plugin.examine)
        return Validated(tuple(rejections), hosted.located(f"examine: {error}", where))
    return Validated(merge(rejections, findings, False), "", merge((), findings, True))


def _ask(
    plugin: type[Balancer], snapshot: BalancerSnapshot, clusters: list[Cluster]
) -> Sequence[Finding]:
    """Of an instance of its own, which is never closed: that might end what others use."""
    return call("examine", _configured(plugin, snapshot.settings.config).examine, clusters)


def untaken(plugin: type[Plugin], config: Mapping[str, Any]) -> str:
    """Why a plugin cannot take a config that has passed, empty if it can.

    Asked of an instance of its own, which is then forgotten. What only says that something
    outside is not there (``OSError``) may come right.
    """
    try:
        _configured(plugin, config)
    except PluginError as failure:
        return "" if failure.is_expected else failure.located
    return ""


def _configured(plugin: type[T], config: Mapping[str, Any]) -> T:
    """An instance that has taken a config; raises ``PluginError``."""
    instance = call("cannot be created", plugin)
    call("apply_config", instance.apply_config, copy.deepcopy(config))
    return instance


def admit_preview(
    said: object, rejections: tuple[Rejection, ...], has_section: Callable[[str], bool]
) -> Rehearsal:
    """A plugin's preview beside what was rejected; raises ``TypeError`` for what is none."""
    if not isinstance(said, Preview):
        raise TypeError(
            f"it is a {type(said).__name__}, expected a Preview: return "
            "lighthouse.balancer.Preview(diff=...), or leave `preview` out"
        )
    if not isinstance(said.commands, tuple | list):
        raise TypeError(f"commands are a {type(said.commands).__name__}, expected a tuple")
    findings = admit_findings(said.findings, has_section)
    return Rehearsal(
        valid(said.diff),
        tuple([valid(command) for command in said.commands]),
        one_line(str(said.reload)),
        merge(rejections, findings, False),
        merge((), findings, True),
    )
