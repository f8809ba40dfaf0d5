"""Which requests at a shared port are a cluster's own."""

from collections.abc import Iterator

import msgspec

from lighthouse.haproxy.schema.cluster import ClusterSection
from lighthouse.haproxy.schema.directive import as_lines

ConfigPath = tuple[str | int, ...]


class Route(msgspec.Struct, frozen=True, omit_defaults=True):
    """Lines of the shared frontend: conditions, then the choice of the backend.

    ``rank`` orders the choices of all members: an ``acl`` of the operator's own comes first,
    then hosts, patterns of hosts and any host, and of each long paths before short ones, so
    that the file does not depend on what clusters are called.
    """

    rank: tuple[int, ...]
    cluster: str
    choice: str
    conditions: tuple[tuple[str, ConfigPath], ...] = ()
    place: ConfigPath = ()


def routes(name: str, section: ClusterSection) -> Iterator[Route]:
    """A cluster's routes; none if its section has nothing to tell its requests by."""
    acl = as_lines(section.acl)
    if acl:
        places = (
            [("acl",)] if isinstance(section.acl, str) else [("acl", n) for n in range(len(acl))]
        )
        lines = (f"acl is_{name} {line}" for line in acl)
        conditions = tuple(zip(lines, places, strict=True))
        yield Route((0,), name, f"use_backend {name} if is_{name}", conditions, ("acl",))
    groups = _hosts(name, section)
    for group in groups or ([_Hosts((2, 0))] if section.paths else ()):
        conditions = group.conditions
        for index, path in enumerate(section.paths or ("/",)):
            place = ("paths", index) if section.paths else ("hosts",)
            ways = " || ".join(f"{group.acl}{way}".rstrip() for way in _path(path, groups != []))
            rank = (1, *group.rank, -len(path))
            yield Route(rank, name, f"use_backend {name} if {ways}", conditions, place)
            conditions = ()
    if section.default:
        yield Route((2,), name, f"default_backend {name}", (), ("default",))


class _Hosts(msgspec.Struct):
    """Some of a cluster's hosts that are asked for at once."""

    rank: tuple[int, int]
    acl: str = ""
    conditions: tuple[tuple[str, ConfigPath], ...] = ()


def _hosts(name: str, section: ClusterSection) -> list[_Hosts]:
    """The exact hosts, then the patterns, long ones before short ones."""
    found: dict[tuple[int, int], _Hosts] = {}
    for index, host in enumerate(section.hosts):
        wild = host.startswith("*.")
        rank = (1, -len(host)) if wild else (0, 0)
        acl = f"host{len(host)}_{name}" if wild else f"host_{name}"
        test = f"-m end {host[1:].lower()}" if wild else f"-m str {host.lower()}"
        line = f"acl {acl} req.hdr(host),field(1,:),lower {test}"
        group = found.setdefault(rank, _Hosts(rank, f"{acl} "))
        group.conditions = (*group.conditions, (line, ("hosts", index)))
    return [found[rank] for rank in sorted(found)]


def _path(path: str, hosted: bool) -> Iterator[str]:
    """Tests for a path and all that is below it; none for everything, if a host tells."""
    if path == "/":
        yield "" if hosted else "{ path_beg / }"
    elif path.endswith("/"):
        yield f"{{ path_beg {path} }}"
    else:
        yield f"{{ path {path} }}"
        yield f"{{ path_beg {path}/ }}"
