"""The loop: take what came in, converge, sleep until something is due.

Every input only changes what is known. ``_converge`` then compares what is wanted with what
runs, and starts, stops or sends what differs. Nothing in here waits for anybody.
"""

import functools
import logging
import signal
import time
from pathlib import Path
from typing import Final

from lighthouse import __version__
from lighthouse.config.fault import Fault
from lighthouse.config.tree import Tree
from lighthouse.daemon.claim import DaemonClaim
from lighthouse.daemon.last_settings import LastSettings, recall
from lighthouse.ipc.messages import Message
from lighthouse.membership.events import ClusterEvent, log
from lighthouse.process.gc import GarbageCollector
from lighthouse.process.reserve import DescriptorReserve
from lighthouse.process.service_manager import ServiceManager
from lighthouse.registration import identity
from lighthouse.supervisor import dispatch
from lighthouse.supervisor.absence import Absences
from lighthouse.supervisor.answers.faults import faults
from lighthouse.supervisor.answers.router import Router
from lighthouse.supervisor.answers.status import StatusReport
from lighthouse.supervisor.config_reload import ConfigReload
from lighthouse.supervisor.control.listener import ControlListener
from lighthouse.supervisor.control.presence import INTERVAL, Presence
from lighthouse.supervisor.history.keeper import WRITE
from lighthouse.supervisor.logs.fault_log import FaultLog
from lighthouse.supervisor.logs.logs import Logs
from lighthouse.supervisor.loop.event_loop import EventLoop
from lighthouse.supervisor.loop.signals import Signals
from lighthouse.supervisor.orders import Orders
from lighthouse.supervisor.packages import InstalledPackages
from lighthouse.supervisor.plan import Wanted, plan, renew
from lighthouse.supervisor.pool.pool import WorkerPool
from lighthouse.supervisor.pool.sessions import Sessions
from lighthouse.supervisor.pool.worker import Worker
from lighthouse.supervisor.registrar import LOOK_AROUND, Registrar
from lighthouse.supervisor.saving.persistence import SEEN, SLICE, Persistence
from lighthouse.supervisor.saving.writer import Saving
from lighthouse.supervisor.shutdown import Shutdown
from lighthouse.supervisor.standing_order import Name
from lighthouse.supervisor.state import State
from lighthouse.supervisor.store import Store
from lighthouse.supervisor.telling.announcer import Announcer
from lighthouse.supervisor.telling.web_feed import WebFeed

PACKAGES: Final = 5.0
"""Seconds between looks for plugins that were installed or removed."""

_log: Final = logging.getLogger("lighthouse.supervisor")


