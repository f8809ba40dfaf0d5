"""What operators see of the clusters in a worker's status, bounded however many there are."""

from collections.abc import Mapping
from typing import Any, Final

from lighthouse.dns.name_state import NameState
from lighthouse.text import one_line

SHOWN: Final = 10
"""Clusters that are shown one by one; those with errors come first."""

_REASON: Final = 160
_NAME: Final = 80


def summary(states: Mapping[str, NameState], now: float, wall: float) -> dict[str, Any]:
    """``now`` and ``wall`` are the same moment on the monotonic and on the wall clock."""
    readings = [s.reading for s in states.values() if s.reading is not None]
    ranked = sorted(states, key=lambda name: (not states[name].error, name))
    wrong = [name for name in ranked if states[name].error]
    return {
        "clusters": len(states),
        "failing": len(wrong),
        "nodes": sum(len(reading.nodes) for reading in readings),
        "refused": sum(len(reading.refused) for reading in readings),
        "errors": {n: one_line(states[n].error, _REASON) for n in wrong[:SHOWN]},
        "asked": {n: _one(states[n], wall - now) for n in ranked[:SHOWN]},
    }


def _one(state: NameState, to_wall: float) -> dict[str, Any]:
    reading, at = state.reading, state.answered_at
    return {
        "name": one_line(state.query.name, _NAME),
        "last_answer": None if at is None else round(at + to_wall, 3),
        "nodes": None if reading is None else len(reading.nodes),
        "ttl": state.ttl,
        "next_query": round(state.due + to_wall, 3),
    }
