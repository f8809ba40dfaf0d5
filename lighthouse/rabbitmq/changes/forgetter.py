"""Has the cluster forget a member that is gone for good, if every guard agrees."""

import time
from collections.abc import Iterator
from typing import Final

import msgspec

from lighthouse.balancer import Outcome
from lighthouse.rabbitmq.broker import LocalBroker
from lighthouse.rabbitmq.changes.forget import Evidence, Replicas, missing, refusal, replicas
from lighthouse.rabbitmq.changes.record import Record, kind_of_refusal
from lighthouse.rabbitmq.control import Rabbitmqctl
from lighthouse.rabbitmq.settings import ForgetSettings, seconds
from lighthouse.rabbitmq.topology import Topology, UnreadableAnswer, json_of


class Vhost(msgspec.Struct, frozen=True):
    """One of ``list_vhosts``."""

    name: str


class Forgetter:
    """Forgets at most one member a call, and none more than the quota has left."""

    def __init__(
        self, control: Rabbitmqctl, broker: LocalBroker, record: Record, settings: ForgetSettings
    ) -> None:
        self._control: Final = control
        self._broker: Final = broker
        self._record: Final = record
        self._settings: Final = settings
        self._after: Final = seconds(settings.after)

    def gone(self, topology: Topology | None) -> frozenset[str]:
        """The names that are absent for long enough and that no cluster has as members."""
        if topology is None:
            return frozenset()
        absent = self._record.ledger.absent
        long = (name for name, passed in absent.items() if passed >= self._after)
        return frozenset(long) - topology.members

    def forget(self, me: str, own: Topology, seen: frozenset[str] | None) -> Outcome | None:
        """Forget the first that may be; else why the first must not be, or None."""
        evidence = self._evidence(me, own, seen, ())
        refused = ""
        for victim in missing(evidence):
            told = refusal(victim, evidence)
            if not told:
                return self._try(victim, me, seen)
            refused = refused or f"{victim} is absent, and is not forgotten: {told}"
        return Outcome("unchanged", refused) if refused else None

    def _try(self, victim: str, me: str, seen: frozenset[str] | None) -> Outcome:
        """Look anew, at the queues last of all; the quota is spent before the act."""
        own = self._broker.look_again().topology
        evidence = self._evidence(me, own, seen, self._queues())
        if told := refusal(victim, evidence):
            return Outcome("held", f"{victim} is absent, and is not forgotten: {told}")
        self._record.keep(self._record.ledger.spend(time.time()))
        answer = self._control.run("forget_cluster_node", victim)
        self._broker.look_again()
        if answer.condition == "ok":
            return Outcome("applied", f"{victim} was absent for so long that it was forgotten")
        return Outcome(kind_of_refusal(answer), f"{victim} was not forgotten: {answer.told}")

    def _evidence(
        self,
        me: str,
        own: Topology | None,
        seen: frozenset[str] | None,
        queues: tuple[Replicas, ...] | None,
    ) -> Evidence:
        ledger = self._record.ledger
        quota = ledger.quota_left(self._settings.max_per_day, time.time())
        return Evidence(me, own, seen, ledger.absent, self._after, quota, queues)

    def _queues(self) -> tuple[Replicas, ...] | None:
        """The replicated queues of every virtual host; None if they cannot be told."""
        try:
            return tuple(self._listed())
        except (UnreadableAnswer, msgspec.DecodeError):
            return None

    def _listed(self) -> Iterator[Replicas]:
        vhosts = self._answered("list_vhosts", "name")
        for vhost in msgspec.json.decode(json_of(vhosts), type=list[Vhost]):
            columns = ("name", "type", "members", "online")
            yield from replicas(self._answered("list_queues", "--vhost", vhost.name, *columns))

    def _answered(self, *words: str) -> str:
        answer = self._control.run(*words, "--formatter", "json", "--silent")
        if answer.condition != "ok":
            raise UnreadableAnswer(answer.told)
        return answer.printed