class Supervisor:
    """One daemon for one config tree, in the directories of its claim.

    Without a ``log_file`` and a ``logging.yaml`` it logs to standard error.
    """

    def __init__(
        self,
        root: Path,
        claim: DaemonClaim,
        log_file: Path | None = None,
        manager: ServiceManager | None = None,
    ) -> None:
        self._root: Final = root
        self._manager: Final = manager or ServiceManager()
        self._claim: Final = claim
        self._log_file: Final = log_file
        self._reserve: Final = DescriptorReserve()
        self._loop: Final = EventLoop(self._stalled)
        self._unsettled = True
        self._replan = True
        self._wanted: dict[Name, Wanted] = {}
        self._absences: Final = Absences()
        self._fault_log: Final = FaultLog()

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; 0 after a clean stop."""
        self._open()
        try:
            while not (self._shutdown.stopping and self._pool.gone):
                self._loop.turn()
                self._converge(time.monotonic())
        finally:
            self._close()
        return 0

    def _converge(self, now: float) -> None:
        """Make what runs match what is known; what cannot be done yet is tried again."""
        self._loop.attempt("a look at its discoveries", self._miss, now)
        if self._unsettled or self._replan:
            self._loop.attempt("its plan", self._plan, now)
        self._loop.attempt("the start of workers", self._pool.dispatch, now)
        self._loop.attempt("what is due of clusters", self._attend, now)

    def _plan(self, now: float) -> None:
        """Work out what should run, and have it so."""
        if self._unsettled:
            due = self._registrar.settle(now, time.time())
            due = self._orders.settle(now, time.time(), due)
            self._loop.timers.set("upkeep", due, self._think)
            self._wanted = {} if self._shutdown.stopping else plan(self._state)
            self._registrar.publish(self._wanted)
        else:
            self._wanted = renew(self._wanted, self._state)
        self._pool.want(self._wanted, now, self._shutdown.keep)
        self._feed.note()
        self._unsettled = self._replan = False

    def _attend(self, now: float) -> None:
        """Be back when a hold ends, and tell what has happened to clusters."""
        self._loop.timers.set("members", self._state.memberships.next_due(now), self._age)
        log(_log, self._state.memberships.take_events())

    def _miss(self, now: float) -> None:
        """A source is away too while no worker runs for its discovery."""
        if not self._shutdown.stopping:
            self._replan |= self._absences.note(self._state, self._pool, now)

    def _open(self) -> None:
        self._logs = Logs(self._log_file)
        self._signals = Signals((signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD))
        self._packages = InstalledPackages()
        tree = Tree(self._root, self._packages.installed)
        tree.load()
        cache = Store(self._claim.state_dir)
        good = cache.good()
        if tree.faults:
            kept = {**recall(self._root), **good.texts}
            tree = Tree(self._root, self._packages.installed, kept)
            tree.load()
        known = (self._loop, self._reserve)
        self._config = ConfigReload(self._root, tree, *known, self._configure)
        self._configure_logs()
        self._state = State(tree.config, identity.look(), good.by_key())
        self._persistence = Persistence(cache, self._state)
        self._persistence.restore()
        saved = (self._persistence, LastSettings(self._root))
        self._saving = Saving(self._loop.timers, self._reserve, self._config, *saved)
        self._registrar = Registrar(self._state, cache)
        self._registrar.restore()
        self._orders = Orders(self._state, cache)
        self._orders.restore()
        self._state.configure(tree.config, time.monotonic())
        sessions = Sessions(self._claim.run_dir / "sessions")
        locks, installed = self._claim.locks(), self._packages.installed
        self._pool = WorkerPool(*known, locks, sessions, self._take, installed)
        own = (self._faults, self._problems)
        told = (self._state, self._pool, self._config.reading, *own)
        self._announcer = Announcer(self._manager, self._loop, *told)
        ending = (self._think, self._pool.kill, self._announcer.stops, bool(self._manager))
        self._pool.number_from(self._orders.newest_version)
        self._shutdown = Shutdown(self._state, self._loop.timers, *ending)
        known_of_self = (self._loop.errors, self._announcer.is_ready)
        status = StatusReport(self._root, self._state, self._pool, *own, *known_of_self)
        orders = (self._registrar, self._orders, self._shutdown)
        router = Router(self._state, self._pool, status, *orders, self._think)
        socket, access = self._claim.run_dir / "control.sock", self._state.access
        self._control = ControlListener(socket, *known, router.answer, access, router.gone)
        self._feed = WebFeed(self._state, self._loop.timers, router.answer)
        self._presence = Presence(self._claim, self._control, sessions)
        self._loop.watch(self._signals, "a signal", self._signalled)
        self._repeat()
        self._announcer.start()
        self._tell_faults()
        self._saving.later()
        _log.info("lighthouse %s serves %s", __version__, self._root)

    def _repeat(self) -> None:
        """Have done now and again what nothing calls for."""
        for name, seconds, act in (
            ("packages", PACKAGES, self._find_plugins),
            ("host", LOOK_AROUND, self._look_around),
            ("tidy", 2.0, GarbageCollector().tidy),
            ("logs", 1.0, self._logs.follow),
            ("presence", INTERVAL, self._presence.keep),
            ("seen", SEEN, self._persistence.see),
            ("history", WRITE, functools.partial(self._orders.chronicle.write, SLICE)),
        ):
            self._loop.every(name, seconds, act)

    def _close(self) -> None:
        """End everything, whatever of it fails."""
        for what, act in (
            ("the end of workers", self._pool.kill),
            ("the last save", self._saving.finish),
            ("the last note of discoveries", self._persistence.see),
            ("the last note of versions", self._orders.chronicle.write),
            ("the end of the control socket", self._control.close),
            ("the end of the watch", self._config.close),
        ):
            self._loop.attempt(what, act)
        self._signals.close()
        self._loop.close()
        self._reserve.close()
        _log.info("stopped")
        self._logs.close()

    def _stalled(self, seconds: float) -> None:
        """This process did not run for a while (stopped, or starved)."""
        _log.warning("the daemon did not run for %.1f s: no worker counts as late for it", seconds)
        self._pool.stalled(seconds)

    def _take(self, worker: Worker, message: Message, payload: memoryview, now: float) -> None:
        """A worker spoke."""
        effect = dispatch.take(self._state, worker, message, payload, now)
        self._feed.take(worker, message)
        self._replan |= "snapshots" in effect.stale
        self._unsettled |= "plan" in effect.stale
        self._persistence.note(*effect.clusters)
        self._orders.chronicle.take(self._pool, worker, message, effect, now)
        if "faults" in effect.stale:
            self._tell_faults()
        if "saved" in effect.stale:
            self._saving.later()

    def _signalled(self) -> None:
        """Have each signal seen to by a timer, so that none is lost with another's failure."""
        now = time.monotonic()
        acts = {signal.SIGHUP: self._hang_up, signal.SIGCHLD: self._pool.reap}
        for number in self._signals.drain():
            begin = functools.partial(self._shutdown.begin, number.name)
            self._loop.timers.set(number.name, now, acts.get(number, begin))

    def _hang_up(self) -> None:
        _log.info("SIGHUP: reading the configuration again")
        self._find_plugins(afresh=True)
        self._look_around()
        self._config.read()
        self._announcer.reloads()
        self._configure_logs()
        self._pool.renew(self._packages.installed, time.monotonic())
        self._pool.hurry(time.monotonic())

    def _think(self) -> None:
        """What is wanted may have changed though nothing was read."""
        self._unsettled = True

    def _find_plugins(self, afresh: bool = False) -> None:
        """What files are judged by (plugins, users) may have come: judge them anew if so."""
        before = self._packages.installed
        if self._packages.look(afresh):
            self._pool.compare(self._packages.installed, time.monotonic())
        if self._packages.installed != before or (afresh and self._config.tree.broken):
            self._config.judge(self._packages.installed)

    def _look_around(self) -> None:
        """This host may be called or reached otherwise than before."""
        self._unsettled |= self._registrar.look_around(time.monotonic())

    def _configure(self) -> None:
        """Take what is good of a config tree that has changed, with what is installed by now."""
        self._find_plugins()
        self._absences.forget()
        before, config = self._state.config, self._config.tree.config
        self._orders.chronicle.configured(before, config)
        for cluster in self._state.configure(config, time.monotonic()):
            self._persistence.note(cluster)
        if before.logging != config.logging:
            self._configure_logs()
        self._unsettled = True
        self._tell_faults()
        self._saving.later()

    def _age(self) -> None:
        """A hold ended, or a source has been away for long."""
        views = self._state.memberships.views
        aged = sorted(self._state.pass_time(time.monotonic()))
        log(_log, (ClusterEvent(logging.INFO, name, views[name].words) for name in aged))
        self._replan = True

    def _tell_faults(self) -> None:
        self._fault_log.tell(self._faults())

    def _configure_logs(self) -> None:
        config = self._config.tree.config
        file = config.daemon.log_file or self._log_file
        form = (config.daemon.log_level, config.daemon.log_format)
        self._logs.configure(config.logging, file, *form)

    def _faults(self) -> list[Fault]:
        return faults(self._state, self._config.tree, self._pool)

    def _problems(self) -> list[str]:
        """The supervisor's own problems, for the status."""
        sources = (self._persistence, self._logs, self._presence, self._reserve)
        return [problem for source in sources for problem in source.problems()]
