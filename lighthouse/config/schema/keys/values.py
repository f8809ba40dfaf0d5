"""Single values of a file: what each may be, and what it means."""

import grp
import logging
import math
import os
import pwd
from collections.abc import Callable
from typing import Any, Final

from lighthouse import schema
from lighthouse.config.schema import quantity
from lighthouse.config.schema.accounts import look_up
from lighthouse.config.schema.keys.table import JsonSchema, ValueKind, in_any_case
from lighthouse.node import Refused, is_cluster_name, parse
from lighthouse.schema import shown

MIN_MEMORY: Final = 32 * 1024 * 1024
"""Bytes; a plugin's process needs about as much before it does anything."""

_LOG_FORMATS: Final = ("text", "json")
_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_TEXT: Final[JsonSchema] = {"type": "string"}
_SCALAR: Final[JsonSchema] = {"type": ["string", "number", "boolean"]}

Scalar = str | int | float | bool


def whole(low: int, high: int) -> ValueKind:
    """A whole number within these bounds."""

    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"expected a number {low}..{high}, got {shown(value)}")
        return value

    return ValueKind(read, {"type": "integer", "minimum": low, "maximum": high})


def seconds(low: float = 0.0) -> ValueKind:
    """A duration of at least ``low`` seconds."""

    def read(value: object) -> float:
        duration = quantity.seconds(value)
        if duration < low:
            raise ValueError(f"expected at least {low:g} s, got {shown(value)}")
        return duration

    number = {"type": "number", "minimum": low, "maximum": quantity.LONGEST}
    return ValueKind(read, {"anyOf": [number, _text(quantity.SECONDS_TEXT)]})


def _text(pattern: str) -> JsonSchema:
    return {**_TEXT, "pattern": pattern}


def _line(value: object) -> str:
    text = schema.convert(value, str)
    if not text.strip() or not text.isprintable():
        raise ValueError(f"expected one line of text, got {shown(text)}")
    return text


def _name(value: object) -> str:
    text = schema.convert(value, str)
    if not is_cluster_name(text):
        raise ValueError(f"expected a name of 1 to 63 of A-Z a-z 0-9 _ . -, got {shown(text)}")
    return text


def _path(value: object) -> str:
    text = schema.convert(value, str)
    if not text or not text.isprintable():
        raise ValueError(f"expected a path, got {shown(text)}")
    return text


def _address(value: object) -> str:
    try:
        return parse({"ip": value, "port": 1}).ip
    except Refused as error:
        raise ValueError(str(error).removeprefix("ip: ")) from None


def _host(value: object) -> str:
    text = schema.convert(value, str)
    try:
        parse({"host": text, "ip": "127.0.0.1", "port": 1}, strict=True)
    except Refused as error:
        raise ValueError(str(error).removeprefix("host: ")) from None
    return text


def _metadata(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"expected a map, got {shown(value)}")
    try:
        return parse({"ip": "127.0.0.1", "port": 1, "metadata": value}, strict=True).metadata
    except Refused as error:
        raise ValueError(str(error).removeprefix("metadata: ")) from None


def _memory(value: object) -> int:
    memory = quantity.size(value)
    if memory < MIN_MEMORY:
        raise ValueError(f"expected at least 32M, got {shown(value)}")
    return memory


def _user(value: object) -> str:
    text = schema.convert(value, str)
    account = look_up(text)
    if not account.known:
        return text  # its worker finds out, and has the time
    if account.uid is None:
        raise ValueError(f"there is no user {shown(text)} on this host")
    if os.geteuid() not in (0, account.uid):
        raise ValueError(f"only root can run a worker as user {shown(text)}, and this is not root")
    return text


def _number_of(kind: str, find: Callable[[str], int]) -> Callable[[object], int]:
    def read(value: object) -> int:
        name = schema.convert(value, str)
        try:
            return find(name)
        except (KeyError, ValueError):
            raise ValueError(f"there is no {kind} {shown(name)} on this host") from None

    return read


