"""The status page and the metrics: where they are served, and to whom."""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import msgspec

from lighthouse import schema
from lighthouse.schema import shown

PORT: Final = 9547

_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


class ListenAddress(msgspec.Struct, frozen=True):
    """An IP address and a port of this host."""

    ip: str = "127.0.0.1"
    port: int = PORT

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"


class WebSettings(msgspec.Struct, frozen=True):
    """``web`` of ``lighthouse.yaml``.

    ``token_file`` holds what a caller has to know to have something done; without it nobody can.
    ``allowed_hosts`` are the names under which browsers may reach the page.
    """

    listen: ListenAddress = ListenAddress()
    token_file: Path | None = None
    allowed_hosts: tuple[str, ...] = ()


def listen_address(value: object) -> ListenAddress:
    """``IP:PORT``, ``[IP]:PORT``, an address alone or a port alone."""
    if isinstance(value, int) and not isinstance(value, bool):
        return ListenAddress(port=_port(str(value)))
    text = schema.convert(value, str)
    bare = text.removeprefix("[").removesuffix("]")
    if _is_address(bare):
        return ListenAddress(bare)
    host, colon, port = text.rpartition(":")
    host = "127.0.0.1" if host == "localhost" else host.removeprefix("[").removesuffix("]")
    if not colon or not _is_address(host):
        raise ValueError(f"expected IP:PORT, such as 127.0.0.1:{PORT}, got {shown(text)}")
    return ListenAddress(host, _port(port))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise ValueError(f"expected a port 1..65535, got {shown(text)}")
    return int(text)


def host_name(value: object) -> str:
    """The name of a host, in lower case."""
    text = schema.convert(value, str)
    if not _NAME.fullmatch(text):
        raise ValueError(f"expected a host's name without a port, got {shown(text)}")
    return text.lower()
