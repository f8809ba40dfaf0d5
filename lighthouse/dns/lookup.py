"""All questions that a cluster takes: its own name, and the addresses of its targets."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from lighthouse.dns.answer import NOWHERE, Answer, Service, Type, Unanswered
from lighthouse.dns.resolver import Resolver
from lighthouse.dns.settings import Family, Query

_TYPES: Final[Mapping[Family, Sequence[Type]]] = {
    "any": ("A", "AAAA"),
    "both": ("A", "AAAA"),
    "ipv4": ("A",),
    "ipv6": ("AAAA",),
}

Beside = Mapping[tuple[str, Type], Answer]


class Place(msgspec.Struct, frozen=True):
    """Where a name leads: addresses, or why there are none (``missing``), or an ``error``."""

    addresses: tuple[str, ...] = ()
    ttl: int = 0
    missing: str = ""
    confirmed: bool = False
    error: str = ""


class Found(msgspec.Struct, frozen=True):
    """What was found of a cluster; of a service, ``targets`` has a place for each target."""

    ttl: int
    services: tuple[Service, ...] = ()
    targets: Mapping[str, Place] = {}
    addresses: tuple[str, ...] = ()
    missing: str = ""
    confirmed: bool = False


async def look_up(resolver: Resolver, query: Query) -> Found:
    """Raises ``Unanswered`` if nobody can say anything about the name itself."""
    if not query.service:
        place = await _locate(resolver, query.name, query.family, {})
        if place.error:
            raise Unanswered(place.error)
        return Found(
            place.ttl,
            addresses=place.addresses,
            missing=place.missing,
            confirmed=place.confirmed,
        )
    answer = await resolver.ask(query.name, "SRV")
    if answer.missing:
        return Found(answer.ttl, missing=answer.missing, confirmed=answer.confirmed)
    services = tuple(service for service in answer.services if service.target != NOWHERE)
    names = sorted({service.target for service in services})
    places = await asyncio.gather(
        *[_locate(resolver, name, query.family, answer.beside) for name in names]
    )
    ttl = min([answer.ttl, *[place.ttl for place in places if not place.error]])
    return Found(ttl, services=services, targets=dict(zip(names, places, strict=True)))


async def _locate(resolver: Resolver, name: str, family: Family, beside: Beside) -> Place:
    """The addresses of one name.

    Those that came beside are as good as asked for, but that some did not come says nothing:
    a nameserver leaves out what has no room.
    """

    async def ask(kind: Type) -> Answer:
        return beside.get((name, kind)) or await resolver.ask(name, kind)

    answers: list[Answer] = []
    try:
        if family == "both":
            answers += await asyncio.gather(*[ask(kind) for kind in _TYPES[family]])
        else:
            for kind in _TYPES[family]:
                answers.append(await ask(kind))
                if answers[-1].addresses:
                    break
    except Unanswered as fault:
        return Place(error=str(fault))
    return _place([answer for answer in answers if answer.addresses] or answers)


def _place(answers: Sequence[Answer]) -> Place:
    """One place of what was said about each type; either of them is enough."""
    return Place(
        addresses=tuple(address for answer in answers for address in answer.addresses),
        ttl=min(answer.ttl for answer in answers),
        missing=" and ".join(dict.fromkeys(a.missing for a in answers if a.missing)),
        confirmed=all(answer.confirmed for answer in answers),
    )
