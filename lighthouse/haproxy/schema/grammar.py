"""What the values of HAProxy's YAML may look like: pure checks that name every fault."""

import ipaddress
import re
from collections.abc import Iterator
from typing import Annotated, Final

import msgspec

from lighthouse.haproxy.schema.directive import fault
from lighthouse.node import is_cluster_name
from lighthouse.schema import Problem

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
ConfigPath = tuple[str | int, ...]

HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?")
DURATION: Final = re.compile(r"[0-9]{1,10}(us|ms|s|m|h|d)?")
_PATH: Final = re.compile(r"/[A-Za-z0-9_./@+=-]+")
_URI: Final = re.compile(r"/[A-Za-z0-9_./?=&~%+:@,-]*")
_SOCKET_LENGTH: Final = 88
"""HAProxy binds beside the socket first, under a longer name; the kernel takes 107."""


def lines(given: tuple[str, ...], place: ConfigPath) -> Iterator[Problem]:
    """Faults of lines that go into one section."""
    for index, text in enumerate(given):
        yield from line(text, (*place, index))


def line(text: str, place: ConfigPath) -> Iterator[Problem]:
    """Faults of a text that goes into a section as one line, or as a part of one."""
    if reason := fault(text):
        yield Problem(place, reason)
    elif place[0] != "global" and text.lstrip().startswith("."):
        yield Problem(place, "conditional blocks are possible in 'global' only")


def either(given: str | tuple[str, ...], place: ConfigPath) -> Iterator[Problem]:
    """Faults of what may be one text or a list of texts."""
    yield from line(given, place) if isinstance(given, str) else lines(given, place)


def path(text: str, place: ConfigPath, socket: bool = False) -> Iterator[Problem]:
    """Faults of a file's path, or of a socket's, which must be short."""
    if not _PATH.fullmatch(text):
        yield Problem(place, "expected an absolute path of letters, digits and _./@+=-")
    elif socket and len(text) > _SOCKET_LENGTH:
        what = f"{len(text)} characters; a socket's path has at most {_SOCKET_LENGTH}"
        yield Problem(place, what)


def uri(text: str, place: ConfigPath) -> Iterator[Problem]:
    if not _URI.fullmatch(text):
        yield Problem(place, "expected a path such as /haproxy")


def duration(value: int | str, place: ConfigPath) -> Iterator[Problem]:
    if not DURATION.fullmatch(str(value)):
        yield Problem(place, "expected a time such as 5000 or 5s")


def name(text: str, place: ConfigPath) -> Iterator[Problem]:
    if not is_cluster_name(text):
        yield Problem(place, "expected a name of at most 63 of A-Z a-z 0-9 _ . -")


def host(text: str, place: ConfigPath) -> Iterator[Problem]:
    if not is_address(text) and not HOST.fullmatch(text):
        yield Problem(place, "expected an IP address or a host name")


def address(text: str, place: ConfigPath) -> Iterator[Problem]:
    if text != "*" and not is_address(text):
        yield Problem(place, "expected an IP address, or * for all")


def is_address(text: str) -> bool:
    """Return True if the text is an IP address without a scope."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text
