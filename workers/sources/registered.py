"""What a discovery plugin has registered, as far as its answers tell."""

from collections.abc import Callable, Iterable
from typing import Final

from lighthouse.discovery import Discovery
from lighthouse.ipc.payloads import Registration
from lighthouse.service import Place, Service

RegistrationKey = tuple[str, int]

Attempt = Callable[[str, Callable[[Service], None], Service], str]
"""Calls the plugin; returns why that failed, empty if it did not."""


class RegisteredServices:
    """Has services registered and removed, and knows what became of each.

    ``standing`` are those whose nodes the source has.
    """

    def __init__(self, plugin: Discovery, attempt: Attempt) -> None:
        self.standing: Final[dict[RegistrationKey, Service]] = {}
        self._plugin: Final = plugin
        self._attempt: Final = attempt
        self._removed: Final[set[Place]] = set()
        self._reasons: Final[dict[Place, str]] = {}  # why a service is not as it should be

    def forget(self) -> None:
        """Nothing is known of the source that the plugin talks to from now on."""
        self.standing.clear()
        self._removed.clear()

    def lost(self) -> None:
        """The source has forgotten all that stood there."""
        self.standing.clear()

    def keep(self, up: Iterable[Service], down: Iterable[Service]) -> None:
        """Register what is up, after the older nodes of the same services are removed.

        In that order, since a plugin may know a node by its service alone.
        """
        wanted = {service.key: service for service in up}
        unwanted = list(down)
        for service in unwanted:
            if service.key in wanted:
                self._down(service)
        for key, service in wanted.items():
            before = self.standing.get(key)
            if before == service:
                continue
            if before is not None and before.place != service.place:
                self._down(before)
            self._removed.discard(service.place)
            if self._try(service, "report_up", self._plugin.report_up):
                self.standing[key] = service
        for service in unwanted:
            if service.key not in wanted:
                self._down(service)

    def lacks(self, up: Iterable[Service]) -> bool:
        """Return True if any of these does not stand."""
        return any(service.key not in self.standing for service in up)

    def stated(self, services: Iterable[Service]) -> tuple[Registration, ...]:
        """What is known of each of these."""
        standing = {service.place for service in self.standing.values()}
        places = [service.place for service in services]
        return tuple(
            [
                Registration(
                    place, place in standing, self._reasons.get(place, ""), place in self._removed
                )
                for place in places
            ]
        )

    def _down(self, service: Service) -> None:
        if service.place in self._removed:
            return
        if self._try(service, "report_down", self._plugin.report_down):
            self.standing.pop(service.key, None)
            self._removed.add(service.place)

    def _try(self, service: Service, what: str, how: Callable[[Service], None]) -> bool:
        reason = self._attempt(f"{what} {service.name}:{service.port}", how, service)
        if reason:
            self._reasons[service.place] = reason
        else:
            self._reasons.pop(service.place, None)
        return not reason
