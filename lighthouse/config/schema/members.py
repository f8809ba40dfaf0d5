"""The keys of a cluster's file that say who its members are."""

from collections.abc import Mapping
from typing import Any

import msgspec

from lighthouse.config.schema.policy import (
    DRAIN_AFTER,
    FENCE_AFTER,
    Failover,
    GuardPolicy,
    Loss,
    MetadataCondition,
    Percent,
    Policy,
    Preference,
    Selection,
)
from lighthouse.config.schema.section import SectionReader


def policy(section: SectionReader, discovery: tuple[str, ...]) -> Policy:
    """All of those keys; ``discovery`` are the file's sources."""
    return Policy(
        combine=_combine(section, discovery),
        default_nodes=section.take("default_nodes", ()),
        loss=_loss(section),
        guard=_guard(section),
        selection=_selection(section.section("nodes")),
    )


def localized(policy: Policy, metadata: Mapping[str, Any]) -> Policy:
    """The policy on a host with this metadata: what it prefers there."""
    prefer = policy.selection.prefer
    if prefer is None or not prefer.local:
        return policy
    value = metadata.get(prefer.key)
    values = (value,) if isinstance(value, str | int | float) else ()
    selection = msgspec.structs.replace(
        policy.selection, prefer=msgspec.structs.replace(prefer, values=values)
    )
    return msgspec.structs.replace(policy, selection=selection)


def _combine(section: SectionReader, discovery: tuple[str, ...]) -> Failover | Percent | None:
    chosen = section.variant("combine")
    if chosen is None:
        return None
    name, inside = chosen
    if name == "percent":
        return _percent(inside, discovery)
    combine = Failover(**inside.settings(Failover())) if name == "failover" else None
    inside.close()
    return combine


def _percent(inside: SectionReader, discovery: tuple[str, ...]) -> Percent:
    given = dict(inside.others())
    shares = {name: given.get(name) or 0 for name in discovery}
    missing = [name for name in discovery if name not in inside]
    inside.close(discovery)
    if missing:
        inside.note(f"the share of {', '.join(map(repr, missing))} is missing")
    elif not inside.problems and sum(shares.values()) != 100:
        inside.note(f"expected shares that make 100, got {sum(shares.values())}")
    return Percent(shares)


def _loss(section: SectionReader) -> Loss:
    chosen = section.variant("on_source_loss")
    if chosen is None:
        return Loss()
    name, inside = chosen
    loss = Loss()
    if name == "drain":
        loss = Loss("drain", inside.take("after", DRAIN_AFTER))
    elif name == "fence":
        loss = Loss("fence", inside.take("after", FENCE_AFTER))
    inside.close()
    return loss


def _guard(section: SectionReader) -> GuardPolicy | None:
    inside = section.switch("shrink_guard")
    if inside is None:
        return None
    guard = GuardPolicy(**inside.settings(GuardPolicy()))
    inside.close()
    if guard.obey_after < guard.confirm_after:
        told = f"expected at least confirm_after ({guard.confirm_after:g} s)"
        inside.note(f"{told}, got {guard.obey_after:g} s", "obey_after")
    return guard


def _selection(section: SectionReader) -> Selection:
    conditions = [
        MetadataCondition(key, values, kind == "not_equals")
        for kind in ("equals", "not_equals", "in")
        for key, values in section.section(kind).others()
        if values
    ]
    prefer = _preference(section)
    section.close()
    return Selection(tuple(conditions), prefer)


def _preference(section: SectionReader) -> Preference | None:
    if "prefer" not in section:
        return None
    if isinstance(section.data["prefer"], str):
        return Preference(section.take("prefer", ""), local=True)
    inside = section.section("prefer")
    preference = Preference(
        key=inside.take("key", ""),
        values=inside.take("value", ()),
        least=inside.take("min", 1),
        local="value" not in inside,
    )
    inside.close()
    return preference
