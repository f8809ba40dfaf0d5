"""The options of a server: what they come to, and what HAProxy adds to them.

For a line of its file HAProxy derives more than the line says, as that a server with ``ssl``
is checked over TLS; for a server that is added while it runs it derives nothing. So whatever
is derived is said, on the line and in the command alike. Facts of HAProxy 2.6 and 2.8.
"""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from lighthouse.haproxy.schema import directive

Words = tuple[str, ...]

ALIKE: Final[Mapping[str, int]] = {
    **dict.fromkeys(("agent-check", "allow-0rtt", "backup", "check"), 0),
    **dict.fromkeys(("check-send-proxy", "check-ssl", "no-backup", "no-send-proxy"), 0),
    **dict.fromkeys(("no-send-proxy-v2", "no-ssl-reuse", "no-sslv3", "no-tfo"), 0),
    **dict.fromkeys(("no-tls-tickets", "no-tlsv10", "no-tlsv11", "no-tlsv12", "no-tlsv13"), 0),
    **dict.fromkeys(("force-sslv3", "force-tlsv10", "force-tlsv11", "force-tlsv12"), 0),
    **dict.fromkeys(("force-tlsv13", "send-proxy", "send-proxy-v2", "send-proxy-v2-ssl"), 0),
    **dict.fromkeys(("send-proxy-v2-ssl-cn", "ssl", "tfo", "tls-tickets"), 0),
    **dict.fromkeys(("addr", "agent-addr", "agent-inter", "agent-port", "agent-send"), 1),
    **dict.fromkeys(("alpn", "ca-file", "check-alpn", "check-proto", "check-sni"), 1),
    **dict.fromkeys(("ciphers", "ciphersuites", "crl-file", "downinter", "error-limit"), 1),
    **dict.fromkeys(("fall", "fastinter", "inter", "maxconn", "maxqueue", "minconn"), 1),
    **dict.fromkeys(("npn", "observe", "on-error", "on-marked-down", "on-marked-up"), 1),
    **dict.fromkeys(("pool-low-conn", "pool-max-conn", "pool-purge-delay", "port"), 1),
    **dict.fromkeys(("proto", "proxy-v2-options", "rise", "slowstart", "sni", "source"), 1),
    **dict.fromkeys(("ssl-max-ver", "ssl-min-ver", "verify", "verifyhost", "ws"), 1),
}
"""Options that mean the same at run time, with the number of their arguments."""

AT_START: Final[Mapping[str, int]] = {
    **dict.fromkeys(("check-via-socks4", "no-agent-check", "no-check", "no-check-send-proxy"), 0),
    **dict.fromkeys(("no-check-ssl", "no-send-proxy-v2-ssl", "no-send-proxy-v2-ssl-cn"), 0),
    **dict.fromkeys(("no-ssl", "non-stick", "ssl-reuse", "stick"), 0),
    **dict.fromkeys(("cookie", "crt", "log-proto", "max-reuse", "namespace", "redir"), 1),
    **dict.fromkeys(("resolve-net", "resolve-opts", "resolve-prefer", "resolvers"), 1),
    **dict.fromkeys(("socks4", "tcp-ut"), 1),
}
"""Options that are refused at run time, or, as ``crt``, read in another place by then."""

OURS: Final[Mapping[str, int]] = {"enabled": 0, "disabled": 0, "weight": 1, "init-addr": 1}
"""Options that are never passed on: state and weight are the node's, addresses are literal."""

OWN_LINE_ONLY: Final = ("no-sslv3", "no-tlsv10", "no-tlsv11", "no-tlsv12", "no-tlsv13")
"""Options that are refused in ``default-server`` lines."""

SAID_ONCE: Final = ("check-alpn",)
"""Options that HAProxy 2.6 frees twice if a server's line repeats a ``default-server`` line's."""

_ARGUMENTS: Final = {**ALIKE, **AT_START, **OURS}
_SOURCE: Final = ("usesrc", "interface")

_V1, _V2, _SSL, _CN, _MORE = 1, 2, 4, 8, 16
_PROXY: Final[Mapping[str, tuple[int, int]]] = {
    "send-proxy": (_V1, 0),
    "send-proxy-v2": (_V2, 0),
    "send-proxy-v2-ssl": (_V2 | _SSL, 0),
    "send-proxy-v2-ssl-cn": (_V2 | _SSL | _CN, 0),
    "proxy-v2-options": (_MORE, 0),
    "no-send-proxy": (0, _V1),
    "no-send-proxy-v2": (0, _V2),
    "no-send-proxy-v2-ssl": (0, _V2 | _SSL),
    "no-send-proxy-v2-ssl-cn": (0, _V2 | _SSL | _CN),
}
"""What each sets and clears of the kinds of PROXY header; some of them make one go out."""


