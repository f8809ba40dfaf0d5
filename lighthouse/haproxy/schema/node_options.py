"""Server options that a node may set for itself, through an allow-list of metadata keys.

Metadata is foreign text, so each option has a grammar of its own, and nothing but a word that
passes it comes near a configuration file or a command.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from lighthouse.haproxy.schema.grammar import HOST

OptionWords = tuple[str, ...]

_DURATION: Final = re.compile(r"([0-9]{1,10})(ms|s|m|h|d)?")
_UNITS: Final = {None: 1, "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_MANY: Final = 2**31 - 1


def _flag(name: str) -> Callable[[Any], OptionWords | None]:
    return lambda value: {True: (name,), False: ()}.get(value) if isinstance(value, bool) else None


def _number(name: str, low: int, high: int) -> Callable[[Any], OptionWords | None]:
    def read(value: Any) -> OptionWords | None:
        fits = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return (name, str(value)) if fits else None

    return read


def _time(name: str, least: int) -> Callable[[Any], OptionWords | None]:
    """A time of at least so many milliseconds, and not more than HAProxy can count."""

    def read(value: Any) -> OptionWords | None:
        fits = isinstance(value, int | str) and not isinstance(value, bool)
        found = _DURATION.fullmatch(str(value)) if fits else None
        if found is None or not least <= int(found[1]) * _UNITS[found[2]] <= _MANY:
            return None
        return name, str(value)

    return read


def _choice(name: str, *allowed: str) -> Callable[[Any], OptionWords | None]:
    return lambda value: (name, value) if isinstance(value, str) and value in allowed else None


def _host(name: str) -> Callable[[Any], OptionWords | None]:
    def read(value: Any) -> OptionWords | None:
        fits = isinstance(value, str) and HOST.fullmatch(value)
        return (name, value) if fits else None

    return read


_FLAGS: Final = ("backup", "check", "send-proxy", "send-proxy-v2")
_ANSWERS: Final = ("observe", "layer7")
KNOWN: Final[Mapping[str, Callable[[Any], OptionWords | None]]] = {
    **{name: _flag(name) for name in _FLAGS},
    **{name: _number(name, 0, _MANY) for name in ("maxconn", "minconn", "maxqueue")},
    **{name: _number(name, 1, 1000) for name in ("rise", "fall", "error-limit")},
    "port": _number("port", 1, 65535),
    **{name: _time(name, 1) for name in ("inter", "fastinter", "downinter")},
    "slowstart": _time("slowstart", 0),
    "observe": _choice("observe", "layer4", "layer7"),
    "on-error": _choice("on-error", "fastinter", "fail-check", "sudden-death", "mark-down"),
    "on-marked-down": _choice("on-marked-down", "shutdown-sessions"),
    "on-marked-up": _choice("on-marked-up", "shutdown-backup-sessions"),
    "verifyhost": _host("verifyhost"),
    "check-sni": _host("check-sni"),
}
"""The options that a cluster may allow its nodes to set, with what reads their values."""


def fullest(allowed: Sequence[str]) -> OptionWords:
    """As many words as a node may ask for."""
    return tuple(w for name in allowed for w in ((name,) if name in _FLAGS else (name, "1")))


def read(
    allowed: Sequence[str], metadata: Mapping[str, Any], http: bool = True
) -> tuple[OptionWords, tuple[str, ...]]:
    """The words for a node's server, and the allowed keys whose values are of no use.

    ``http``: HAProxy understands what the backend's servers answer.
    """
    found: list[str] = []
    refused = []
    for name in allowed:
        if name in metadata:
            words = KNOWN[name](metadata[name])
            if words is None or (words == _ANSWERS and not http):
                refused.append(name)
            else:
                found += words
    return tuple(found), tuple(refused)
