"""The one ``peers`` section: the HAProxys of the fleet that share their stick tables.

The members come from the nodes' ``peer``, which is the lighthouse that registered them. HAProxy
cannot change the section while it runs, so it is held as it is for as long as it may be.
"""

import re
from collections.abc import Iterable
from typing import Final

from lighthouse.haproxy.rendering.binds import HERE
from lighthouse.haproxy.rendering.chunks import Draft
from lighthouse.haproxy.rendering.server import address
from lighthouse.haproxy.schema.balancer import PEERS, HAProxySettings, header
from lighthouse.haproxy.schema.directive import last, words
from lighthouse.peer import Peer

_PEER: Final = re.compile(r"^    peer (\S+) \[?([0-9a-f.:]+?)\]?:(\d+)(?: #.*)?$", re.MULTILINE)


def share(line: str, settings: HAProxySettings) -> str:
    """A line of the operator's, with the peers that it names made to be our section.

    A section of that name among the extra ones is left to the operator.
    """
    found = words(line)
    if found[:1] != ("stick-table",) or "peers" not in found[:-1]:
        return line
    name = found[found.index("peers") + 1]
    if name in _own_sections(settings):
        return line
    return re.sub(r"(\speers\s+)\S+", rf"\g<1>{PEERS}", line)


def is_shared(text: str) -> bool:
    """Return True if a text has a table that our section serves."""
    return f" peers {PEERS}" in text


def section(settings: HAProxySettings, host: str, peers: Iterable[Peer]) -> Draft:
    """The section; ``host`` is this host's name among the peers, and always a member."""
    own = settings.peers
    local = local_name(settings, host)
    found = {peer.name: peer for peer in sorted(peers, key=_order)}
    standing = found.get(local)
    at = own.address or (standing.ip if standing else _here(settings))
    found[local] = Peer(local, at, own.port)
    draft = Draft()
    draft.head(f"peers {PEERS}", "peers")
    for name in sorted(found):
        peer = found[name]
        here = f" {HERE}" if name == local else ""
        draft.line(f"peer {name} {address(peer.ip, peer.port)}{here}", "peers", "port")
    draft.blank()
    return draft


def local_name(settings: HAProxySettings, host: str) -> str:
    """This host's name among the peers: an operator's ``localpeer`` line wins."""
    given = last(settings.global_, "localpeer")
    return given[1] if len(given) > 1 else settings.peers.name or host


def standing(text: str) -> frozenset[Peer]:
    """The peers in a rendered file."""
    start = text.find(f"\npeers {PEERS}\n")
    end = text.find("\n\n", start)
    body = text[start:end] if start >= 0 else ""
    return frozenset(Peer(m[1], m[2], int(m[3])) for m in _PEER.finditer(body + "\n"))


def _own_sections(settings: HAProxySettings) -> set[str]:
    found = (header(text) for text in settings.extra_sections)
    return {head.name for head in found if head.section == "peers"}


def _here(settings: HAProxySettings) -> str:
    return "127.0.0.1" if settings.bind_address == "*" else settings.bind_address


def _order(peer: Peer) -> tuple[str, str, int]:
    return peer.name, peer.ip, peer.port
