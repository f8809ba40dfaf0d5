"""How a backend takes a node that is new to it: the stated rule, as a pure function.

A server that is added at run time inherits nothing, some options are refused there, and the
balance algorithm must be a dynamic one. What cannot be added is given a *slot*, an entry that
stands ready in the file and is pointed at the node; that is no way for what must mean the
same on every host, which is loaded anew.
"""

import itertools
import re
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from lighthouse.haproxy.schema.directive import last

_MAX_WORDS: Final = 64
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.,:/%@()=+*\[\]~^!?|&-]+")
_ALGORITHM: Final = re.compile(r"[a-z_-]+")
_DYNAMIC: Final = frozenset({"roundrobin", "leastconn", "first", "random"})
_SHARED: Final = frozenset({"uri", "url_param", "hdr", "rdp-cookie", "hash"})
"""Hashes of what is asked for: hosts that see the same nodes must send it the same way."""

_REFUSED: Final = frozenset(
    {
        *("cookie", "resolvers", "resolve-opts", "resolve-prefer", "resolve-net", "max-reuse"),
        *("namespace", "redir", "stick", "non-stick", "socks4", "ssl-reuse", "tcp-ut"),
        *("log-proto", "no-check", "no-agent-check", "no-check-ssl", "no-ssl", "crt"),
    }
)


class Growth(msgspec.Struct, frozen=True, omit_defaults=True):
    """``way``: an entry is added, a slot is filled, or HAProxy reloads; ``why`` not the first.

    ``coarse``: weights can only be switched between none and what the file says.
    """

    way: Literal["add", "slot", "reload"] = "add"
    why: str = ""
    coarse: bool = False


def growth(
    backend: Sequence[str],
    defaults: Sequence[str],
    options: Sequence[str],
    slots: bool = False,
) -> Growth:
    """The rule for a backend with these lines and these options on each of its servers."""
    algorithm = last(backend, "balance") or last(defaults, "balance")
    match = _ALGORITHM.match(algorithm[1] if len(algorithm) > 1 else "roundrobin")
    kind = match.group() if match else ""
    hashing = last(backend, "hash-type") or last(defaults, "hash-type")
    consistent = hashing[1:2] == ("consistent",)
    coarse = kind not in _DYNAMIC and not consistent
    cookie = last(backend, "cookie") or last(defaults, "cookie")
    if cookie and "dynamic" not in cookie and not slots:
        return Growth("reload", "a server's cookie is given at start only", coarse)
    if coarse and kind in _SHARED and not slots:
        text = f"'balance {kind}' without 'hash-type consistent' takes servers at start only"
        return Growth("reload", text, coarse)
    if coarse:
        return Growth("slot", f"'balance {kind}' takes servers at start only", coarse)
    if cookie:
        return Growth("slot", "a server that is added at run time has no cookie")
    if text := _refused(options):
        return Growth("slot", text)
    return Growth("slot", "'slots' is set") if slots else Growth()


def _refused(options: Sequence[str]) -> str:
    for word in options:
        if word in _REFUSED:
            return f"the server option '{word}' is taken at start only"
        if not _PLAIN.fullmatch(word):
            return f"the server option {word} has characters that a command cannot carry"
    for before, word in itertools.pairwise(options):
        if before in ("proto", "alpn") and "h2" in word.split(","):
            return "servers over h2 that are added at run time never reuse connections"
    if len(options) + 30 > _MAX_WORDS:
        return f"{len(options)} words of server options are more than a command carries"
    return ""
