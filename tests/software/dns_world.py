"""Nameservers for tests: a real dnsmasq, one that answers as told, and what asks them.

``Told`` is a small DNS server on real sockets for the answers that dnsmasq never gives.
"""

import contextlib
import os
import select
import signal
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset

from lighthouse.discovery import Reading
from lighthouse.dns.discovery import DnsDiscovery
from tests.ports import free_port
from tests.requirements import command
from tests.waiting import eventually

DNSMASQ = command("dnsmasq") or "dnsmasq"

ZONE = "example.com"


class Dnsmasq:
    """dnsmasq for ``example.com`` on a port of 127.0.0.1; root or not."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.server = f"127.0.0.1:{self.port}"
        self._hosts = directory / "dnsmasq.hosts"
        self._services = directory / "dnsmasq.conf"
        self._process: subprocess.Popen[bytes] | None = None
        self._hosts.write_text("")
        self._services.write_text("")

    def start(self) -> None:
        line = [DNSMASQ, "--keep-in-foreground", "--conf-file=" + str(self._services)]
        line += [f"--port={self.port}", "--listen-address=127.0.0.1", "--bind-interfaces"]
        line += ["--no-resolv", "--no-hosts", f"--addn-hosts={self._hosts}", f"--local=/{ZONE}/"]
        line += ["--pid-file=", "--local-ttl=0", "--log-facility=-"]
        line += ["--user=root"] if os.geteuid() == 0 else []
        self._process = subprocess.Popen(line, stderr=subprocess.DEVNULL)
        eventually(self._answers, what="dnsmasq answers")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def hosts(self, *entries: tuple[str, str]) -> None:
        """These addresses and names (below the zone), and no others; read at once."""
        text = "".join(f"{address} {name}.{ZONE}\n" for address, name in entries)
        self._hosts.write_text(text)
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    def services(self, name: str, *records: tuple[str, int, int, int]) -> None:
        """The SRV records of a name: target, port, priority, weight; dnsmasq starts anew."""
        lines = [f"srv-host={name}.{ZONE},{t}.{ZONE},{p},{y},{w}\n" for t, p, y, w in records]
        self._services.write_text("".join(lines))
        if self._process is not None:
            self.stop()
            self.start()

    def _answers(self) -> bool:
        query = dns.message.make_query(f"nothing.{ZONE}.", "A")
        with contextlib.suppress(Exception):
            return bool(dns.query.udp(query, "127.0.0.1", 0.1, self.port))
        return False


class Told:
    """A nameserver that says what it is told; ``asked`` lists each (name, type, how).

    ``faults`` are, by name (or ``*``): ``silent``, ``garbage``, ``other`` (an answer to
    another question), ``cut`` (over UDP), ``formerr`` (to EDNS), ``referral``, or a response
    code such as ``SERVFAIL``.
    """

    def __init__(self, port: int = 0) -> None:
        told = self
        self.port = port or free_port()
        self.server = f"127.0.0.1:{self.port}"
        self.records: dict[tuple[str, str], list[str]] = {}
        self.additional: list[tuple[str, str, str]] = []
        self.faults: dict[str, str] = {}
        self.ttl = 60
        self.negative: int | None = 60
        self.delay = 0.0
        self.asked: list[tuple[str, str, str]] = []

        class Datagram(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data, sock = self.request
                for answer in told.answer(data, "udp"):
                    sock.sendto(answer, self.client_address)

        class Stream(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                length = int.from_bytes(self.rfile.read(2), "big")
                for answer in told.answer(self.rfile.read(length), "tcp"):
                    self.wfile.write(len(answer).to_bytes(2, "big") + answer)

        class Udp(socketserver.ThreadingUDPServer):
            max_packet_size = 65535
            daemon_threads = True

            def server_bind(self) -> None:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
                super().server_bind()

        class Tcp(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        place = ("127.0.0.1", self.port)
        self._servers = [Udp(place, Datagram), Tcp(place, Stream)]
        self._threads = [
            threading.Thread(target=server.serve_forever, args=(0.02,)) for server in self._servers
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        for server in self._servers:
            server.shutdown()
        for thread in self._threads:
            thread.join()
        for server in self._servers:
            server.server_close()

    def set(self, name: str, kind: str, *texts: str) -> None:
        """The records of a name below the zone (``@``: the zone itself); none: it has none."""
        self.records[f"{name}.{ZONE}.", kind] = list(texts)

    def drop(self, name: str) -> None:
        """The name is gone altogether."""
        for key in [key for key in self.records if key[0] == f"{name}.{ZONE}."]:
            del self.records[key]

    def count(self, name: str, kind: str = "SRV") -> int:
        return sum(1 for asked in list(self.asked) if asked[:2] == (f"{name}.{ZONE}.", kind))

    def answer(self, data: bytes, how: str) -> Iterator[bytes]:
        query = dns.message.from_wire(data)
        (question,) = query.question
        name, kind = question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind, how))
        fault = self.faults.get(name.removesuffix(f".{ZONE}."), self.faults.get("*", ""))
        time.sleep(self.delay)
        if fault == "silent":
            return
        response = dns.message.make_response(query)
        if fault == "garbage":
            yield data[:2] + b"\x80\x00" + b"\xff" * 40
            return
        if fault == "other":
            response.id ^= 1
            yield response.to_wire()
            return
        if fault == "formerr" and query.edns >= 0:
            response.set_rcode(dns.rcode.FORMERR)
            response.question.clear()
            response.use_edns(False)
            yield response.to_wire()
            return
        if fault == "referral":
            response.authority.append(dns.rrset.from_text(f"{ZONE}.", 60, "IN", "NS", "ns.x."))
            yield response.to_wire()
            return
        if fault.isupper():
            response.set_rcode(dns.rcode.from_text(fault))
            yield response.to_wire()
            return
        self._fill(response, name, kind)
        if fault == "cut" and how == "udp":
            response.answer.clear()
            response.flags |= dns.flags.TC
        yield response.to_wire(max_size=65535)

    def _fill(self, response: dns.message.Message, name: str, kind: str) -> None:
        response.flags |= dns.flags.RA
        found = self.records.get((name, kind)) or []
        alias = self.records.get((name, "CNAME")) or []
        for texts, of in ((found, kind), (alias, "CNAME")):
            if texts:
                response.answer.append(dns.rrset.from_text(name, self.ttl, "IN", of, *texts))
        for owner, of, address in self.additional if kind == "SRV" else ():
            rrset = dns.rrset.from_text(f"{owner}.{ZONE}.", self.ttl, "IN", of, address)
            response.additional.append(rrset)
        if not response.answer:
            if not any(key[0] == name for key in self.records):
                response.set_rcode(dns.rcode.NXDOMAIN)
            if self.negative is not None:
                soa = f"ns.{ZONE}. root.{ZONE}. 1 3600 600 86400 {self.negative}"
                response.authority.append(dns.rrset.from_text(f"{ZONE}.", 3600, "IN", "SOA", soa))


class World:
    """A ``dns`` discovery and what it reported, driven as a worker's loop drives it.

    ``longest`` is the longest time that one call into it took.
    """

    def __init__(self, *servers: str, **config: Any) -> None:
        self.readings: dict[str, Reading] = {}
        self.connection: list[tuple[str, str]] = []
        self.reports = 0
        self.longest = 0.0
        self.discovery = DnsDiscovery()
        settings = {
            "name": f"_{{cluster}}._tcp.{ZONE}",
            "nameservers": list(servers),
            "min_interval": 0.2,
            "max_interval": 30,
            "timeout": 0.5,
            "attempts": 1,
            **config,
        }
        self.discovery.validate_config(settings)
        self.discovery.apply_config(settings)
        self.discovery.connect(self._read, lambda *state: self.connection.append(state))

    def _read(self, cluster: str, reading: Reading) -> None:
        self.readings[cluster] = reading
        self.reports += 1

    def watch(self, *clusters: str) -> None:
        for cluster in clusters:
            self._timed(lambda cluster=cluster: self.discovery.start_watching(cluster))

    def turn(self) -> None:
        """One turn of the loop."""
        after, descriptor = self.discovery.wake_after(), self.discovery.fileno()
        assert descriptor is not None
        waits = 0.05 if after is None else min(0.05, after)
        ready, _, _ = select.select([descriptor], [], [], waits)
        if ready or self.discovery.wake_after() == 0.0:
            self._timed(self.discovery.wake)

    def until(self, condition: Callable[[], object], within: float = 15.0) -> None:
        deadline = time.monotonic() + within
        while not condition():
            assert time.monotonic() < deadline, (self.readings, self.connection, self.status)
            self.turn()

    def nodes(self, cluster: str = "web") -> list[str]:
        """The addresses of a cluster's nodes."""
        found = self.readings.get(cluster, Reading()).nodes
        return sorted(f"{node.ip}:{node.port}" for node in found)

    def reasons(self, cluster: str = "web") -> dict[str, str]:
        return {refusal.record: refusal.reason for refusal in self.readings[cluster].refused}

    @property
    def status(self) -> dict[str, Any]:
        return dict(self.discovery.status())

    def error(self, cluster: str = "web") -> str:
        return str(self.status["errors"].get(cluster, ""))

    def _timed(self, call: Callable[[], None]) -> None:
        began = time.monotonic()
        call()
        self.longest = max(self.longest, time.monotonic() - began)


@contextlib.contextmanager
def world(*servers: str, watch: tuple[str, ...] = ("web",), **config: Any) -> Iterator[World]:
    made = World(*servers, **config)
    try:
        made.watch(*watch)
        yield made
    finally:
        made.discovery.disconnect()


@contextlib.contextmanager
def running(directory: Path) -> Iterator[Dnsmasq]:
    """A dnsmasq that has started."""
    dnsmasq = Dnsmasq(directory)
    try:
        dnsmasq.start()
        yield dnsmasq
    finally:
        dnsmasq.stop()
