"""The fields of a record: one foreign value each, taken if it is what it should be.

Numbers may be written as text; what is taken is of a known type, length and charset.
"""

import ipaddress
import json
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from lighthouse.text import kind_of, one_line, quoted

MAX_RECORD: Final = 16 * 1024
"""Bytes of one encoded node; a longer record is refused unread."""

MAX_WEIGHT: Final = 256
HUGE: Final = 2**63
"""What no number of a record may reach, so that everything that reads it has room for it."""

_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?")
_BROADCAST: Final = ipaddress.IPv4Address("255.255.255.255")
_DIGITS: Final = re.compile(r"-?[1-9][0-9]{0,17}|0")


NO_RECORD: Final = "nothing is written there: it is no record, and is left out"
"""The reason for what has a place among the records and does not claim to be one: the parent
of other znodes, a lock, an empty file."""


class Refused(ValueError):
    """A record is no acceptable node; the text says which field and why."""


def decode_record(data: bytes | str) -> Mapping[str, Any]:
    """The JSON object that a record is; raises ``Refused``, as ``NO_RECORD`` for nothing."""
    if len(data) <= MAX_RECORD and not data.strip():
        raise Refused(NO_RECORD)
    return decode_object(data, "record")


def decode_object(data: bytes | str, what: str) -> Mapping[str, Any]:
    """The JSON object in a text; raises ``Refused``, with ``what`` it should have been.

    Numbers that JSON does not have (NaN) pass: they cost only the part that they stand in.
    """
    try:
        encoded = data.encode() if isinstance(data, str) else data
        if len(encoded) > MAX_RECORD:
            raise Refused(f"{what}: {len(encoded)} bytes, at most {MAX_RECORD} are read")
        value = _any_json(encoded)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Refused(f"{what}: not JSON ({one_line(ascii(str(error))[1:-1], 100)})") from error
    if not isinstance(value, dict):
        raise Refused(f"{what}: expected an object, got {kind_of(value)}")
    return value


def _any_json(encoded: bytes) -> object:
    try:
        return msgspec.json.decode(encoded)
    except msgspec.DecodeError as error:
        try:
            return json.loads(encoded.decode("utf-8-sig"))
        except ValueError:
            raise error from None


def address(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise Refused(f"{field}: expected an IP address, got {kind_of(value)}")
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise Refused(f"{field}: {quoted(value)} is not an IP address") from None
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        raise Refused(f"{field}: {quoted(value)} has a scope, which other hosts cannot use")
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_unspecified or address.is_multicast or address == _BROADCAST:
        raise Refused(f"{field}: {address} is not an address of one host")
    return str(address)


def hostname(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise Refused(f"{field}: expected a host name, got {kind_of(value)}")
    if ":" not in value:
        if not _HOST.fullmatch(value):
            raise Refused(f"{field}: {quoted(value)} is not a host name")
        return value
    try:
        return label(address(value, field))
    except Refused:
        raise Refused(f"{field}: {quoted(value)} is not a host name or an address") from None


def label(ip: str) -> str:
    """An address as a host name: IPv6 in full, with dashes."""
    return ipaddress.ip_address(ip).exploded.replace(":", "-")


def number(value: object) -> object:
    """A whole number, however it is written; anything else as it is."""
    if isinstance(value, float) and value.is_integer() and abs(value) < HUGE:
        return int(value)
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    return value


def integer(given: object, field: str, low: int = 0, high: int = MAX_WEIGHT) -> int:
    value = number(given)
    if not isinstance(value, int) or isinstance(value, bool):
        found = quoted(value) if isinstance(value, str) else kind_of(value)
        raise Refused(f"{field}: expected {low}..{high}, got {found}")
    if not low <= value <= high:
        shown = value if abs(value) < HUGE else "a huge number"
        raise Refused(f"{field}: expected {low}..{high}, got {shown}")
    return value


def mapping(value: object, field: str) -> Mapping[str, Any]:
    if isinstance(value, str):
        return {} if value in ("", "null") else decode_object(value, field)
    if not isinstance(value, Mapping):
        raise Refused(f"{field}: expected an object, got {kind_of(value)}")
    return value
