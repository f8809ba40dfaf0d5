"""How this host gets in: TLS, and a token for as long as it is good."""

import logging
import threading
from collections.abc import Callable
from typing import Final

from lighthouse.etcd.errors import Denied, Trouble
from lighthouse.etcd.settings import Endpoint, EtcdSettings
from lighthouse.net.connection import Deadline
from lighthouse.net.tls import Contexts

logger: Final = logging.getLogger(__name__)

Authenticate = Callable[[str, str, Deadline], str]
"""Asks etcd for a token, with a user and a password; raises ``Denied`` for wrong ones."""


class Authentication:
    """Shared by all clients of a source, from any thread."""

    def __init__(self, settings: EtcdSettings) -> None:
        self._auth: Final = settings.auth
        self._plain: Final = Contexts(False)
        self._secure: Final = Contexts(settings.tls or True)
        self._lock: Final = threading.Lock()
        self._token: str | None = None
        self._open_to_all = False

    def contexts(self, endpoint: Endpoint) -> Contexts:
        return self._secure if endpoint.secure else self._plain

    def token(
        self, authenticate: Authenticate, deadline: Deadline, instead_of: str | None = None
    ) -> str:
        """A token, empty if none is needed; ``instead_of`` is one that was refused.

        The password is read anew each time that etcd is asked for one.
        """
        auth = self._auth
        if auth is None:
            return ""
        with self._lock:
            if self._token is not None and self._token != instead_of:
                return self._token
            try:
                password = auth.password.read()
            except OSError as error:
                where = f"auth.password: {error.filename or 'it cannot be read'}"
                raise Denied(f"{where}: {error.strerror or error}") from error
            try:
                self._token = authenticate(auth.user, password, deadline)
            except Denied:
                self._token = None
                raise
            except Trouble as error:
                if "authentication is not enabled" not in str(error):
                    raise
                self._token = ""
                if not self._open_to_all:
                    self._open_to_all = True
                    logger.warning("etcd asks nobody for a user: %s", error)
            return self._token

    def forget(self) -> None:
        """Ask for a new token the next time."""
        with self._lock:
            self._token = None
