"""What this host provides: which services are up, and what became of their registration."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from lighthouse.config.kinds import Config, ServiceFile
from lighthouse.messages import Registration
from lighthouse.node import Node
from lighthouse.peer import Peer
from lighthouse.service import Probe, Service, Verdict


class Host(msgspec.Struct, frozen=True):
    """This host, as its nodes tell others of it."""

    name: str
    address: str


class Report:
    """Verdicts and registrations, by what they are about.

    A verdict is known by (plugin, service file's stem, port), a registration by (discovery,
    cluster, port).
    """

    def __init__(self, host: Host) -> None:
        self.host: Final = host
        self.verdicts: Final[dict[tuple[str, str, int], Verdict]] = {}
        self.registrations: Final[dict[tuple[str, str, int], Registration]] = {}
        self._published: Final[dict[tuple[str, str, int], Service]] = {}
        self._metadata: dict[str, Any] = {}

    def configure(self, config: Config) -> None:
        """Take what this host is, and forget the verdicts of checks that are no more."""
        self._metadata = config.daemon.metadata
        wanted = {
            (check.plugin, stem, port)
            for stem, service in config.services.items()
            for port in service.ports
            for check in service.checks
        }
        for key in self.verdicts.keys() - wanted:
            del self.verdicts[key]

    def verdict(self, plugin: str, verdict: Verdict) -> None:
        """A check's verdict; an undecided one leaves an earlier decision in force."""
        key = (plugin, verdict.service, verdict.port)
        known = self.verdicts.get(key)
        if verdict.passing is None and known is not None:
            verdict = msgspec.structs.replace(verdict, passing=known.passing)
        self.verdicts[key] = verdict

    def registered(self, discovery: str, registration: Registration) -> None:
        """A discovery says whether a node stands; one that is gone for good is forgotten."""
        key = (discovery, registration.service, registration.port)
        self.registrations[key] = registration
        if not registration.registered:
            self._published.pop(key, None)

    def publish(self, discovery: str, services: Iterable[Service]) -> None:
        """A discovery is being told to register these."""
        for service in services:
            self._published[discovery, *service.key] = service

    def up(self, stem: str, service: ServiceFile, port: int) -> bool | None:
        """Whether all checks of a port pass; None while any is undecided and none fails."""
        results = [
            verdict.passing if (verdict := self.verdicts.get((check.plugin, stem, port))) else None
            for check in service.checks
        ]
        if False in results:
            return False
        return None if None in results else True

    def service(self, stem: str, service: ServiceFile, port: int) -> Service:
        """The node to register, with what its checks found out about it."""
        metadata: dict[str, Any] = self._metadata | service.metadata
        for check in service.checks:
            verdict = self.verdicts.get((check.plugin, stem, port))
            metadata |= verdict.metadata if verdict else {}
        address = service.advertise or self.host.address
        node = Node(
            host=self.host.name,
            ip=address,
            port=port,
            weight=service.weight,
            metadata=metadata,
            peer=Peer(self.host.name, address),
        )
        return Service(service.name, port, node)

    def reports(
        self, discovery: str, config: Config
    ) -> tuple[tuple[Service, ...], tuple[Service, ...]]:
        """The services that a discovery has to keep registered, and those it has to remove.

        A service that left the configuration is to be removed until that is confirmed.
        """
        up: dict[tuple[str, int], Service] = {}
        down: dict[tuple[str, int], Service] = {}
        undecided = set()
        for stem, file, port in ports(config.services):
            if discovery in file.discovery:
                service = self.service(stem, file, port)
                match self.up(stem, file, port):
                    case True:
                        up[service.key] = service
                    case False:
                        down[service.key] = service
                    case None:
                        undecided.add(service.key)
        for (place, *_), service in self._published.items():
            if place == discovery and service.key not in up.keys() | undecided:
                down.setdefault(service.key, service)
        return tuple(up[key] for key in sorted(up)), tuple(down[key] for key in sorted(down))

    def probes(self, plugin: str, config: Config) -> tuple[Probe, ...]:
        """The checks that a check worker has to run."""
        return tuple(
            Probe(
                service=stem,
                host=file.host,
                port=port,
                config=check.config,
                interval=check.interval,
                timeout=check.timeout,
                rise=check.rise,
                fall=check.fall,
                passing=self._decision(plugin, stem, port),
            )
            for stem, file, port in ports(config.services)
            for check in file.checks
            if check.plugin == plugin
        )

    def _decision(self, plugin: str, stem: str, port: int) -> bool | None:
        verdict = self.verdicts.get((plugin, stem, port))
        return verdict.passing if verdict else None


def ports(services: Mapping[str, ServiceFile]) -> Iterator[tuple[str, ServiceFile, int]]:
    """Every port of every service: the file's stem, its content, the port."""
    for stem in sorted(services):
        for port in services[stem].ports:
            yield stem, services[stem], port
