"""Who may have which names and addresses: clusters among each other, and beside an operator's.

Whoever is served keeps what it has, whoever comes second is left out and told so. Where nobody
is served yet, the balancer's own file comes first, then the clusters by name.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from lighthouse.balancer import Finding
from lighthouse.haproxy.rendering import binds
from lighthouse.haproxy.rendering.binds import Spot
from lighthouse.haproxy.rendering.chunks import Chunk, ConfigPath
from lighthouse.haproxy.rendering.render import METRICS, STATS
from lighthouse.haproxy.rendering.stanza import Stanza, Stanzas
from lighthouse.haproxy.schema.balancer import HAProxySettings, header

_TABLES: Final = ("meta_clusters", "proxies", "extra_sections")
_SINGLE: Final = ("stats", "prometheus")
_HEADS: Final = ("listen ", "frontend ", "backend ")


def give_way(
    settings: HAProxySettings, head: Iterable[Chunk], stanzas: Stanzas, served: Stanzas
) -> tuple[HAProxySettings, tuple[Finding, ...]]:
    """The settings without the sections that want what a served cluster has, and why.

    ``head`` is the settings' text. A cluster has its name, and the addresses that it listens
    at and goes on wanting.
    """
    taken = binds.Claims()
    names = stanzas.keys() & served.keys()
    for name in names:
        spots = frozenset(served[name].facts.spots).intersection(stanzas[name].facts.spots)
        taken.add(spots, f"cluster {name}")
    found: dict[ConfigPath, Finding] = {}
    for chunk in head:
        place = chunk.places[0] if chunk.places else ()
        if chunk.owner or not place or place[0] not in (*_TABLES, *_SINGLE):
            continue
        unit = place[:1] if place[0] in _SINGLE else place[:2]
        if text := _conflict(chunk.text, names, taken):
            found.setdefault(unit, Finding(unit, f"{text}; it is left out until one is changed"))
    for unit in found:
        settings = _without(settings, unit)
    return settings, tuple(found.values())


def _conflict(text: str, names: Iterable[str], taken: binds.Claims) -> str:
    """What of a section belongs to a cluster, empty if nothing does."""
    first = text.partition("\n")[0]
    name = first.partition(" ")[2] if first.startswith(_HEADS) else ""
    if name in names:
        return f"the name belongs to cluster {name}, which is served"
    for spot in binds.spots(text):
        if (owner := taken.owner(spot)) is not None:
            return f"{_shown(spot)} belongs to {owner}, which is served"
    return ""


def _without(settings: HAProxySettings, unit: ConfigPath) -> HAProxySettings:
    key = str(unit[0])
    changed: dict[str, Any] = {key: None}
    if key in _TABLES:
        changed = {key: {n: v for n, v in getattr(settings, key).items() if n != unit[1]}}
    return msgspec.structs.replace(settings, **changed)


def allot(
    settings: HAProxySettings,
    head: Iterable[Chunk],
    stanzas: Stanzas,
    standing: Stanzas | None = None,
) -> tuple[dict[str, Stanza], dict[str, Finding]]:
    """The clusters that may have their addresses and names, and why the others may not.

    The settings' own (whose text is ``head``) come first, then the clusters that listen where
    they do already (``standing`` is what runs), then the others by name. One whose new address
    is another's stays where it is.
    """
    claims = binds.Claims()
    for chunk in head:
        claims.add(binds.spots(chunk.text), "the balancer's file")
    former = standing or {}
    names = _names(settings)
    kept: dict[str, Stanza] = {}
    faults = {}
    for name in sorted(stanzas, key=lambda n: (_moves(stanzas[n], former.get(n)), n)):
        stanza = stanzas[name]
        if name in names:
            text = "a proxy, section or meta_cluster in the balancer's file has the same name"
            faults[name] = Finding((), text, name)
            continue
        if (fault := _taken(stanza, claims)) is not None:
            faults[name] = fault
            before = former.get(name)
            if before is None or _taken(before, claims) is not None:
                continue
            stanza = before
        elif (fault := _without_meta(settings, stanza)) is not None:
            faults[name] = fault
        kept[name] = stanza
        claims.add(stanza.facts.spots, f"cluster {name}")
    return kept, faults


def _moves(stanza: Stanza, former: Stanza | None) -> bool:
    """Return True if a cluster asks for addresses that it does not have."""
    return former is None or former.facts.spots != stanza.facts.spots


def _taken(stanza: Stanza, claims: binds.Claims) -> Finding | None:
    """The first address of a cluster that is somebody else's."""
    for spot in stanza.facts.spots:
        if (owner := claims.owner(spot)) is not None:
            text = f"{_shown(spot)} belongs to {owner}"
            return Finding(_place(spot), text, stanza.cluster)
    return None


def _names(settings: HAProxySettings) -> set[str]:
    extra = [header(text) for text in settings.extra_sections]
    own = {head.name for head in extra if head.is_proxy}
    return {STATS, METRICS, *settings.meta_clusters, *settings.proxies, *own}


def _without_meta(settings: HAProxySettings, stanza: Stanza) -> Finding | None:
    """Why a member of a meta cluster gets none of its requests, if it does not."""
    meta = stanza.facts.meta
    if meta is None:
        return None
    if meta not in settings.meta_clusters:
        text = f"meta_cluster '{meta}' is not in the balancer's file"
        return Finding((), text, stanza.cluster)
    if not stanza.facts.routes and not stanza.facts.spots:
        text = f"nothing tells its requests at '{meta}': give it an acl, hosts or paths"
        return Finding((), text, stanza.cluster)
    return None


def _place(spot: Spot) -> ConfigPath:
    return ("port",) if spot.port else ("bind",)


def _shown(spot: Spot) -> str:
    return f"port {spot.port}" if spot.port else spot.host
