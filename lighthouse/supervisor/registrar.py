"""Keeps this host's registrations in order: damping, maintenance, and what was published.

The effects around the pure parts: what is on disk, in the log, and said to operators.
"""

import logging
import math
import time
from collections.abc import Iterable, Mapping
from typing import Final

from lighthouse.config.schema.types import ServiceFile
from lighthouse.ipc.control import BeginMaintenance, EndMaintenance, Maintained, Removed
from lighthouse.ipc.snapshot import DiscoverySnapshot
from lighthouse.registration import identity, maintenance
from lighthouse.registration.maintenance import Logbook, Maintenance
from lighthouse.registration.published import Published, PublishedNode
from lighthouse.registration.services import ports
from lighthouse.supervisor.plan import Wanted
from lighthouse.supervisor.pool.doubt import idle_for
from lighthouse.supervisor.pool.worker import Worker
from lighthouse.supervisor.standing_order import Name
from lighthouse.supervisor.state import State
from lighthouse.supervisor.store import Store
from lighthouse.text import one_line

LOOK: Final = 30.0
"""Seconds after which an expiry is looked at again, for the wall clock may have been set."""

LOOK_AROUND: Final = 2.0
"""Seconds between looks at this host's name and address, and at whether time was lost."""

MISSED: Final = 3
"""So many looks are missed only by a process that did not run."""

_SHOWN: Final = 20
"""At most so many reasons are told at once."""

_log: Final = logging.getLogger("lighthouse.supervisor")


