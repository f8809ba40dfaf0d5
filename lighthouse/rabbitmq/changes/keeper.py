"""Everything that may be done to the members of the cluster, in the order in which it may be."""

from collections.abc import Collection
from typing import Final

from lighthouse.balancer import Outcome
from lighthouse.rabbitmq.broker import LocalBroker
from lighthouse.rabbitmq.changes.forgetter import Forgetter
from lighthouse.rabbitmq.changes.joiner import Joiner
from lighthouse.rabbitmq.changes.record import Record
from lighthouse.rabbitmq.control import Rabbitmqctl
from lighthouse.rabbitmq.settings import BrokerSettings, seconds

_NAMELESS: Final = "the broker does not say how its node is called: set local_node"


class MemberKeeper:
    """Acts only as the settings allow; a join that was cut short is mended in any case."""

    def __init__(
        self, settings: BrokerSettings, control: Rabbitmqctl, broker: LocalBroker
    ) -> None:
        self._settings: Final = settings
        self._control: Final = control
        self._broker: Final = broker
        self._record: Final = Record(settings.state_file)
        jitter = seconds(settings.join.jitter)
        self._joiner: Final = Joiner(control, broker, self._record, jitter)
        self._forgetter: Final = Forgetter(control, broker, self._record, settings.forget)
        self._name: str | None = None
        self._seen: frozenset[str] | None = None
        self._said: Outcome | None = None

    @property
    def due(self) -> bool:
        """Return True if there is something to be done before the broker is looked at again."""
        return self._joiner.due

    @property
    def interrupted(self) -> bool:
        """Return True if a join was cut short. Raises ``OSError``."""
        return self._record.ledger.joining

    def status(self) -> dict[str, int]:
        """Seconds for which members are absent."""
        if not self._settings.forget.enabled:
            return {}
        return {name: int(passed) for name, passed in self._record.ledger.absent.items()}

    def count(self, listed: Collection[str]) -> None:
        """Count the time since the last call as absence of who was not seen.

        ``listed`` are the names in the file. Raises ``OSError``.
        """
        if self._settings.forget.enabled:
            topology, absent = self._broker.sight.topology, self._record.ledger.absent
            known = absent.keys() if topology is None else topology.members
            self._record.count({*listed, *known})

    def see(self, seen: frozenset[str] | None) -> None:
        """From now on these names are the snapshot; None: it is not fresh, or empty."""
        self._seen = seen
        self._record.see(seen)

    def gone(self) -> frozenset[str]:
        """The names that may leave the file. Raises ``OSError``."""
        if not self._settings.forget.enabled or self._seen is None:
            return frozenset()
        return self._forgetter.gone(self._broker.sight.topology) - self._seen

    def act(self, looked: bool) -> Outcome | None:
        """Do what may be done, if the broker was just looked at; what is to be said of it.

        Raises ``OSError``, with nothing done.
        """
        if looked or self._joiner.due or self._record.ledger.joining:
            said = self._joiner.recover() or self._acted()
            self._record.save()
            self._said = None if said is not None and said.kind == "applied" else said
            return said
        return self._said

    def _acted(self) -> Outcome | None:
        own, settings = self._broker.sight.topology, self._settings
        if own is None or not settings.acts:
            return None
        me = self._named(own.running_nodes)
        if me is None:
            return Outcome("degraded", _NAMELESS)
        said = self._joiner.join(me, own, self._seen) if settings.join.enabled else None
        if said is None and settings.forget.enabled:
            return self._forgetter.forget(me, own, self._seen)
        return said

    def _named(self, running: Collection[str]) -> str | None:
        """The local node, asked for once, and again if it does not run under that name."""
        if self._name not in running:
            self._name = self._control.name()
        return self._name if self._name in running else None
