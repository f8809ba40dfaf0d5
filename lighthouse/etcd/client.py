"""etcd's API as far as it is used here, with one endpoint; every call is bounded in time."""

import contextlib
import http.client
from collections.abc import Iterator
from typing import Any, Final, TypeVar

import msgspec

from lighthouse.etcd import errors, protocol
from lighthouse.etcd.auth import Authentication
from lighthouse.etcd.counts import EtcdCounts
from lighthouse.etcd.errors import EtcdAway, LeaseGone, StaleToken, TooLarge, Trouble
from lighthouse.etcd.http import Http, WatchStream, connect
from lighthouse.etcd.protocol import Ranged, ResponseHeader
from lighthouse.etcd.settings import Endpoint
from lighthouse.net.connection import Deadline

T = TypeVar("T")

CALL: Final = 2.0
"""Seconds for one question and its answer."""

PAGE_TIME: Final = 5.0
"""Seconds for one page of a list."""

WATCH: Final = 5.0
"""Seconds for a watch to begin."""

PAGE: Final = 2000
"""Keys of a page."""

_CHECK: Final = 0.5
_BEAT: Final = protocol.encode({"progress_request": {}})


class EtcdClient:
    """Everything raised is a ``Trouble``; not for several threads at once."""

    def __init__(
        self, endpoint: Endpoint, authentication: Authentication, counts: EtcdCounts
    ) -> None:
        self.endpoint: Final = endpoint
        self._authentication: Final = authentication
        self._counts: Final = counts
        self._http: Final = Http(endpoint, authentication.contexts(endpoint))

    def close(self) -> None:
        self._http.close()

    def probe(self, key: bytes) -> ResponseHeader:
        """How far the cluster is, by a linearizable read of one key: so there is a quorum."""
        self._counts.add("probes")
        request = {"key": key, "limit": 1, "keys_only": True}
        try:
            return self._call("/v3/kv/range", request, Ranged).header
        except EtcdAway as fault:
            if not isinstance(fault.__cause__, TimeoutError):
                raise
            raise EtcdAway(self._silence()) from fault

    def pages(self, prefix: bytes, keys_only: bool = False) -> Iterator[Ranged]:
        """All keys below a prefix as they were at the first page's revision, in order."""
        key, limit, revision = prefix, PAGE, 0
        while True:
            request = {"key": key, "range_end": protocol.prefix_end(prefix), "limit": limit}
            request |= {"revision": revision, "keys_only": keys_only}
            self._counts.add("reads")
            try:
                page = self._call("/v3/kv/range", request, Ranged, PAGE_TIME)
            except TooLarge:
                if limit == 1:
                    raise
                limit = max(1, limit // 8)
                continue
            if page.kvs and page.kvs[-1].key < key:
                raise Trouble("a list that does not go on: what answers is no etcd, or broken")
            revision = revision or page.header.revision
            yield page
            if not page.more or not page.kvs:
                return
            key = page.kvs[-1].key + b"\0"

    def put_if(self, key: bytes, seen: int, value: bytes, lease: int) -> protocol.Transacted:
        """Put if the key's last change is ``seen`` (0: there is none), else read it."""
        put = {"key": key, "value": value, "lease": lease}
        return self._transact(key, seen, {"request_put": put})

    def delete_if(self, key: bytes, seen: int) -> protocol.Transacted:
        """Delete if the key's last change is ``seen``, else read it."""
        return self._transact(key, seen, {"request_delete_range": {"key": key}})

    def grant(self, ttl: int) -> protocol.Leased:
        return self._call("/v3/lease/grant", {"TTL": ttl}, protocol.Leased)

    def keep_alive(self, lease: int) -> int:
        """The seconds that the lease has from now on; raises ``LeaseGone`` if it has none."""
        answer = self._call("/v3/lease/keepalive", {"ID": lease}, protocol.KeptAlive)
        if answer.error is not None:
            raise errors.of_failure(answer.error)
        if answer.result is None or answer.result.ttl <= 0:
            raise LeaseGone("the lease has expired, or was revoked")
        return answer.result.ttl

    def revoke(self, lease: int, seconds: float) -> None:
        self._call("/v3/lease/revoke", {"ID": lease}, protocol.Leased, seconds)

    def watch(self, prefix: bytes, revision: int) -> WatchStream:
        """The stream of all changes below a prefix since a revision."""
        create = {"key": prefix, "range_end": protocol.prefix_end(prefix), "fragment": True}
        first = protocol.encode({"create_request": create | {"start_revision": revision}})
        deadline = Deadline(CALL)
        with self._told():
            token = self._authentication.token(self.authenticate, deadline)
            connection = connect(
                self.endpoint, self._authentication.contexts(self.endpoint), deadline
            )
            stream = WatchStream(connection, _BEAT)
            try:
                stream.begin(self.endpoint, "/v3/watch", first, token, Deadline(WATCH))
                refused = stream.refused()
            except BaseException:
                stream.close()
                raise
        if refused is not None:
            stream.close()
            raise errors.of_answer(*refused)
        return stream

    def authenticate(self, user: str, password: str, deadline: Deadline) -> str:
        """A new token; raises ``Denied`` for wrong credentials."""
        body = protocol.encode({"name": user, "password": password})
        return self._ask("/v3/auth/authenticate", body, "", deadline, protocol.Authenticated).token

    def _transact(self, key: bytes, seen: int, action: dict[str, Any]) -> protocol.Transacted:
        compare = {"key": key, "target": "MOD", "result": "EQUAL", "mod_revision": seen}
        request = {"compare": [compare], "success": [action]}
        request["failure"] = [{"request_range": {"key": key}}]
        self._counts.add("writes")
        return self._call("/v3/kv/txn", request, protocol.Transacted)

    def _call(self, target: str, request: dict[str, Any], kind: type[T], time: float = CALL) -> T:
        """Put the question; a token that is no good any more is replaced once."""
        deadline, body = Deadline(time), protocol.encode(request)
        token = self._authentication.token(self.authenticate, deadline)
        try:
            return self._ask(target, body, token, deadline, kind)
        except StaleToken:
            token = self._authentication.token(self.authenticate, deadline, instead_of=token)
            if not token:
                raise
            return self._ask(target, body, token, deadline, kind)

    def _ask(self, target: str, body: bytes, token: str, deadline: Deadline, kind: type[T]) -> T:
        with self._told():
            status, answer = self._http.ask("POST", target, body, token, deadline)
        if status == 200:
            try:
                return msgspec.json.decode(answer, type=kind, strict=False)
            except msgspec.DecodeError as error:
                raise Trouble(f"{target}: not what etcd answers ({error})") from error
        if status == 404 and b'"error"' not in answer:
            raise self._no_gateway(deadline)
        raise errors.of_answer(status, answer)

    def _silence(self) -> str:
        """Why a read is not answered: ask what a member can answer without the others."""
        try:
            with self._told():
                self._http.ask("GET", "/version", b"", "", Deadline(_CHECK))
        except Trouble:
            return f"no answer within {CALL:g} s: stopped, overloaded, or cut off?"
        return f"it answers no reads within {CALL:g} s: the cluster has no leader (quorum lost?)"

    def _no_gateway(self, deadline: Deadline) -> Trouble:
        """Why there is no ``/v3``: ask what it is that answers."""
        with self._told():
            status, answer = self._http.ask("GET", "/version", b"", "", deadline)
        try:
            version = msgspec.json.decode(answer, type=protocol.EtcdVersion).etcdserver
        except msgspec.DecodeError:
            version = ""
        if status != 200 or not version:
            return errors.Unsuited("no etcd answers there (HTTP status 404)")
        return errors.of_version(version) or errors.Unsuited(
            f"etcd {version} answers without its JSON gateway: is this the port for clients,"
            " and is enable-grpc-gateway true?"
        )

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what a connection raises into trouble that says what it means."""
        try:
            yield
        except Trouble:
            raise
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise errors.of_connection(error, self.endpoint) from error
