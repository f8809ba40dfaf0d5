"""The ``dns`` balancer: an authoritative name server for the clusters of this host."""

import difflib
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from lighthouse import hookimpl
from lighthouse.balancer import UNCHANGED, Balancer, Claim, Finding, Outcome, Preview, Withheld
from lighthouse.cluster import Cluster
from lighthouse.dns.nameserver import parse
from lighthouse.dns.server.kept import KeptMembers, text
from lighthouse.dns.server.planned import PlannedZone
from lighthouse.dns.server.schema import (
    DnsSection,
    DnsServerSettings,
    parse_section,
    parse_settings,
)
from lighthouse.dns.server.service import DnsCounts, DnsService, describe
from lighthouse.dns.server.sockets import PlaceTaken, Sockets
from lighthouse.dns.server.zone import Zone

LOOK: Final = 5.0
"""Seconds between two looks whether the server's thread lives."""


class NameServer(Balancer):
    """Answers for the clusters that have a ``dns:`` section, out of this worker."""

    settings_type: ClassVar = DnsServerSettings
    section_type: ClassVar = DnsSection
    handles_unknown: ClassVar[bool] = True
    compares_clusters: ClassVar[bool] = True

    def __init__(self) -> None:
        self._settings: DnsServerSettings | None = None
        self._kept: KeptMembers | None = None
        self._planned: PlannedZone | None = None
        self._sockets: Final = Sockets()
        self._counts: Final = DnsCounts()
        self._service: DnsService | None = None
        self._zone = Zone("")
        self._last = UNCHANGED
        self._seed: Final = socket.gethostname()

    @classmethod
    def validate_config(cls, config: Mapping[str, Any]) -> None:
        parse_settings(config)

    @classmethod
    def validate_cluster_config(cls, config: Mapping[str, Any]) -> None:
        parse_section(config)

    @classmethod
    def claims(cls, config: Mapping[str, Any]) -> Sequence[Claim]:
        settings = parse_settings(config)
        places = enumerate(settings.listen)
        found = [Claim(("listen", n), "address", str(parse(text))) for n, text in places]
        return (Claim(("state_file",), "file", settings.state_file), *found)

    def apply_config(self, config: Mapping[str, Any]) -> None:
        settings, former = parse_settings(config), self._settings
        if settings == former:
            return
        kept = self._kept
        if kept is None or former is None or settings.state_file != former.state_file:
            if kept is not None:
                kept.step(now=True)
            kept = KeptMembers(settings.state_file)
        known = self._planned.kept if self._planned is not None else kept.load()
        self._settings, self._kept = settings, kept
        self._planned = PlannedZone(settings, known)

    def sync_file(self, clusters: list[Cluster]) -> Outcome:
        settings, kept, planned = self._settings, self._kept, self._planned
        if settings is None or kept is None or planned is None:
            return Outcome("failed", "there is no config yet")
        before, known = self._zone, planned.kept
        self._zone = planned.take(clusters, before, int(time.time()))
        begun = before.name == "" and planned.kept == known
        trouble = self._serve(settings)
        if self._zone is not before and self._service is not None:
            self._service.answer_from(self._zone)
        kept.want(planned.kept)
        changed = self._zone is not before and not begun
        self._last = self._outcome(trouble, planned, kept, changed)
        return self._last

    def wake_after(self) -> float | None:
        waits = self._kept.after() if self._kept is not None else None
        return LOOK if waits is None else min(LOOK, waits)

    def wake(self) -> Outcome | None:
        settings, kept, planned = self._settings, self._kept, self._planned
        if settings is None or kept is None or planned is None or self._service is None:
            return None
        kept.step()
        outcome = self._outcome(self._serve(settings), planned, kept, changed=False)
        if outcome.repeats(self._last):
            return None
        self._last = outcome
        return outcome

    def withheld(self) -> Sequence[Withheld]:
        return self._planned.withheld if self._planned is not None else ()

    def preview(self, clusters: list[Cluster]) -> Preview:
        if self._settings is None or self._kept is None or self._planned is None:
            return Preview()
        self._planned.take(clusters, self._zone, 0)
        before, after = self._kept.read(), text(self._planned.kept)
        path = self._settings.state_file
        lines = difflib.unified_diff(
            before.splitlines(keepends=True), after.splitlines(keepends=True), path, path
        )
        return Preview("".join(lines), findings=tuple(self._planned.findings))

    def examine(self, clusters: list[Cluster]) -> Sequence[Finding]:
        if self._settings is None or self._planned is None:
            return ()
        self._planned.take(clusters, self._zone, 0)
        return (*_directory(self._settings.state_file), *self._planned.findings)

    def status(self) -> Mapping[str, Any]:
        if self._planned is None or self._settings is None:
            return {}
        places = [str(place) for place in self._sockets.open]
        open_now = self._service.clients if self._service is not None else 0
        said = {"zone": self._settings.zone, "listens": ", ".join(places), "connections": open_now}
        return {**said, **describe(self._counts), **self._planned.describe()}

    def close(self) -> None:
        if self._service is not None:
            self._service.stop()
            self._service = None
        self._sockets.close()
        if self._kept is not None:
            self._kept.step(now=True)

    def _serve(self, settings: DnsServerSettings) -> str:
        """Have the server answer under these settings; what hinders it, in words."""
        service, trouble = self._service, ""
        try:
            self._sockets.reach(settings.places)
        except PlaceTaken as error:
            trouble = str(error)
        if service is not None:
            if service.alive and (trouble or service.settings == settings):
                return trouble
            service.stop()
            self._service = None
        if not trouble:
            self._sockets.keep(settings.places)
        if self._sockets.open:
            self._service = DnsService(settings, self._sockets, self._counts, self._seed)
            self._service.answer_from(self._zone)
            self._service.start()
        return trouble

    def _outcome(
        self, trouble: str, planned: PlannedZone, kept: KeptMembers, changed: bool
    ) -> Outcome:
        findings = tuple(planned.findings)
        if trouble:
            return Outcome("failed", trouble, findings)
        if kept.error:
            reason = f"{kept.error}; what is known now is not known after a restart"
            return Outcome("degraded", reason, findings)
        return Outcome("applied" if changed else "unchanged", "", findings)


def _directory(state_file: str) -> Iterator[Finding]:
    directory = Path(state_file).parent
    if not directory.is_dir():
        yield Finding(("state_file",), f"there is no directory {directory} to write to: create it")
    elif not os.access(directory, os.W_OK | os.X_OK):
        reason = f"directory {directory} cannot be written by the user of this worker"
        yield Finding(("state_file",), reason)


@hookimpl
def lighthouse_balancer() -> type[Balancer]:
    """Balancers' entry point ``dns``."""
    return NameServer
