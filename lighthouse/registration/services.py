"""What this host provides: which services are up, and what became of their registration."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from lighthouse.config.schema.types import Config, ServiceFile
from lighthouse.ipc.payloads import Registration
from lighthouse.node import Node
from lighthouse.peer import Peer
from lighthouse.registration import damping
from lighthouse.registration.checks import Checks
from lighthouse.registration.damping import DampingState
from lighthouse.registration.identity import HostIdentity
from lighthouse.registration.maintenance import Logbook, Maintenance
from lighthouse.registration.programs import Program, Programs
from lighthouse.registration.published import Published
from lighthouse.service import Place, Probe, Service

NO_ADDRESS: Final = (
    "this host has no address that others can reach: there is no default route, and neither "
    "the service's file nor lighthouse.yaml says which one to `advertise`"
)


class ProvidedServices:
    """Verdicts and registrations, by what they are about.

    A standing is known by (service file's stem, port), a registration by its discovery and
    place. Once ``leaving`` is true, nothing is up.
    """

    def __init__(self, host: HostIdentity) -> None:
        self.host = host
        self.checks: Final = Checks()
        self.registrations: Final[dict[str, dict[Place, Registration]]] = {}
        self.standings: Final[dict[tuple[str, int], DampingState]] = {}
        self.published = Published()
        self.maintenance = Logbook()
        self.programs: Final = Programs()
        self.leaving = False
        self._advertise: str | None = None
        self._metadata: dict[str, Any] = {}

    def configure(self, config: Config, now: float) -> None:
        """Take what this host is, and which checks there are."""
        self._advertise = config.daemon.advertise
        self._metadata = config.daemon.metadata
        self.checks.configure(config.services, now)
        for discovery in self.registrations.keys() - config.discovery.keys():
            del self.registrations[discovery]
        there = {(stem, port) for stem, _, port in ports(config.services)}
        for standing in self.standings.keys() - there:
            del self.standings[standing]

    def registered(self, discovery: str, registrations: Iterable[Registration]) -> None:
        """A discovery says of every node it was told of whether it stands."""
        found = {registration.place: registration for registration in registrations}
        self.registrations[discovery] = found
        self.published.told(discovery, found.values())

    def settle(self, config: Config, now: float) -> list[tuple[str, ServiceFile, int]]:
        """Look at all checks; returns the ports for which a row of flaps began or ended."""
        news = []
        for stem, file, port in ports(config.services):
            before = self.standings.get((stem, port), DampingState())
            service = self.service(stem, file, port)
            if service is None:
                continue
            is_out = self.programs.of(file.name, port) is not None
            passing = None if is_out else self.passing(stem, file, port)
            after = damping.judge(before, passing, service, file.flap_damping, now)
            self.standings[stem, port] = after
            if (before.held_since is None) != (after.held_since is None):
                news.append((stem, file, port))
        return news

    def next_due(self, config: Config, now: float) -> float | None:
        """When ``settle`` may decide otherwise though nothing has happened."""
        found = [
            self.checks.next_due(config.services, now),
            self.programs.next_due(now),
            *self._held_until(config),
        ]
        return min((due for due in found if due is not None), default=None)

    def _held_until(self, config: Config) -> Iterator[float | None]:
        """When what flap damping holds back may be reported, port by port."""
        return (
            self.standings[stem, port].due(file.flap_damping)
            for stem, file, port in ports(config.services)
            if (stem, port) in self.standings
        )

    def drain_delay(self, config: Config) -> float:
        """Seconds that the traffic of what is reported up wants to go elsewhere."""
        return max(
            (
                config.daemon.drain_delay if file.drain_delay is None else file.drain_delay
                for stem, file, port in ports(config.services)
                if self.up(stem, file, port) and not self.out(file.name, port)
            ),
            default=0.0,
        )

    def up(self, stem: str, service: ServiceFile, port: int) -> bool | None:
        """Return True if a port is well and may be reported so; None while nobody knows.

        What has not been settled yet is as its checks say.
        """
        passing = self.passing(stem, service, port)
        standing = self.standings.get((stem, port))
        return standing.up if passing and standing is not None else passing

    def passing(self, stem: str, service: ServiceFile, port: int) -> bool | None:
        """Return True if all checks of a port pass; None while any is undecided and none fails."""
        results = [self.checks.get((check.plugin, stem, port)).passing for check in service.checks]
        if False in results:
            return False
        return None if None in results else True

    def service(self, stem: str, service: ServiceFile, port: int) -> Service | None:
        """The node to register, with what its checks found out; None without an address."""
        address = service.advertise or self._advertise or self.host.address
        if address is None:
            return None
        metadata: dict[str, Any] = self._metadata | service.metadata
        for check in service.checks:
            metadata |= self.checks.metadata((check.plugin, stem, port))
        node = Node(
            host=self.host.name,
            ip=address,
            port=port,
            weight=service.weight,
            metadata=metadata,
            peer=Peer(self.host.name, address),
        )
        return Service(service.name, port, node)

    def wanted(
        self, discovery: str, config: Config
    ) -> tuple[tuple[Service, ...], tuple[Service, ...]]:
        """The services that a discovery has to keep registered, and those it has to remove.

        What this host does not provide any more is to be removed until that is confirmed. A
        service without an address is in neither: what stands of an earlier run may be right.
        """
        up: dict[tuple[str, int], Service] = {}
        down: list[Service] = []
        undecided: list[tuple[str, int]] = []
        for stem, file, port in ports(config.services):
            if discovery in file.discovery:
                service = self.service(stem, file, port)
                is_out = self.leaving or self.out(file.name, port) is not None
                is_up = False if is_out else self.up(stem, file, port)
                standing = self.standings.get((stem, port))
                told = standing.published if standing is not None and is_up else None
                match is_up, told or service:
                    case True, Service() as published:
                        up[published.key] = published
                    case False, Service() as removed:
                        down.append(removed)
                    case ((True | None), _):
                        undecided.append((file.name, port))
        down += self.published.superfluous(discovery, (*up.values(), *down), undecided)
        return tuple(up[key] for key in sorted(up)), tuple(sorted(down, key=_place))

    def out(self, service: str, port: int) -> Maintenance | None:
        """What keeps a port out: an operator, else the program that provides it."""
        return self.maintenance.of(service, port) or self.programs.of(service, port)

    def ask_anew(self, service: str, port: int | None, config: Config, now: float) -> None:
        """Have the checks of a port of a service, or of all, decide anew."""
        self.checks.ask_anew(
            [
                (check.plugin, stem, each)
                for stem, file, each in ports(config.services)
                if file.name == service and port in (None, each)
                for check in file.checks
            ],
            now,
        )

    def forgive(self, program: Program, config: Config) -> None:
        """What a program provides comes back at no cost of its damping: it was meant to go."""
        for stem, file, port in ports(config.services):
            standing = self.standings.get((stem, port))
            if standing is not None and program.provides(file.name, port):
                self.standings[stem, port] = msgspec.structs.replace(standing, published=None)

    def decided(self, program: Program, config: Config) -> bool:
        """Return True if nothing that a program provides waits for its checks."""
        return not any(
            self.passing(stem, file, port) is None
            for stem, file, port in ports(config.services)
            if program.provides(file.name, port)
        )

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
                asked=self.checks.get((plugin, stem, port)).asked,
            )
            for stem, file, port in ports(config.services)
            for check in file.checks
            if check.plugin == plugin
        )

    def _decision(self, plugin: str, stem: str, port: int) -> bool | None:
        verdict = self.checks.get((plugin, stem, port)).verdict
        return verdict.passing if verdict is not None else None


def _place(service: Service) -> Place:
    return service.place


def ports(services: Mapping[str, ServiceFile]) -> Iterator[tuple[str, ServiceFile, int]]:
    """Every port of every service: the file's stem, its content, the port."""
    for stem in sorted(services):
        for port in services[stem].ports:
            yield stem, services[stem], port
