"""The postgresql balancer: standbys follow the primary, by one file and a reload."""

import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from lighthouse import hookimpl
from lighthouse.balancer import UNCHANGED, Balancer, Claim, Finding, Outcome, Preview
from lighthouse.cluster import Cluster
from lighthouse.net.connection import said
from lighthouse.node import Node
from lighthouse.postgresql import following, ha_manager, receiver
from lighthouse.postgresql.include import IncludeFile
from lighthouse.postgresql.parameter_file import TooLong, primary_conninfo, render
from lighthouse.postgresql.receiver import ReceiverLooks
from lighthouse.postgresql.server import DatabaseServer, ServerAway, ServerState, manager_of
from lighthouse.postgresql.settings import (
    FollowSection,
    FollowSettings,
    local_conninfo,
    parse_settings,
)
from lighthouse.postgresql.standbys import StandbyCare
from lighthouse.postgresql.synchronous import SETTING
from lighthouse.primary import NO_TIMELINES, Timelines
from lighthouse.software.interval import MinInterval

_LOOK: Final = 1.0
"""Seconds between two looks at the server."""

_RETRY: Final = 5.0
"""Seconds until what the server did not take is tried again without a new snapshot."""


class PostgresqlBalancer(Balancer):
    """On a standby: one file with the primary to follow. On a primary: nothing at all."""

    settings_type: ClassVar = FollowSettings
    section_type: ClassVar = FollowSection
    handles_unknown: ClassVar[bool] = True
    compares_clusters: ClassVar[bool] = True

    def __init__(self) -> None:
        self._settings = FollowSettings("/")
        self._server = DatabaseServer(self._settings.timeout)
        self._file = IncludeFile("/", self._server, 0, self.still_working)
        self._care = StandbyCare(self._settings, self._server)
        self._interval = MinInterval(0)
        self._clusters: list[Cluster] | None = None
        self._timelines: Timelines = NO_TIMELINES
        self._state: ServerState | None = None
        self._looks: Final = ReceiverLooks()
        self._judged: receiver.Judgement = "unsettled"
        self._primary: Node | None = None
        self._last = UNCHANGED
        self._refused: tuple[float, bytes, Outcome] | None = None

    @classmethod
    def validate_config(cls, config: Mapping[str, Any]) -> None:
        parse_settings(config)

    @classmethod
    def claims(cls, config: Mapping[str, Any]) -> Sequence[Claim]:
        return [Claim(("include_file",), "file", parse_settings(config).include_file)]

    def apply_config(self, config: Mapping[str, Any]) -> None:
        settings = self._settings = parse_settings(config)
        self._server.close()
        self._server = DatabaseServer(settings.timeout)
        self._file = IncludeFile(
            settings.include_file, self._server, settings.timeout, self.still_working
        )
        self._care = StandbyCare(settings, self._server)
        self._interval = MinInterval(settings.min_interval)
        self._clusters, self._timelines, self._primary = None, NO_TIMELINES, None
        self._looks.begin()

    def sync_file(self, clusters: list[Cluster]) -> Outcome:
        self._clusters, self._refused = clusters, None
        self._last = self._sync(clusters)
        return self._last

    def wake_after(self) -> float | None:
        return None if self._clusters is None else self._interval.after(_LOOK)

    def wake(self) -> Outcome | None:
        """Looks at the server: it may have got another role, or another configuration."""
        if self._clusters is None:
            return None
        outcome = self._sync(self._clusters)
        if outcome.repeats(self._last):
            return None
        self._last = outcome
        return outcome

    def preview(self, clusters: list[Cluster]) -> Preview:
        state = self._look()
        if isinstance(state, str):
            return Preview(findings=(Finding((), state),))
        cluster, told = following.one_cluster(clusters)
        if cluster is None:
            return Preview(findings=(Finding((), told, warning=True),))
        known = following.known_timelines(cluster, state.own, self._timelines)
        if not state.standby:
            told = following.outdated(state.own, known)
            return self._previewed_list(state, cluster) if not told else _warned(told)
        target = following.follow(cluster, state.own, known)
        if target.primary is None or not self._settings.replication.manage:
            return _warned(target.reason)
        try:
            wanted = self._wanted(state, cluster, target.primary)
        except TooLong as error:
            return Preview(findings=(Finding(("replication",), str(error)),))
        return self._previewed(wanted, f"the standby is to follow {target.primary.name}")

    def _previewed(self, wanted: Mapping[str, str], why: str) -> Preview:
        content = render(wanted)
        reload = why if self._file.pending(content) else ""
        return Preview(self._file.difference(content), (), reload)

    def _previewed_list(self, state: ServerState, cluster: Cluster) -> Preview:
        step = self._care.list_wanted(state, cluster)
        if step.value is None:
            return _warned(step.warning)
        return self._previewed({SETTING: step.value}, "other standbys are to be waited for")

    def examine(self, clusters: list[Cluster]) -> Sequence[Finding]:
        found = [Finding(("include_file",), told) for told in self._misplaced()]
        looked = self._look()
        told = [looked if isinstance(looked, str) else self._overruled()]
        told.append(following.one_cluster(clusters)[1])
        return [*found, *(Finding((), one, warning=True) for one in told if one)]

    def status(self) -> Mapping[str, Any]:
        state = self._state
        if state is None:
            return {}
        found: dict[str, Any] = {"role": "standby" if state.standby else "primary"}
        if state.standby:
            found["follows"] = self._primary.place if self._primary is not None else ""
            found["receiver"] = state.look.status or "none"
            found["replication"] = self._judged
        if self._settings.slots.manage:
            found["slots"] = len(self._care.kept)
        if not state.standby and self._settings.synchronous.manage:
            found["waits_for"] = state.values.get(SETTING, "")
        major = state.version // 10_000
        return {**found, "version": major, "reloads": self._file.reloads}

    def close(self) -> None:
        self._server.close()

    def _sync(self, clusters: Sequence[Cluster]) -> Outcome:
        self._interval.waiting = False
        state = self._look()
        if isinstance(state, str):
            return Outcome("failed", f"no file is touched: {state}")
        cluster, told = following.one_cluster(clusters)
        if cluster is not None:
            self._timelines = following.known_timelines(cluster, state.own, self._timelines)
        try:
            if state.standby:
                return self._serve_standby(state, cluster, told)
            self._primary = None
            return UNCHANGED if cluster is None else self._serve_primary(state, cluster)
        except ServerAway as error:
            return Outcome("failed", str(error))

    def _serve_standby(self, state: ServerState, cluster: Cluster | None, told: str) -> Outcome:
        self._care.forget()
        tended = "" if cluster is None else self._care.tend(state, cluster)
        if not self._settings.replication.manage:
            return _outcome(UNCHANGED, tended)
        self._judged = self._looks.take(state.look, time.monotonic())
        if cluster is None:
            return Outcome("degraded", told)
        target = following.follow(cluster, state.own, self._timelines)
        outcome = UNCHANGED
        if target.primary is not None:
            outcome = self._follow(state, cluster, target.primary)
        stalled = receiver.told(self._judged, self._primary.name) if self._primary else ""
        return _outcome(outcome, stalled, target.reason, tended)

    def _serve_primary(self, state: ServerState, cluster: Cluster) -> Outcome:
        """Nothing at all, unless slots or the list of synchronous standbys are asked for."""
        if told := following.outdated(state.own, self._timelines):
            return Outcome("degraded", told)
        tended = self._care.tend(state, cluster)
        step = self._care.list_wanted(state, cluster)
        if step.value is None:
            return _outcome(UNCHANGED, step.warning, tended)
        outcome = self._put({SETTING: step.value})
        if outcome.kind == "applied":
            self._server.nudge()
        return _outcome(outcome, step.warning, tended)

    def _look(self) -> ServerState | str:
        """The state of the server, or why nothing may be done to it."""
        try:
            state = self._state = self._server.state(local_conninfo(self._settings))
            if state.lacks:
                return state.lacks
            manager, trace = manager_of(state, self._server.files(), self._file.path)
        except ServerAway as error:
            return str(error)
        except OSError as error:
            return f"no password for the server of this host: {said(error)}"
        return ha_manager.refusal(manager, trace) if manager else state

    def _wanted(self, state: ServerState, cluster: Cluster, primary: Node) -> dict[str, str]:
        name = self._settings.node_name or state.values.get("cluster_name")
        replication = self._settings.replication
        told = primary_conninfo(primary, name or socket.gethostname(), replication)
        slot = self._care.own_slot(state, cluster, primary)
        return {"primary_conninfo": told, **({"primary_slot_name": slot} if slot else {})}

    def _follow(self, state: ServerState, cluster: Cluster, primary: Node) -> Outcome:
        """Have the standby follow; what is in force already is only looked at."""
        try:
            wanted = self._wanted(state, cluster, primary)
        except TooLong as error:
            return Outcome("failed", f"no file is touched: {error}")
        outcome = self._put(wanted)
        if outcome.kind == "applied" or (outcome.kind == "unchanged" and self._primary is None):
            self._primary, self._judged = primary, "unsettled"
            self._looks.begin()
        return outcome

    def _put(self, wanted: Mapping[str, str]) -> Outcome:
        """Have the file say this, and the server go by it."""
        content = render(wanted)
        if self._file.pending(content) and (left := self._interval.left()):
            self._interval.waiting = True
            return Outcome("held", f"min_interval: the file is written in {left:.1f} s")
        outcome = self._install(content)
        if outcome.kind == "failed":
            return outcome
        if outcome.kind == "applied":
            self._interval.done()
        told = self._file.overruled(wanted, self._server.values()[0])
        return Outcome("failed", f"written, but not in force: {told}") if told else outcome

    def _install(self, content: bytes) -> Outcome:
        """Write and load; what was refused a moment ago is not tried again yet."""
        if self._refused is not None:
            until, refused, outcome = self._refused
            if refused == content and time.monotonic() < until:
                return outcome
        outcome = self._file.install(content)
        failed = outcome.kind == "failed"
        self._refused = (time.monotonic() + _RETRY, content, outcome) if failed else None
        return outcome

    def _overruled(self) -> str:
        """What would win over the file; empty if nothing does."""
        try:
            return self._file.rivals(("primary_conninfo",))
        except ServerAway as error:
            return str(error)

    def _misplaced(self) -> list[str]:
        directory = Path(self._settings.include_file).parent
        return [] if directory.is_dir() else [f"there is no directory {directory}"]


def _warned(told: str) -> Preview:
    return Preview(findings=(Finding((), told, warning=True),) if told else ())


def _outcome(outcome: Outcome, *told: str) -> Outcome:
    """The outcome, degraded by what an operator has to know besides."""
    if outcome.kind not in ("applied", "unchanged") or not any(told):
        return outcome
    return Outcome("degraded", "; ".join(filter(None, told)))


@hookimpl
def lighthouse_balancer() -> type[Balancer]:
    """Balancers' entry point ``postgresql``."""
    return PostgresqlBalancer