class Registrar:
    """Lets a state know what time it is, and a cache what must outlive the daemon."""

    def __init__(self, state: State, cache: Store) -> None:
        self._state: Final = state
        self._cache: Final = cache
        self._saved: dict[str, object] = {}
        self._looked_at = time.monotonic()

    def restore(self) -> None:
        """Start from what an earlier run left."""
        services = self._state.services
        entries = self._cache.load("published", tuple[PublishedNode, ...]) or ()
        statements = self._cache.load("maintenance", tuple[Maintenance, ...]) or ()
        services.published, services.maintenance = Published(entries), Logbook(statements)
        self._saved = {"published": entries, "maintenance": statements}

    def look_around(self, now: float) -> bool:
        """Take this host's name and address as they are now; return True if they changed.

        To be called every ``LOOK_AROUND`` seconds. If it was not, this process did not run (it
        was stopped, or the host was), and heard no verdict meanwhile.
        """
        if now - self._looked_at > MISSED * LOOK_AROUND:
            self._state.services.checks.excuse(now - self._looked_at, now)
        self._looked_at = now
        before = self._state.services.host
        found = self._state.services.host = identity.look(before)
        if found == before:
            return False
        told = found.address or "no address"
        _log.warning("this host is %s now, reached at %s", found.name, told)
        return True

    def settle(self, now: float, wall: float) -> float | None:
        """Decide what may be reported by now; returns when to be asked again at the latest."""
        config, services = self._state.config, self._state.services
        for plugin, stem, port in services.checks.age(config.services, now):
            self._tell_loss(plugin, stem, port, now)
        for gone in services.programs.settle(lambda one: services.decided(one, config), now):
            _log.info("service %s: its checks have decided anew", gone.service)
        for stem, file, port in services.settle(config, now):
            self._tell_flaps(stem, file, port, now)
        for over in services.maintenance.pass_time(self.provided(), wall):
            _log.info("%s: maintenance is over", _named(over))
        self._save("maintenance", services.maintenance.all())
        services.published.pass_time(config.discovery, wall)
        due, end = services.next_due(config, now), services.maintenance.next_end()
        ends = None if end is None else now + min(max(0.0, end - wall), LOOK)
        return min((when for when in (due, ends) if when is not None), default=None)

    def publish(self, wanted: Mapping[Name, Wanted]) -> None:
        """Have it on disk before anybody is told to register anything."""
        published = self._state.services.published
        for (_, name), worker in wanted.items():
            if isinstance(worker.snapshot, DiscoverySnapshot):
                published.want(name, worker.snapshot.up)
        self._save("published", published.all())

    def maintain(
        self, question: BeginMaintenance | EndMaintenance, uid: int, wall: float
    ) -> Maintained:
        """Take a service out, or let it be reported again as soon as it is well."""
        if isinstance(question, BeginMaintenance):
            return self._begin(question, uid, wall)
        return self._end(question, uid)

    def removed(self, service: str, port: int | None, pool: Iterable[Worker]) -> Removed:
        """What of a service may still stand, by discovery."""
        workers = {worker.name: worker for worker in pool}
        waiting = [
            f"discovery {discovery}: {reason}"
            for stem, file, each in ports(self._state.config.services)
            if file.name == service and port in (None, each)
            for discovery in file.discovery
            if discovery in self._state.config.discovery
            if (reason := self._remains(workers.get(("discovery", discovery)), stem, file, each))
        ]
        return Removed(tuple(waiting[:_SHOWN]))

    def _begin(self, question: BeginMaintenance, uid: int, wall: float) -> Maintained:
        provided = self.provided()
        error = maintenance.unknown(question.service, question.port, provided)
        if question.until is not None and not math.isfinite(question.until):
            error = f"{question.until} is no time"
        if error:
            return Maintained(error)
        by = person(question.by, uid)
        statement = Maintenance(
            question.service,
            question.port,
            wall,
            one_line(question.reason),
            question.until,
            by,
        )
        logbook = self._state.services.maintenance
        before = logbook.all()
        logbook.begin(statement)
        changed = logbook.all() != before
        if changed:
            why = f": {statement.reason}" if statement.reason else ""
            _log.warning("%s: in maintenance by %s%s", _named(statement), by, why)
        return self._maintained(changed)

    def _end(self, question: EndMaintenance, uid: int) -> Maintained:
        logbook, provided = self._state.services.maintenance, self.provided()
        service, port = question.service, question.port
        changed = logbook.end(service, port, provided.get(service, ()))
        if question.anew:
            now = time.monotonic()
            self._state.services.ask_anew(service, port, self._state.config, now)
        if changed:
            where = service if port is None else f"{service}:{port}"
            by = person(question.by, uid)
            _log.warning("service %s: maintenance was ended by %s", where, by)
            return self._maintained(True)
        return Maintained(maintenance.unknown(service, port, provided))

    def _remains(self, worker: Worker | None, stem: str, file: ServiceFile, port: int) -> str:
        """Why a node may still stand, empty if it does not."""
        if worker is None or worker.life.state != "running":
            return "its worker does not run" + (f": {idle_for(worker)}" if worker else "")
        service = self._state.services.service(stem, file, port)
        if service is None:
            return self._older(worker.name[1], file, port)
        place = service.place
        sent, applied = worker.snapshot, worker.applied
        told = isinstance(sent, DiscoverySnapshot) and place in {s.place for s in sent.down}
        if not told or applied is None or applied.version != worker.version:
            return f"has not deregistered {place[0]}:{port} yet"
        found = self._state.services.registrations.get(worker.name[1], {}).get(place)
        if found is not None and found.gone:
            return ""
        said = found.reason if found is not None and found.reason else applied.reason
        return f"cannot deregister {place[0]}:{port}: {said or 'not connected'}"[:300]

    def _older(self, discovery: str, file: ServiceFile, port: int) -> str:
        """Why a node of an earlier run may still stand, of a port that has no address now."""
        noted = self._state.services.published.all()
        left = {entry.service.key for entry in noted if entry.discovery == discovery}
        return f"has not deregistered {file.name}:{port} yet" if (file.name, port) in left else ""

    def _maintained(self, changed: bool) -> Maintained:
        if self._save("maintenance", self._state.services.maintenance.all()):
            return Maintained(changed=changed)
        return Maintained(changed=changed, warning=f"{self._cache.error}; a restart forgets it")

    def provided(self) -> dict[str, set[int]]:
        """The ports of each service of this host."""
        provided: dict[str, set[int]] = {}
        for service in self._state.config.services.values():
            provided.setdefault(service.name, set()).update(service.ports)
        return provided

    def _save(self, name: str, value: object) -> bool:
        """Return True if it is on disk; tried again with the next change if it is not."""
        if self._saved.get(name) == value and not self._cache.lacks(name):
            return True
        if not self._cache.save(name, value):
            return False
        self._saved[name] = value
        return True

    def _tell_loss(self, plugin: str, stem: str, port: int, now: float) -> None:
        file = self._state.config.services[stem]
        seconds = now - self._state.services.checks.get((plugin, stem, port)).awaited
        _log.error(
            "service %s: port %d: check %s has given no verdict for %.0f s: it counts as down",
            file.name,
            port,
            plugin,
            seconds,
        )

    def _tell_flaps(self, stem: str, file: ServiceFile, port: int, now: float) -> None:
        standing = self._state.services.standings[stem, port]
        name = f"service {file.name}: port {port}"
        due = standing.due(file.flap_damping)
        if standing.held_since is None:
            _log.info("%s: up again; %d returns were held back so far", name, standing.held)
        elif due is not None:
            _log.warning("%s: flaps; it stays down for another %.0f s", name, max(0.0, due - now))


def _named(statement: Maintenance) -> str:
    if statement.port is None:
        return f"service {statement.service}"
    return f"service {statement.service}: port {statement.port}"


def person(by: str, uid: int) -> str:
    """Who orders something: what that one says, and what the kernel vouches for."""
    return f"{one_line(by)} (uid {uid})" if by else f"uid {uid}"