def split(words: Sequence[str]) -> Iterator[Words]:
    """Each option with its arguments; one that is not known is taken to have none."""
    place = 0
    while place < len(words):
        end = place + 1 + _ARGUMENTS.get(words[place], 0)
        if words[place] == "source":
            while end < len(words) and words[end] in _SOURCE:
                end += 2
        yield tuple(words[place:end])
        place = end


def passed_on(words: Sequence[str]) -> Words:
    """The words without the options that are ours to decide."""
    return tuple(w for option in split(words) if option[0] not in OURS for w in option)


def as_default(words: Sequence[str]) -> Words:
    """The words of those options that may stand in a ``default-server`` line of ours."""
    left_out = (*OWN_LINE_ONLY, *SAID_ONCE)
    return tuple(w for option in split(words) if option[0] not in left_out for w in option)


def inherited(lines: Iterable[str]) -> Words:
    """The words of the ``default-server`` lines among these, in their order."""
    found = (directive.words(line) for line in lines)
    return tuple(w for line in found if line[:1] == ("default-server",) for w in line[1:])


def repeatable(words: Sequence[str]) -> Words:
    """The inherited words that each server's line may say again."""
    return tuple(w for option in split(words) if option[0] not in SAID_ONCE for w in option)


@functools.lru_cache(maxsize=4096)
def in_force(words: Words, name: str) -> bool:
    """Return True if the words have an option that no later ``no-`` of its kind takes back."""
    found = [option[0] for option in split(words) if option[0] in (name, f"no-{name}")]
    return found[-1:] == [name]


def starts_disabled(words: Sequence[str]) -> bool:
    """Return True if servers with these options are in maintenance when HAProxy starts."""
    found = [option[0] for option in split(words) if option[0] in ("disabled", "enabled")]
    return found[-1:] == ["disabled"]


@functools.lru_cache(maxsize=4096)
def spelled_out(words: Words) -> Words:
    """The words, and behind them all that HAProxy derives from them for a line of its file."""
    given = {option[0]: option[1:] for option in split(words)}
    derived = [*_connections(given), *_observation(given)]
    elsewhere = "addr" in given or _number(given.get("port", ())) > 0
    if in_force(words, "check") and not elsewhere:
        if in_force(words, "ssl") and not {"check-ssl", "no-check-ssl"} & given.keys():
            derived.append("check-ssl")
        if _sends_proxy(words) and not in_force(words, "check-send-proxy"):
            derived.append("check-send-proxy")
    return (*words, *derived)


def at_start_only(options: Sequence[str], nodes: Sequence[str], backend: Sequence[str]) -> str:
    """Why servers with these options can only be had at start, empty if there is no reason.

    ``nodes`` are options that nodes may set besides, ``backend`` the lines of the backend,
    those of the defaults first.
    """
    for option in split(inherited(backend)):
        if option[0] in SAID_ONCE:
            return f"'{option[0]}' of a default-server line cannot be said again"
    for option in split(options):
        name = option[0]
        if name in AT_START:
            return f"the server option '{name}' is taken at start only"
        if name not in ALIKE:
            return f"the server option '{name}' may mean something else when added at run time"
        if name in ("proto", "alpn") and "h2" in option[1].split(","):
            return "servers over h2 that are added at run time never reuse connections"
    external = any(directive.words(line)[:2] == ("option", "external-check") for line in backend)
    if external and (in_force(tuple(options), "check") or "check" in nodes):
        return "an external check is prepared at start only"
    return ""


def _connections(given: Mapping[str, Words]) -> Words:
    """The limits of connections, each of which HAProxy derives from the other."""
    least, most = (_number(given.get(name, ())) for name in ("minconn", "maxconn"))
    if least > most:
        return "maxconn", str(least)
    return ("minconn", str(most)) if most and not least else ()


def _observation(given: Mapping[str, Words]) -> Iterator[str]:
    if "observe" in given:
        for name, value in (("error-limit", "10"), ("on-error", "fail-check")):
            if name not in given:
                yield from (name, value)


def _sends_proxy(words: Sequence[str]) -> bool:
    kinds = 0
    for option in split(words):
        sets, clears = _PROXY.get(option[0], (0, 0))
        kinds = (kinds | sets) & ~clears
    return kinds != 0


def _number(arguments: Words) -> int:
    text = arguments[0] if arguments else ""
    return int(text) if text.isascii() and text.isdigit() else 0
