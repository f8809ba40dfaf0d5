"""What one cluster adds to the configuration, apart from its servers: a pure function.

Also decides whether the runtime API can add servers to the backend. It inherits nothing from
``default-server``, refuses some options, and needs a dynamic balance algorithm.
"""

import itertools
import re
from collections.abc import Iterator
from typing import Final

import msgspec

from lighthouse.haproxy.directive import begins, last, words
from lighthouse.haproxy.settings import Section, Settings

_MAX_WORDS: Final = 64
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.,:/%@()=+*\[\]~^!?|&-]+")
_ALGORITHM: Final = re.compile(r"[a-z_-]+")
_DYNAMIC: Final = frozenset({"roundrobin", "leastconn", "first", "random"})
_HASHED: Final = frozenset({"source", "uri", "url_param", "hdr", "rdp-cookie", "hash"})
_REFUSED: Final = frozenset(
    {
        *("cookie", "resolvers", "resolve-opts", "resolve-prefer", "resolve-net", "max-reuse"),
        *("namespace", "redir", "stick", "non-stick", "socks4", "ssl-reuse", "tcp-ut"),
        *("log-proto", "no-check", "no-agent-check", "no-check-ssl", "no-ssl", "disabled"),
    }
)
_DROPPED: Final = {"enabled": 1, "weight": 2, "init-addr": 2}
"""Options never spelled out, with their number of words: ``add server ... enabled`` makes a
server that is up and gets nothing, the weight is the node's, and addresses are literal."""


class Stanza(msgspec.Struct, frozen=True):
    """A cluster's sections. ``text`` is all of them but the server lines, which follow it.

    ``static`` is why servers cannot be added at run time, empty if they can. ``own`` are the
    names (with a ``*``: the beginnings of names) of servers that the operator wrote, which
    are none of our business.
    """

    cluster: str
    text: str
    options: tuple[str, ...] = ()
    static: str = ""
    own: frozenset[str] = frozenset()
    port: int | None = None
    meta: str | None = None
    acl: str | None = None

    @property
    def agent(self) -> bool:
        """Whether an agent may change weights and states behind our back."""
        return "agent-check" in self.options

    def owns(self, server: str) -> bool:
        """Whether the operator wrote this server into the section."""
        if server in self.own:
            return True
        return any(name.endswith("*") and server.startswith(name[:-1]) for name in self.own)


def build(settings: Settings, name: str, section: Section, meta: str | None) -> Stanza:
    """The stanza of a cluster with this section.

    A frontend without a mode takes its backend's: options that keep reloads from breaking
    connections are ignored by a TCP frontend, even before an HTTP backend.
    """
    options = tuple(_options(settings, section))
    lines = []
    if section.port is not None or begins(section.frontend, "bind"):
        lines.append(f"frontend {name}\n")
        if section.port is not None:
            lines.append(f"    bind {bind_address(settings.bind_address, section.port)}\n")
        lines += [f"    {line}\n" for line in section.frontend]
        if (mode := last(section.backend, "mode")) and not begins(section.frontend, "mode"):
            lines.append(f"    {' '.join(mode)}\n")
        if not begins(section.frontend, "default_backend"):
            lines.append(f"    default_backend {name}\n")
        lines.append("\n")
    lines.append(f"backend {name}\n")
    lines += [f"    {line}\n" for line in section.backend]
    lines.append(f"    # each server: {' '.join(options)}".rstrip() + "\n")
    return Stanza(
        name,
        "".join(lines),
        options,
        why_static(settings, section, options),
        frozenset(own_servers(section)),
        section.port,
        meta if section.acl is not None else None,
        section.acl,
    )


def bind_address(address: str, port: int) -> str:
    """An address and a port as ``bind`` takes them; ``*`` is every address."""
    if address == "*":
        return f":{port}"
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _options(settings: Settings, section: Section) -> Iterator[str]:
    """Every word that applies to each server: of ``default-server`` lines, then its own."""
    given: list[str] = []
    for line in (*settings.defaults, *section.backend):
        found = words(line)
        if found[:1] == ("default-server",):
            given += found[1:]
    given += section.options
    place = 0
    while place < len(given):
        dropped = _DROPPED.get(given[place], 0)
        if not dropped:
            yield given[place]
        place += dropped or 1


def own_servers(section: Section) -> Iterator[str]:
    """The names of servers among a section's own lines; a template's with a ``*``."""
    for line in section.backend:
        found = words(line)
        if found[:1] == ("server",) and len(found) > 1:
            yield found[1]
        elif found[:1] == ("server-template",) and len(found) > 1:
            yield f"{found[1]}*"


def why_static(settings: Settings, section: Section, options: tuple[str, ...]) -> str:
    """Why a backend cannot be given servers at run time, empty if it can."""
    algorithm = last(section.backend, "balance") or last(settings.defaults, "balance")
    match = _ALGORITHM.match(algorithm[1] if len(algorithm) > 1 else "roundrobin")
    kind = match.group() if match else ""
    if kind in _HASHED:
        hashing = last(section.backend, "hash-type") or last(settings.defaults, "hash-type")
        if hashing[1:2] != ("consistent",):
            return f"'balance {kind}' without 'hash-type consistent' takes servers at start only"
    elif kind not in _DYNAMIC:
        return f"'balance {kind}' takes servers at start only"
    for word in options:
        if word in _REFUSED:
            return f"the server option '{word}' is taken at start only"
        if not _PLAIN.fullmatch(word):
            return f"the server option {word} has characters that a command cannot carry"
    for before, word in itertools.pairwise(options):
        if before in ("proto", "alpn") and "h2" in word.split(","):
            return "servers over h2 that are added at run time never reuse connections"
    if len(options) + 11 > _MAX_WORDS:
        return f"{len(options)} words of server options are more than a command carries"
    return ""
