"""Server options that a node may set for itself, through an allow-list of metadata keys.

Metadata is foreign text, so each option has a grammar of its own, and nothing but a word that
passes it comes near a configuration file or a command.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from lighthouse.haproxy.grammar import DURATION, HOST

Words = tuple[str, ...]


def _flag(name: str) -> Callable[[Any], Words | None]:
    return lambda value: {True: (name,), False: ()}.get(value) if isinstance(value, bool) else None


def _number(name: str, low: int, high: int) -> Callable[[Any], Words | None]:
    def read(value: Any) -> Words | None:
        fits = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return (name, str(value)) if fits else None

    return read


def _time(name: str) -> Callable[[Any], Words | None]:
    def read(value: Any) -> Words | None:
        fits = isinstance(value, int | str) and not isinstance(value, bool)
        return (name, str(value)) if fits and DURATION.fullmatch(str(value)) else None

    return read


def _choice(name: str, *allowed: str) -> Callable[[Any], Words | None]:
    return lambda value: (name, value) if isinstance(value, str) and value in allowed else None


def _host(name: str) -> Callable[[Any], Words | None]:
    def read(value: Any) -> Words | None:
        fits = isinstance(value, str) and HOST.fullmatch(value)
        return (name, value) if fits else None

    return read


_MANY: Final = 2**31 - 1
KNOWN: Final[Mapping[str, Callable[[Any], Words | None]]] = {
    **{name: _flag(name) for name in ("backup", "check", "send-proxy", "send-proxy-v2")},
    **{name: _number(name, 0, _MANY) for name in ("maxconn", "minconn", "maxqueue")},
    **{name: _number(name, 1, 1000) for name in ("rise", "fall", "error-limit")},
    "port": _number("port", 1, 65535),
    **{name: _time(name) for name in ("inter", "fastinter", "downinter", "slowstart")},
    "observe": _choice("observe", "layer4", "layer7"),
    "on-error": _choice("on-error", "fastinter", "fail-check", "sudden-death", "mark-down"),
    "on-marked-down": _choice("on-marked-down", "shutdown-sessions"),
    "on-marked-up": _choice("on-marked-up", "shutdown-backup-sessions"),
    "verifyhost": _host("verifyhost"),
    "check-sni": _host("check-sni"),
}
"""The options that a cluster may allow its nodes to set, with what reads their values."""


def read(allowed: Sequence[str], metadata: Mapping[str, Any]) -> tuple[Words, tuple[str, ...]]:
    """The words for a node's server, and the allowed keys whose values are of no use."""
    found: list[str] = []
    refused = []
    for name in allowed:
        if name in metadata:
            words = KNOWN[name](metadata[name])
            if words is None:
                refused.append(name)
            else:
                found += words
    return tuple(found), tuple(refused)
