"""What can go wrong with etcd, in an operator's words: what it is and what to do about it."""

import http.client
import socket
import ssl
from typing import Final

import msgspec

from lighthouse.etcd.settings import Endpoint
from lighthouse.net.connection import said
from lighthouse.text import one_line

OLDEST: Final = (3, 4)
"""The first etcd with the API under ``/v3``."""


class Trouble(OSError):
    """One line for an operator; the work is tried again."""

    patient = True
    """Return True if trying again at once would be of no use: somebody has to change something."""


class EtcdAway(Trouble):
    """The endpoint does not answer, or not as one that can be relied on."""

    patient = False


class Unsuited(Trouble):
    """Whatever answers there speaks no API that is understood here."""


class Denied(Trouble):
    """Credentials or permissions are not what they have to be."""


class StaleToken(Denied):
    """The token has expired or was never known; another one has to be asked for."""


class Behind(Trouble):
    """What is known cannot be followed any further: everything has to be read anew."""

    patient = False


class LeaseGone(Trouble):
    """The lease has expired or was revoked, and with it all that was registered."""

    patient = False


class TooLarge(Trouble):
    """An answer that is longer than anybody wants to hold in memory."""


class KeyTaken(Trouble):
    """The key of a registration is somebody else's."""


class EtcdFailure(msgspec.Struct, frozen=True):
    """The body of an answer that is none: gRPC's code and what etcd says."""

    code: int = 0
    grpc_code: int = 0
    error: str = ""
    message: str = ""


_STALE: Final = ("invalid auth token", "auth store is old", "user name is empty")
_CERTIFICATE: Final = "if it wants a client certificate, give tls.cert_file and tls.key_file"
_ENDED: Final = (ssl.SSLEOFError, ConnectionResetError, BrokenPipeError)
_TLS_HINTS: Final = (
    ("CERTIFICATE_REQUIRED", _CERTIFICATE),
    ("BAD_CERTIFICATE", "it refuses the client certificate: look at tls.cert_file"),
    ("UNKNOWN_CA", "it does not know the authority of tls.cert_file"),
    ("WRONG_VERSION_NUMBER", "it seems to speak plain http"),
    ("RECORD_LAYER_FAILURE", "it seems to speak plain http"),
)


def of_connection(error: Exception, endpoint: Endpoint) -> Trouble:
    """What an error of the connection, or of what came over it, means."""
    host = endpoint.host
    if endpoint.secure and isinstance(error, _ENDED):
        return EtcdAway(f"it ended the TLS connection unasked; {_CERTIFICATE}")
    if isinstance(error, socket.gaierror):
        return _slow(f"no address for {host}: {said(error)}")
    if isinstance(error, ssl.SSLCertVerificationError):
        return _slow(f"{said(error)}; is it tls.ca_file's, and for {one_line(host, 60)}?")
    if isinstance(error, ssl.SSLError):
        hints = [hint for name, hint in _TLS_HINTS if name in str(error.reason or error)]
        return _slow("; ".join([said(error), *hints]))
    if isinstance(error, http.client.RemoteDisconnected):
        return EtcdAway("it closed the connection without an answer; https in place of http?")
    if isinstance(error, http.client.IncompleteRead):
        return EtcdAway("it closed the connection in the middle of an answer")
    if isinstance(error, http.client.HTTPException):
        return Unsuited(f"no HTTP answer ({said(error)}); is this etcd's client port?")
    if isinstance(error, FileNotFoundError | PermissionError):
        return _slow(f"{error.filename}: {said(error)}")
    return EtcdAway(said(error))


def of_answer(status: int, body: bytes) -> Trouble:
    """What an answer means that says something else than 200."""
    try:
        return of_failure(msgspec.json.decode(body, type=EtcdFailure))
    except msgspec.DecodeError:
        text = one_line(body[:200].decode(errors="replace"), 60)
        if "HTTP request to an HTTPS server" in text:
            return Unsuited("it speaks TLS: write https:// in its URL")
        return Unsuited(
            f"no etcd answers there (HTTP status {status}: {text}); is it the client port?"
        )


def of_failure(failure: EtcdFailure) -> Trouble:
    """What etcd means by an error."""
    text = one_line(failure.error or failure.message, 150)
    if any(sign in text for sign in _STALE):
        return StaleToken(f"{text}; etcd asks for a user: see 'auth'")
    if "authentication failed" in text:
        return Denied(f"{text}: look at auth.user and auth.password")
    if "permission denied" in text:
        return Denied(f"{text}: grant the user's role readwrite on the prefix 'path'")
    if "compacted" in text:
        return Behind(text)
    if "lease not found" in text:
        return LeaseGone(text)
    if "database space exceeded" in text:
        return Trouble(f"{text}: etcd takes no writes until it is compacted and disarmed")
    code = failure.code or failure.grpc_code
    if code == 8:
        return TooLarge(text)
    if code in (4, 13, 14):
        return EtcdAway(f"{text} (is there a quorum?)" if "timed out" in text else text)
    return Trouble(text or f"error {code}")


def of_version(text: str) -> Trouble | None:
    """Why a server of this version is not enough; None if it should be."""
    try:
        version = tuple(int(part) for part in text.split(".")[:2])
    except ValueError:
        return None
    if version >= OLDEST:
        return None
    return Unsuited(f"etcd {one_line(text, 20)} is too old: 3.4 or newer is needed")


def _slow(text: str) -> Trouble:
    trouble = EtcdAway(text)
    trouble.patient = True
    return trouble
