"""Nodes as they stand in a coordination service, for the fleets that are there already.

``lighthouse`` is the format of the 2016 lighthouse: a JSON object with ``host``, ``ip``,
``port``, and ``peer`` and ``metadata`` as JSON *strings*. Ours adds ``weight`` and ``owner``,
which the older one does not read. ``smartstack`` is what nerve writes: ``host`` (an address),
``port``, ``name``, and optionally ``weight``, ``labels`` and ``haproxy_server_options``.
"""

import hashlib
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from lighthouse.node import Node, decode_record, parse

Format = Literal["lighthouse", "smartstack"]

_OPTIONS: Final = "haproxy_server_options"
_FLAGS: Final = frozenset({"backup", "check", "send-proxy", "send-proxy-v2"})


def owner(source: str) -> str:
    """The mark of this host's registrations in a source; the same in every process at any time.

    A registration that carries another mark is somebody else's, even under the same name.
    """
    machine = b""
    for name in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        try:
            machine = Path(name).read_bytes().strip()
            break
        except OSError:
            continue
    digest = hashlib.blake2b(machine + b"\0" + os.fsencode(source), digest_size=6)
    return f"{socket.gethostname()}:{digest.hexdigest()}"


def encode(node: Node, owner: str, written: Format = "lighthouse") -> bytes:
    """A node as others of this format read it, with the mark of who registered it."""
    if written == "smartstack":
        return _nerves(node, owner)
    fields: dict[str, Any] = {
        "host": node.host,
        "ip": node.ip,
        "port": node.port,
        "weight": node.weight,
        "metadata": _text(node.metadata),
        "owner": owner,
    }
    if node.peer is not None:
        fields["peer"] = _text(msgspec.to_builtins(node.peer))
    return msgspec.json.encode(fields)


def decode(data: bytes, written: Format = "lighthouse", options: bool = False) -> Node:
    """The node that a record describes; raises ``Refused`` with the reason otherwise.

    ``options`` lets nerve's ``haproxy_server_options`` pass, each as metadata of its name
    (``check inter 2s`` is ``{"check": true, "inter": "2s"}``): whether HAProxy may be told
    of it is then for the ``node_options`` of its own configuration to say.
    """
    return parse(data) if written == "lighthouse" else parse(_translated(data, options))


def owner_of(data: bytes) -> str | None:
    """The mark of who registered a record, None if it has none that could be read."""
    try:
        found = msgspec.json.decode(data, type=_Mark).owner
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if isinstance(found, str) else None


class _Mark(msgspec.Struct, frozen=True):
    owner: Any = None


def _translated(data: bytes, options: bool) -> Mapping[str, Any]:
    """Nerve's words in ours."""
    found = decode_record(data)
    labels = found.get("labels")
    asked = _options(found.get(_OPTIONS)) if options else {}
    return {
        "ip": found.get("host"),
        "port": found.get("port"),
        "host": found.get("name"),
        "weight": found.get("weight"),
        "metadata": labels | asked if isinstance(labels, dict) else asked or labels,
    }


def _options(text: object) -> dict[str, Any]:
    """HAProxy's words as keys and values; what needs a value and has none is left out."""
    words = iter(text.split() if isinstance(text, str) else ())
    found: dict[str, Any] = {}
    for word in words:
        if word in _FLAGS:
            found[word] = True
        elif (value := next(words, None)) is not None:
            found[word] = int(value) if value.isascii() and value.isdigit() else value
    return found


def _nerves(node: Node, owner: str) -> bytes:
    """A node in nerve's words; synapse takes it for one of nerve's."""
    return msgspec.json.encode(
        {
            "host": node.ip,
            "port": node.port,
            "name": node.host,
            "weight": node.weight,
            "labels": node.metadata,
            "owner": owner,
        }
    )


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
