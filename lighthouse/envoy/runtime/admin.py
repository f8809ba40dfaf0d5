"""Envoy's admin socket: who answers there, and what it has taken of the files."""

import contextlib
import http.client
import re
import socket
import struct
from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec

from lighthouse.envoy.rendering.text import MARK

_PATIENCE: Final = 2.0
_MANY: Final = 20
_PEER: Final = struct.Struct("3i")
_KINDS: Final = {"cds": "cluster_manager.cds", "lds": "listener_manager.lds"}


class ServerInfo(msgspec.Struct, frozen=True):
    """Who answers: ``live`` once it has read its first files."""

    pid: int
    epoch: int
    live: bool
    generation: str
    version: str
    hot_restart_version: str


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("envoy", timeout=_PATIENCE)
        self._path: Final = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_PATIENCE)
        self.sock.connect(self._path)

    def peer(self) -> int:
        """Return the process that listens there."""
        given = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        return int(_PEER.unpack(given)[0])


class AdminSocket:
    """Asks over a connection of its own each time; every method raises ``OSError``."""

    def __init__(self, path: str) -> None:
        self._path: Final = path

    def info(self) -> ServerInfo:
        """Who answers now."""
        text, pid = self._ask("/server_info")
        found = _decode(text)
        options = found.get("command_line_options", {})
        return ServerInfo(
            pid,
            int(options.get("restart_epoch", 0)),
            found.get("state") == "LIVE",
            str(found.get("node", {}).get("metadata", {}).get(MARK, "")),
            str(found.get("version", "")),
            str(found.get("hot_restart_version", "")),
        )

    def version(self, kind: str) -> str:
        """The version that it has of ``cds`` or ``lds``, empty if none."""
        name = f"{_KINDS[kind]}.version_text"
        return self._stats(f"^{re.escape(name)}$", "TextReadouts").get(name, "")

    def rejections(self, kind: str) -> int:
        """How often it has rejected a file of ``cds`` or ``lds``.

        It looks through all of its counters for that, which takes a while if it has many.
        """
        name = f"{_KINDS[kind]}.update_rejected"
        return int(self._stats(f"^{re.escape(name)}$", "Counters").get(name, 0))

    def endpoint_versions(self, clusters: Collection[str]) -> dict[str, str]:
        """The version of the endpoints that each of these clusters has, if it has any."""
        names = "|".join(map(re.escape, clusters)) if len(clusters) <= _MANY else ".*"
        found = self._stats(f"^cluster.({names}).version_text$", "TextReadouts")
        prefix, suffix = len("cluster."), len(".version_text")
        return {name[prefix:-suffix]: version for name, version in found.items()}

    def listener_faults(self) -> dict[str, str]:
        """Why listeners were not taken, by name."""
        found = _decode(self._ask("/config_dump?resource=dynamic_listeners")[0])
        faults = {}
        for one in found.get("configs", ()):
            error = one.get("error_state") or {}
            failed = error.get("failed_configuration") or {}
            name = one.get("name") or failed.get("name")
            if name and error.get("details"):
                faults[str(name)] = str(error["details"])
        return faults

    def members(self) -> dict[str, set[tuple[str, int]]]:
        """The addresses of each cluster."""
        found = _decode(self._ask("/clusters?format=json")[0])
        return {
            str(one["name"]): {_place(host) for host in one.get("host_statuses", ())}
            for one in found.get("cluster_statuses", ())
        }

    def failing(self) -> dict[str, dict[tuple[str, int], str]]:
        """Why hosts of each cluster get no traffic, by address: what their checks say."""
        found = _decode(self._ask("/clusters?format=json")[0])
        return {
            str(one["name"]): {
                _place(host): told
                for host in one.get("host_statuses", ())
                if (told := _health(host.get("health_status") or {}))
            }
            for one in found.get("cluster_statuses", ())
        }

    def _stats(self, pattern: str, kind: str) -> dict[str, str]:
        query = "".join(c if c.isalnum() else f"%{ord(c):02x}" for c in pattern)
        lines = self._ask(f"/stats?type={kind}&filter={query}")[0].splitlines()
        pairs = (line.rpartition(": ") for line in lines)
        return {name: value.strip('"') for name, _, value in pairs if name}

    def _ask(self, path: str) -> tuple[str, int]:
        connection = _UnixConnection(self._path)
        with contextlib.closing(connection):
            try:
                connection.request("GET", path)
                peer = connection.peer()
                response = connection.getresponse()
                text = response.read().decode("utf-8", "replace")
            except http.client.HTTPException as error:
                raise ConnectionError(f"Envoy's admin socket breaks off: {error!r}") from error
        if response.status != 200:
            raise ConnectionError(f"Envoy's admin socket answers {response.status} to {path}")
        return text, peer


def _decode(text: str) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ConnectionError(f"Envoy's admin socket answers no JSON: {error}") from error
    return found if isinstance(found, dict) else {}


def _health(status: Mapping[str, Any]) -> str:
    """What is wrong with a host in Envoy's eyes, empty if nothing is."""
    if status.get("failed_active_health_check"):
        return "fails its health check"
    ejected = status.get("failed_outlier_check")
    return "ejected: too many of its answers were errors" if ejected else ""


def _place(host: Mapping[str, Any]) -> tuple[str, int]:
    address = host["address"]["socket_address"]
    return str(address["address"]), int(address["port_value"])
