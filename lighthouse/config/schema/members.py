"""The keys of a cluster's file that say who its members are."""

import ipaddress
import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from lighthouse import schema
from lighthouse.config.schema import quantity
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
    Scalar,
    Selection,
)
from lighthouse.config.schema.section import SectionReader
from lighthouse.node import Node, Refused, parse
from lighthouse.schema import shown

KEYS: Final = ("combine", "default_nodes", "on_source_loss", "shrink_guard", "nodes")

_NODE_KEYS: Final = ("host", "ip", "port", "weight", "metadata")


def policy(section: SectionReader, discovery: tuple[str, ...]) -> Policy:
    """All of those keys; ``discovery`` are the file's sources."""
    return Policy(
        combine=_combine(section, discovery),
        default_nodes=_default_nodes(section),
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
    chosen = section.variant("combine", ("union", "failover", "percent"))
    if chosen is None:
        return None
    name, inside = chosen
    if name == "percent":
        return _percent(inside, discovery)
    combine = None
    if name == "failover":
        default = Failover()
        combine = Failover(
            after=inside.seconds("after", default.after),
            back_after=inside.seconds("back_after", default.back_after),
        )
    inside.close()
    return combine


def _percent(inside: SectionReader, discovery: tuple[str, ...]) -> Percent:
    shares = {name: inside.whole(name, 0, 0, 100) for name in discovery}
    missing = [name for name in discovery if name not in inside]
    inside.close()
    if missing:
        inside.note(f"the share of {', '.join(map(repr, missing))} is missing")
    elif not inside.problems and sum(shares.values()) != 100:
        inside.note(f"expected shares that make 100, got {sum(shares.values())}")
    return Percent(shares)


def _loss(section: SectionReader) -> Loss:
    chosen = section.variant("on_source_loss", ("keep", "drain", "fence"))
    if chosen is None or chosen[0] == "keep":
        if chosen is not None:
            chosen[1].close()
        return Loss()
    name, inside = chosen
    if name == "drain":
        loss = Loss("drain", inside.seconds("after", DRAIN_AFTER))
    else:
        loss = Loss("fence", inside.seconds("after", FENCE_AFTER))
    inside.close()
    return loss


def _guard(section: SectionReader) -> GuardPolicy | None:
    inside = section.switch("shrink_guard")
    if inside is None:
        return None
    default = GuardPolicy()
    guard = GuardPolicy(
        max_loss=inside.take("max_loss", quantity.share, default.max_loss),
        confirm_after=inside.seconds("confirm_after", default.confirm_after),
        obey_after=inside.seconds("obey_after", default.obey_after),
    )
    inside.close()
    if guard.obey_after < guard.confirm_after:
        told = f"expected at least confirm_after ({guard.confirm_after:g} s)"
        inside.note(f"{told}, got {guard.obey_after:g} s", "obey_after")
    return guard


def _selection(section: SectionReader) -> Selection:
    conditions = []
    for kind in ("equals", "not_equals", "in"):
        inside = section.section(kind)
        for key in inside.data:
            values = inside.take(key, _any_of if kind == "in" else _one, ())
            if values:
                conditions.append(MetadataCondition(key, values, kind == "not_equals"))
    prefer = _preference(section)
    section.close()
    return Selection(tuple(conditions), prefer)


def _preference(section: SectionReader) -> Preference | None:
    value = section.data.get("prefer")
    if "prefer" not in section:
        return None
    if isinstance(value, str):
        key = section.text("prefer", "")
        return Preference(key, local=True)
    inside = section.section("prefer")
    inside.need("key")
    preference = Preference(
        key=inside.text("key", ""),
        values=inside.take("value", _ranked, ()),
        least=inside.whole("min", 1, 1, 100000),
        local="value" not in inside,
    )
    inside.close()
    return preference


def _default_nodes(section: SectionReader) -> tuple[Node, ...]:
    value = section.take("default_nodes", lambda value: value, [])
    if not isinstance(value, list):
        section.note(f"expected a list of nodes, got {shown(value)}", "default_nodes")
        return ()
    found: dict[tuple[str, int], Node] = {}
    for index, entry in enumerate(value):
        try:
            node = parse(_record(entry), strict=True)
        except (Refused, ValueError) as error:
            section.note(str(error), "default_nodes", index)
            continue
        if isinstance(entry, dict):
            for key in entry:
                if key not in _NODE_KEYS:
                    section.note(schema.unknown(key, _NODE_KEYS), "default_nodes", index, key)
        if node.key in found:
            section.note(f"{node.ip} port {node.port} is listed twice", "default_nodes", index)
        found[node.key] = node
    return tuple(found[key] for key in sorted(found))


def _record(value: object) -> dict[str, Any]:
    """A node as a map, or as ``address:port``."""
    if isinstance(value, dict):
        return value
    expected = f"expected a map with ip and port, or address:port; got {shown(value)}"
    if not isinstance(value, str):
        raise ValueError(expected)
    ip, _, port = value.rpartition(":")
    try:
        ipaddress.ip_address(ip.removeprefix("[").removesuffix("]"))
        return {"ip": ip.removeprefix("[").removesuffix("]"), "port": int(port)}
    except ValueError:
        raise ValueError(expected) from None


def _scalar(value: object) -> Scalar:
    if not isinstance(value, str | int | float) or (
        isinstance(value, float) and not math.isfinite(value)
    ):
        raise ValueError(f"expected text, a number, true or false; got {shown(value)}")
    return value


def _one(value: object) -> tuple[Scalar, ...]:
    return (_scalar(value),)


def _any_of(value: object) -> tuple[Scalar, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"expected a list of values, got {shown(value)}")
    return tuple(_scalar(entry) for entry in value)


def _ranked(value: object) -> tuple[Scalar, ...]:
    return _any_of(value) if isinstance(value, list) else _one(value)
