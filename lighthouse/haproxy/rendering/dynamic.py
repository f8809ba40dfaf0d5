"""How a backend takes a node that is new to it: the stated rule, as a pure function.

A server that is added at run time inherits nothing, some options are refused there, and the
balance algorithm must be a dynamic one. What cannot be added is given a *slot*, an entry that
stands ready in the file and is pointed at the node; that is no way for what must mean the
same on every host, which is loaded anew.
"""

import re
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from lighthouse.haproxy.schema.directive import last
from lighthouse.haproxy.schema.node_options import fullest
from lighthouse.haproxy.schema.server_options import at_start_only, spelled_out

MOST_WORDS: Final = 50
"""Of options; the other words of a server's line or command, a cookie's too, make up 14."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.,:/%@()=+*\[\]~^!?|&-]+")
_ALGORITHM: Final = re.compile(r"[a-z_-]+")
_DYNAMIC: Final = frozenset({"roundrobin", "leastconn", "first", "random"})
_SHARED: Final = frozenset({"uri", "url_param", "hdr", "rdp-cookie", "hash"})
"""Hashes of what is asked for: hosts that see the same nodes must send it the same way."""


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
    nodes: Sequence[str] = (),
    slots: bool = False,
) -> Growth:
    """The rule for a backend with these lines and these options on each of its servers.

    ``nodes`` are the options that nodes may set besides.
    """
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
    text = at_start_only(options, nodes, (*defaults, *backend)) or _unspeakable(options, nodes)
    if text:
        return Growth("slot", text)
    return Growth("slot", "'slots' is set") if slots else Growth()


def words_of(options: Sequence[str], nodes: Sequence[str]) -> int:
    """How many words the options of a server come to, its node's own included."""
    return len(spelled_out((*options, *fullest(nodes))))


def _unspeakable(options: Sequence[str], nodes: Sequence[str]) -> str:
    for word in options:
        if not _PLAIN.fullmatch(word):
            return f"the server option {word} has characters that a command cannot carry"
    if (count := words_of(options, nodes)) > MOST_WORDS:
        return f"{count} words of server options are more than a command carries"
    return ""
