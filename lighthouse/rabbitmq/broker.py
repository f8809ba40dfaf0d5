"""The broker of this host as it was seen last, asked no more often than needed."""

from typing import Final

import msgspec

from lighthouse.files import Mark
from lighthouse.files.exchange import mark_at
from lighthouse.rabbitmq.control import Condition, Rabbitmqctl, program_fault
from lighthouse.rabbitmq.cookie import cookie_fault
from lighthouse.rabbitmq.settings import BrokerSettings
from lighthouse.rabbitmq.topology import Topology, UnreadableAnswer, read
from lighthouse.software.interval import MinInterval

_PATIENCE: Final = 10
"""After a wrong cookie so many times as long passes until the next try, unless it changes."""


class Sight(msgspec.Struct, frozen=True):
    """How the broker was found; ``fault``: what a person has to do something about."""

    condition: Condition | None = None
    told: str = ""
    topology: Topology | None = None
    fault: bool = False


class LocalBroker:
    """Asks ``rabbitmqctl`` for the cluster's state, at most once in ``interval`` seconds."""

    def __init__(self, settings: BrokerSettings, control: Rabbitmqctl) -> None:
        self._settings: Final = settings
        self._control: Final = control
        self._interval: Final = MinInterval(settings.interval)
        self._cookie: Mark = ()
        self._skips = 0
        self.sight = Sight()

    @property
    def due(self) -> bool:
        """Return True if it is time for another look."""
        return not self._interval.left()

    def left(self) -> float:
        """Seconds until then."""
        return self._interval.left()

    def look(self) -> Sight:
        """What is known, found out anew if it is time."""
        if self.due:
            self._interval.done()
            self.sight = self._looked()
        return self.sight

    def look_again(self) -> Sight:
        """Found out anew, right now: for whoever is about to act on it."""
        self._interval.done()
        self.sight = self._looked()
        return self.sight

    def _looked(self) -> Sight:
        settings = self._settings
        fault = program_fault(settings.rabbitmqctl)
        if fault := fault or cookie_fault(settings.cookie_file, settings.user):
            return Sight(None, fault, fault=True)
        if self._waits_for_cookie():
            return self.sight
        answer = self._control.status()
        self._cookie = mark_at(settings.cookie_file) if answer.condition == "cookie" else ()
        self._skips = 0
        if answer.condition != "ok":
            wrong = answer.condition in ("cookie", "failed")
            told = f"rabbitmqctl: {answer.told}" if answer.condition == "failed" else answer.told
            return Sight(answer.condition, told, fault=wrong)
        try:
            return Sight("ok", "", read(answer.printed))
        except UnreadableAnswer as error:
            return Sight("failed", f"rabbitmqctl: {error}", fault=True)

    def _waits_for_cookie(self) -> bool:
        """Return True while the cookie is as it was when it was wrong, for a number of looks."""
        if not self._cookie or self._cookie != mark_at(self._settings.cookie_file):
            return False
        self._skips += 1
        return self._skips < _PATIENCE
