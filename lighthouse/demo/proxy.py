"""HAProxy as the demonstration watches it: through its own socket and its process ids."""

import contextlib
import socket
from pathlib import Path
from typing import Final

import psutil

_OPERATIONAL: Final = 2
_MAINTENANCE: Final = 0x23
"""The bits of an admin state that take a server out of service on purpose."""


class ObservedProxy:
    """One HAProxy with a master process, found by its pid file."""

    def __init__(self, socket_file: Path, pid_file: Path) -> None:
        self._socket: Final = socket_file
        self._pid_file: Final = pid_file

    def servers(self, cluster: str) -> dict[str, tuple[int, bool]]:
        """The port of each server of a backend, by name, and whether it takes traffic.

        Raises ``OSError`` if HAProxy does not answer.
        """
        found = {}
        for line in self._ask(f"show servers state {cluster}").splitlines():
            fields = line.split()
            if len(fields) > 18 and fields[1] == cluster:
                up = int(fields[5]) == _OPERATIONAL and not int(fields[6]) & _MAINTENANCE
                found[fields[3]] = (int(fields[18]), up)
        return found

    def serving(self, cluster: str) -> frozenset[int]:
        """The ports that take traffic; empty if HAProxy does not answer."""
        try:
            return frozenset(port for port, up in self.servers(cluster).values() if up)
        except (OSError, ValueError):
            return frozenset()

    def pids(self) -> tuple[int, ...]:
        """The master's pid and its workers'; a reload would add or change one."""
        master = self._master()
        if master is None:
            return ()
        with contextlib.suppress(psutil.Error):
            return (master.pid, *sorted(child.pid for child in master.children()))
        return ()

    def end(self) -> None:
        """Stop the master and its workers."""
        master = self._master()
        if master is None:
            return
        with contextlib.suppress(psutil.Error):
            family = [master, *master.children()]
            master.terminate()
            for process in psutil.wait_procs(family, timeout=5)[1]:
                with contextlib.suppress(psutil.Error):
                    process.kill()

    def _master(self) -> psutil.Process | None:
        try:
            return psutil.Process(int(self._pid_file.read_text().split()[0]))
        except (OSError, ValueError, IndexError, psutil.Error):
            return None

    def _ask(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(2.0)
            connection.connect(str(self._socket))
            connection.sendall(command.encode() + b"\n")
            pieces = []
            while piece := connection.recv(65536):
                pieces.append(piece)
        return b"".join(pieces).decode(errors="replace")