def _level(value: object) -> str:
    if isinstance(value, str) and value.upper() in _LEVELS:
        return value.upper()
    raise ValueError(f"expected one of {', '.join(_LEVELS)}; got {shown(value)}")


def _log_format(value: object) -> str:
    if isinstance(value, str) and value.lower() in _LOG_FORMATS:
        return value.lower()
    raise ValueError(f"expected one of {', '.join(_LOG_FORMATS)}; got {shown(value)}")


def _any_level(value: object) -> None:
    """A level of the logging module, by name or number."""
    known = logging.getLevelNamesMapping()
    is_level = isinstance(value, int) and not isinstance(value, bool)
    if not is_level and not (isinstance(value, str) and value in known):
        raise ValueError(f"expected one of {', '.join(known)} or a number; got {shown(value)}")


def _version(value: object) -> None:
    """Of the format of ``logging.yaml``."""
    if value != 1 or isinstance(value, bool):
        raise ValueError(f"expected 1, got {shown(value)}")


def _scalar(value: object) -> Scalar:
    if not isinstance(value, str | int | float) or (
        isinstance(value, float) and not math.isfinite(value)
    ):
        raise ValueError(f"expected text, a number, true or false; got {shown(value)}")
    return value


def _one(value: object) -> tuple[Scalar, ...]:
    return (_scalar(value),)


def _any_of(value: object) -> tuple[Scalar, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"expected a list of values, got {shown(value)}")
    return tuple(_scalar(entry) for entry in value)


def _ranked(value: object) -> tuple[Scalar, ...]:
    return _any_of(value) if isinstance(value, list) else _one(value)


_SCALARS: Final[JsonSchema] = {"type": "array", "items": _SCALAR, "minItems": 1}

LINE: Final = ValueKind(_line, _text(r"\S"))
NAME: Final = ValueKind(_name, _text("^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$"))
PATH: Final = ValueKind(_path, {**_TEXT, "minLength": 1})
PORT: Final = whole(1, 65535)
ADDRESS: Final = ValueKind(_address, _text("^[0-9A-Fa-f:.]+$"))
HOST: Final = ValueKind(_host, _text("^[A-Za-z0-9_.:-]*$"))
METADATA: Final = ValueKind(_metadata, {"type": "object"})
FLAG: Final = ValueKind(lambda value: schema.convert(value, bool), {"type": "boolean"})
SHARE: Final = ValueKind(
    quantity.share,
    {"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, _text(quantity.SHARE_TEXT)]},
)
MEMORY: Final = ValueKind(
    _memory, {"anyOf": [{"type": "number", "minimum": MIN_MEMORY}, _text(quantity.SIZE_TEXT)]}
)
USER: Final = ValueKind(_user, _TEXT)
USER_NUMBER: Final = ValueKind(_number_of("user", lambda name: pwd.getpwnam(name).pw_uid), _TEXT)
GROUP_NUMBER: Final = ValueKind(_number_of("group", lambda name: grp.getgrnam(name).gr_gid), _TEXT)
LEVEL: Final = ValueKind(_level, in_any_case(*map(str.lower, _LEVELS)))
LOG_FORMAT: Final = ValueKind(_log_format, in_any_case(*_LOG_FORMATS))
ANY_LEVEL: Final = ValueKind(
    _any_level, {"anyOf": [{"type": "integer"}, {"enum": [*logging.getLevelNamesMapping()]}]}
)
VERSION: Final = ValueKind(_version, {"const": 1})
EQUAL: Final = ValueKind(_one, _SCALAR)
ANY_OF: Final = ValueKind(_any_of, _SCALARS)
RANKED: Final = ValueKind(_ranked, {"anyOf": [_SCALAR, _SCALARS]})
ANYTHING: Final = ValueKind(lambda value: value, {})
