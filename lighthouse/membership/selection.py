"""Which of a cluster's nodes are served: conditions on their metadata, and a preference."""

from collections.abc import Iterable, Mapping
from typing import Any

from lighthouse.config.schema.policy import MetadataCondition, Preference, Scalar, Selection
from lighthouse.node import Node
from lighthouse.primary import NO_TIMELINES, PRIMARY, Contest, Timelines, contest


def select(
    nodes: tuple[Node, ...], selection: Selection, known: Timelines = NO_TIMELINES
) -> tuple[tuple[Node, ...], Contest]:
    """The nodes to serve, in their order, and who of those that have to be the primary is it."""
    if not selection.conditions and selection.prefer is None:
        return nodes, Contest()
    met = tuple(node for node in nodes if unmet(node, selection.conditions) is None)
    found = contest(met, known) if asks_primary(selection) else Contest()
    if out := found.passed_over:
        met = tuple(node for node in met if node.key not in out)
    return _first_choice(met, selection), found


def asks_primary(selection: Selection) -> bool:
    """Return True if a condition wants a node to be a primary."""
    return any(
        one.key == "role" and not one.negated and PRIMARY in one.values
        for one in selection.conditions
    )


def _first_choice(met: tuple[Node, ...], selection: Selection) -> tuple[Node, ...]:
    value = preferred(met, selection.prefer)
    if value is None or selection.prefer is None:
        return met
    return tuple(node for node in met if has(node, selection.prefer.key, value))


def unmet(node: Node, conditions: Iterable[MetadataCondition]) -> MetadataCondition | None:
    """The first condition that a node does not meet."""
    for condition in conditions:
        found = any(has(node, condition.key, value) for value in condition.values)
        if found is condition.negated:
            return condition
    return None


def words_of(condition: MetadataCondition) -> str:
    """Why a node that does not meet a condition is left out."""
    values = ", ".join(map(shown, condition.values))
    if condition.negated:
        return f"not selected: its metadata {condition.key} must not be {values}"
    return f"not selected: its metadata {condition.key} is none of: {values}"


def preferred(nodes: Iterable[Node], prefer: Preference | None) -> Scalar | None:
    """The value that only nodes with it are served for, None if all are.

    Nodes of weight 0 take no new traffic, and so do not count.
    """
    if prefer is None:
        return None
    usable = [node for node in nodes if node.weight]
    for value in prefer.values:
        if sum(has(node, prefer.key, value) for node in usable) >= prefer.least:
            return value
    return None


def has(node: Node, key: str, value: Scalar) -> bool:
    """Return True if a node's metadata has this value under that key.

    Compared as text, since sources differ in what they make of ``1`` and ``true``. A dot leads
    into a map, unless a key of that very name is there; of a list one item suffices.
    """
    found = _find(node.metadata, key)
    items = found if isinstance(found, list) else [found]
    wanted = text(value)
    return any(isinstance(item, str | int | float) and text(item) == wanted for item in items)


def text(value: Scalar) -> str:
    """A value as people write it in YAML and JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def shown(value: Scalar) -> str:
    """Return a value as part of a sentence: in quotes where it would get lost."""
    plain = text(value)
    return plain if plain and not set(plain) & set(" ,") else f'"{plain}"'


def _find(metadata: Mapping[str, Any], key: str) -> Any:
    if key in metadata:
        return metadata[key]
    for dot in (place for place, letter in enumerate(key) if letter == "."):
        inside = metadata.get(key[:dot])
        found = _find(inside, key[dot + 1 :]) if isinstance(inside, dict) else None
        if found is not None:
            return found
    return None
