"""The text of the file that PostgreSQL includes: pure, so that equal input is equal bytes."""

from collections.abc import Mapping
from typing import Final

from psycopg.conninfo import make_conninfo

from lighthouse.node import Node
from lighthouse.postgresql.settings import ReplicationSettings

MOST: Final = 1023
"""Bytes of a ``primary_conninfo``; PostgreSQL cuts off what is longer, without a word."""

HEADER: Final = (
    "# Written by Lighthouse, which replaces it whole: put settings of your own elsewhere.\n"
)


class TooLong(ValueError):
    """What is to be written would be cut off by PostgreSQL."""


def primary_conninfo(node: Node, name: str, settings: ReplicationSettings) -> str:
    """How a standby of this name reaches a primary: always one host, and a ``dbname``.

    Raises ``TooLong``.
    """
    text = make_conninfo(
        host=node.ip,
        port=str(settings.port or node.port),
        user=settings.user,
        dbname=settings.dbname,
        application_name=name,
        **{key: str(value) for key, value in sorted(settings.extra.items())},
    )
    size = len(text.encode())
    if size > MOST:
        raise TooLong(
            f"primary_conninfo would have {size} bytes, and PostgreSQL cuts off all beyond "
            f"{MOST}: shorten replication.extra or node_name"
        )
    return text


def render(values: Mapping[str, str]) -> bytes:
    """The file with these settings, in their order."""
    lines = [f"{name} = {_quoted(value)}\n" for name, value in values.items()]
    return (HEADER + "".join(lines)).encode()


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
