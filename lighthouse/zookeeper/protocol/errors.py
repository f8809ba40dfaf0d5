"""What went wrong with ZooKeeper, in words that say what to do about it."""

import socket
import ssl
from collections.abc import Iterable, Mapping

from kazoo.exceptions import (
    AuthFailedError,
    ConnectionLoss,
    KazooException,
    NoAuthError,
    SessionClosedRequireSaslError,
    UnimplementedError,
)
from kazoo.handlers.threading import KazooTimeoutError

from lighthouse.text import one_line


def refusal(error: BaseException) -> str:
    """Why a server could not be connected to."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, LookupError):
        return "its name cannot be resolved"
    if isinstance(error, AuthFailedError):
        return "it refuses the credentials of 'auth'"
    if isinstance(error, UnimplementedError):
        return "it is older than ZooKeeper 3.6 and has no persistent watches; upgrade it"
    if isinstance(error, SessionClosedRequireSaslError):
        return "it serves only clients that authenticate; give credentials in 'auth'"
    if isinstance(error, KazooTimeoutError) or isinstance(cause, TimeoutError | socket.timeout):
        return "no answer in time"
    if isinstance(cause, ssl.SSLCertVerificationError):
        why = one_line(cause.verify_message)
        return f"its certificate is not accepted ({why}); see 'ca_file' and 'server_name' of 'tls'"
    if isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "it ends the TLS handshake: is this its secure port, and does it want 'cert_file'?"
    if isinstance(cause, ssl.SSLError) and "CERTIFICATE" in (cause.reason or ""):
        return f"it does not accept us ({one_line(cause.reason)}); see 'cert_file' of 'tls'"
    if isinstance(cause, ssl.SSLError):
        return f"TLS fails ({one_line(cause.reason or cause)}): is this its secure port?"
    if isinstance(cause, ConnectionRefusedError):
        return "connection refused"
    if isinstance(cause, ConnectionResetError) or _hung_up(error, cause):
        return "it hangs up: no quorum, or a port that expects TLS"
    if isinstance(cause, OSError):
        named = f"{cause.filename}: " if cause.filename else ""
        return one_line(f"{named}{cause.strerror or cause}")
    return one_line(f"{type(error).__name__}: {error}")


def refusals(each: Mapping[tuple[str, int], Iterable[str]]) -> str:
    """Why none of several servers could be connected to.

    The same text whatever order they were tried in, and what they have in common once: a line
    of the log for each try would say no more.
    """
    told: dict[str, list[str]] = {}
    for (host, port), reasons in sorted(each.items()):
        told.setdefault(", ".join(sorted(reasons)), []).append(f"{host}:{port}")
    return "; ".join(f"{', '.join(servers)}: {why}" for why, servers in told.items())


def _hung_up(error: BaseException, cause: BaseException | None) -> bool:
    return cause is None and (isinstance(error, ConnectionLoss) or "broken" in str(error))


def denial(error: BaseException, path: str, user: str | None) -> str:
    """Why a request about a path failed."""
    if isinstance(error, NoAuthError):
        who = f"the user '{user}' of 'auth'" if user else "anybody; give credentials in 'auth'"
        return one_line(f"{path}: its ACL does not allow this to {who}")
    if isinstance(error, KazooTimeoutError):
        return one_line(f"{path}: no answer in time")
    if isinstance(error, KazooException):
        said = f" ({error})" if str(error) else ""
        return one_line(f"{path}: {type(error).__name__}{said}")
    return one_line(f"{path}: {error}")
