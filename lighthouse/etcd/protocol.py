"""etcd's answers as its JSON gateway writes them: 64-bit numbers as text, bytes in base64."""

from typing import Any, Final

import msgspec

from lighthouse.etcd.errors import EtcdFailure
from lighthouse.known_types import make_known


class ResponseHeader(msgspec.Struct, frozen=True):
    """Of every answer: which cluster, and how far its history is."""

    cluster_id: int = 0
    member_id: int = 0
    revision: int = 0
    raft_term: int = 0


NO_HEADER: Final = ResponseHeader()


class KeyValue(msgspec.Struct, frozen=True):
    key: bytes = b""
    value: bytes = b""
    mod_revision: int = 0
    lease: int = 0


class Ranged(msgspec.Struct, frozen=True):
    header: ResponseHeader = NO_HEADER
    kvs: tuple[KeyValue, ...] = ()
    more: bool = False


class Event(msgspec.Struct, frozen=True):
    """A key that was put (no ``type``) or deleted (``DELETE``)."""

    kv: KeyValue
    type: str = "PUT"


class Watched(msgspec.Struct, frozen=True):
    """One message of a watch; ``watch_id`` is -1 for the answer to a progress request."""

    header: ResponseHeader = NO_HEADER
    watch_id: int = 0
    created: bool = False
    canceled: bool = False
    cancel_reason: str = ""
    compact_revision: int = 0
    fragment: bool = False
    events: tuple[Event, ...] = ()


class Streamed(msgspec.Struct, frozen=True):
    result: Watched | None = None
    error: EtcdFailure | None = None


class Response(msgspec.Struct, frozen=True):
    response_range: Ranged | None = None


class Transacted(msgspec.Struct, frozen=True):
    header: ResponseHeader = NO_HEADER
    succeeded: bool = False
    responses: tuple[Response, ...] = ()


class Leased(msgspec.Struct, frozen=True):
    """A lease; a ``TTL`` of 0 means that there is no such lease (any more)."""

    header: ResponseHeader = NO_HEADER
    id: int = msgspec.field(default=0, name="ID")
    ttl: int = msgspec.field(default=0, name="TTL")


class KeptAlive(msgspec.Struct, frozen=True):
    result: Leased | None = None
    error: EtcdFailure | None = None


class Authenticated(msgspec.Struct, frozen=True):
    token: str = ""


class EtcdVersion(msgspec.Struct, frozen=True):
    etcdserver: str = ""


make_known(
    Ranged,
    Streamed,
    Response,
    Transacted,
    Leased,
    KeptAlive,
    Authenticated,
    EtcdVersion,
    EtcdFailure,
)


def encode(request: dict[str, Any]) -> bytes:
    """A request; bytes in it become base64."""
    return msgspec.json.encode(request)


def prefix_end(prefix: bytes) -> bytes:
    """The first key after all those that begin with a prefix that ends in ``/``."""
    return prefix[:-1] + b"0"
