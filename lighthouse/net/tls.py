"""TLS as a check speaks it: with verification, unless the operator says otherwise."""

import os
import re
import ssl
from typing import Any, Final

import msgspec

from lighthouse.schema import Problem

_NAME: Final = re.compile(r"[A-Za-z0-9:_][A-Za-z0-9:_.-]{0,252}")


class Tls(msgspec.Struct, frozen=True):
    """The ``tls`` map of a check.

    ``ca_file`` replaces the system's authorities. ``server_name`` (default: the host that is
    connected to) is what is asked for and what the certificate has to be for. ``cert_file``
    and ``key_file`` are the check's own certificate.

    ``verify`` is whether the certificate has to be valid and made out to the server's name.
    """

    verify: bool = True
    ca_file: str | None = None
    server_name: str | None = None
    cert_file: str | None = None
    key_file: str | None = None

    @property
    def files(self) -> tuple[str, ...]:
        named = (self.ca_file, self.cert_file, self.key_file)
        return tuple(name for name in named if name is not None)


def problems(tls: bool | Tls) -> list[Problem]:
    """What is wrong with the setting beyond its types; files may still appear later."""
    if isinstance(tls, bool):
        return []
    found = [
        Problem(("tls", key), "expected an absolute path")
        for key in ("ca_file", "cert_file", "key_file")
        if (name := getattr(tls, key)) is not None and not os.path.isabs(name)
    ]
    if tls.key_file is not None and tls.cert_file is None:
        found.append(Problem(("tls", "key_file"), "'cert_file' is missing beside it"))
    if tls.server_name is not None and not _NAME.fullmatch(tls.server_name):
        found.append(Problem(("tls", "server_name"), "expected a host name or an address"))
    if not tls.verify and tls.ca_file is not None:
        found.append(Problem(("tls", "ca_file"), "means nothing with 'verify: false'"))
    return found


class Contexts:
    """Makes the context for a setting: once, and again whenever one of its files changes."""

    def __init__(self, tls: bool | Tls) -> None:
        self._tls: Final = Tls() if isinstance(tls, bool) else tls
        self._on: Final = tls is not False
        self._context: ssl.SSLContext | None = None
        self._files: tuple[Any, ...] = ()

    @property
    def server_name(self) -> str | None:
        return self._tls.server_name

    def get(self) -> ssl.SSLContext | None:
        """The context, None for plain connections; raises ``OSError`` for unusable files."""
        if not self._on:
            return None
        files = tuple(_stamp(name) for name in self._tls.files)
        if self._context is None or files != self._files:
            self._context, self._files = _context(self._tls), files
        return self._context


def _stamp(name: str) -> tuple[int, int, int]:
    found = os.stat(name)
    return found.st_ino, found.st_mtime_ns, found.st_size


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca_file)
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.cert_file is not None:
        context.load_cert_chain(tls.cert_file, tls.key_file, password=_no_password)
    return context


def _no_password() -> str:
    """Without this OpenSSL would ask on a terminal."""
    raise ssl.SSLError("the key is encrypted")
