"""Which requests at a shared port are a cluster's own."""

from collections.abc import Iterator

import msgspec

from lighthouse.haproxy.directive import as_lines
from lighthouse.haproxy.section import Section

Place = tuple[str | int, ...]


class Route(msgspec.Struct, frozen=True, omit_defaults=True):
    """Lines of the shared frontend: conditions, then the choice of the backend.

    ``rank`` orders the choices of all members: an ``acl`` of the operator's own comes first,
    then hosts before any host and long paths before short ones, so that the file does not
    depend on what clusters are called.
    """

    rank: tuple[int, ...]
    cluster: str
    choice: str
    conditions: tuple[str, ...] = ()
    place: Place = ()


def routes(name: str, section: Section) -> Iterator[Route]:
    """A cluster's routes; none if its section has nothing to tell its requests by."""
    acl = as_lines(section.acl)
    if acl:
        conditions = tuple(f"acl is_{name} {line}" for line in acl)
        yield Route((0,), name, f"use_backend {name} if is_{name}", conditions, ("acl",))
    if section.hosts or section.paths:
        conditions = tuple(_host(name, host) for host in section.hosts)
        host = f"host_{name} " if section.hosts else ""
        for index, path in enumerate(section.paths or ("/",)):
            rank = (1, 0 if section.hosts else 1, -len(path))
            place = ("paths", index) if section.paths else ("hosts",)
            ways = " || ".join(f"{host}{way}".rstrip() for way in _path(path, bool(host)))
            yield Route(rank, name, f"use_backend {name} if {ways}", conditions, place)
            conditions = ()
    if section.default:
        yield Route((2,), name, f"default_backend {name}", (), ("default",))


def _host(name: str, host: str) -> str:
    if host.startswith("*."):
        return f"acl host_{name} req.hdr(host),field(1,:),lower -m end {host[1:].lower()}"
    return f"acl host_{name} req.hdr(host),field(1,:),lower -m str {host.lower()}"


def _path(path: str, hosted: bool) -> Iterator[str]:
    """Tests for a path and all that is below it; none for everything, if a host tells."""
    if path == "/":
        yield "" if hosted else "{ path_beg / }"
    elif path.endswith("/"):
        yield f"{{ path_beg {path} }}"
    else:
        yield f"{{ path {path} }}"
        yield f"{{ path_beg {path}/ }}"
