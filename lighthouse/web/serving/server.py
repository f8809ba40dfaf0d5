"""Listens, and has each connection served; nothing of it touches the process's signals."""

import asyncio
import contextlib
import logging
import socket
from typing import Any, Final

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.server import ServerState

from lighthouse.web.serving.connection import HEAD, IDLE, BrowserConnection

BACKLOG: Final = 128


class PageServer:
    """Serves an application at one address at a time."""

    def __init__(self, app: ASGIApp) -> None:
        self._app: Final = app
        self._state: Final = ServerState()
        self._server: asyncio.Server | None = None
        self._place: tuple[str, int] | None = None
        # Whoever sends garbage is told; a line of the log for each would be for him to fill.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)

    async def listen(self, ip: str, port: int) -> None:
        """Listen there, and nowhere else any more; raises ``OSError`` if that cannot be."""
        if self._place == (ip, port):
            return
        self.close()
        config = Config(
            self._app,
            http=BrowserConnection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=int(IDLE),
            h11_max_incomplete_event_size=HEAD,
        )
        config.load()
        sock = _socket(ip, port)
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: BrowserConnection(config, self._state, {}), sock=sock, backlog=BACKLOG
            )
        except OSError:
            sock.close()
            raise
        self._place = ip, port

    def close(self) -> None:
        """Listen no more, and end what is connected."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._state.connections):
            with contextlib.suppress(AttributeError):
                connection.transport.abort()
        self._server = self._place = None

    def status(self) -> dict[str, Any]:
        """Where it listens, and how many are connected."""
        place = None if self._place is None else f"http://{_spelt(*self._place)}/"
        return {"address": place, "connections": len(self._state.connections)}


def _socket(ip: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((ip, port))
    except OSError:
        sock.close()
        raise
    return sock


def _spelt(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
