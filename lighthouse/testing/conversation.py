"""What is said with one worker, from the supervisor's side."""

import select
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import msgspec

from lighthouse.cluster import Cluster
from lighthouse.discovery import Reading
from lighthouse.ipc.channel import Channel, Closed
from lighthouse.ipc.messages import (
    Deliver,
    Message,
    Observed,
    Registered,
    Rehearse,
    Rehearsed,
    Validate,
    Validated,
    VerdictsSaid,
    decode_as,
    encode,
)
from lighthouse.ipc.payloads import Registration, Rehearsal
from lighthouse.ipc.snapshot import Membership, Part, PluginSettings, Snapshot, pack
from lighthouse.service import Verdict

M = TypeVar("M")


def part(cluster: Cluster, revision: int, settings: PluginSettings | None = None) -> Part:
    """A cluster as the supervisor puts it into a balancer's snapshot."""
    membership = Membership(
        settings,
        msgspec.Raw(encode(cluster.nodes)),
        cluster.known,
        cluster.stale,
        cluster.observed_at,
        cluster.meta_cluster,
    )
    return Part(cluster.name, revision, encode(membership))


class Conversation:
    """Sends a worker what a supervisor sends, and waits for what it says.

    ``channel`` is the supervisor's end. A message that is waited for is kept until somebody
    expects it.
    """

    def __init__(self, channel: Channel) -> None:
        self.channel: Final = channel
        self.version = 0
        self._verdicts: dict[str, Verdict] = {}
        self._received: list[tuple[Message, bytes]] = []
        self._closed = False

    @property
    def log(self) -> str:
        """What the worker printed, for the message of a failure."""
        return ""

    @property
    def end(self) -> str:
        """How the worker ended, in words, for the message of a failure."""
        return "the worker has ended"

    def send(self, message: Message, payload: Sequence[bytes] | None = None) -> None:
        """Send a message; fails if the worker does not read, or has ended."""
        try:
            sent = self.channel.send(message, payload)
        except Closed as closed:
            raise AssertionError(f"{self.end}\n{self.log}") from closed
        assert sent, "the worker does not read"

    def deliver(self, snapshot: Snapshot) -> int:
        """Send the snapshot under the next version, which is returned."""
        self.version += 1
        self.send(Deliver(self.version), list(pack(snapshot)))
        return self.version

    def validate(self, snapshot: Snapshot) -> Validated:
        """The worker's answer to ``Validate``."""
        self.send(Validate(), list(pack(snapshot)))
        return self.expect(Validated)

    def rehearse(self, snapshot: Snapshot) -> Rehearsal:
        """The worker's answer to ``Rehearse``."""
        self.send(Rehearse(), list(pack(snapshot)))
        return decode_as(Rehearsal, self.expect_payload(Rehearsed)[1])

    def expect(
        self, kind: type[M], where: Callable[[M], Any] = lambda _: True, within: float = 15.0
    ) -> M:
        """The first such message that was not returned before; fails after ``within``."""
        return self.expect_payload(kind, where, within)[0]

    def expect_payload(
        self, kind: type[M], where: Callable[[M], Any] = lambda _: True, within: float = 15.0
    ) -> tuple[M, bytes]:
        """Like ``expect``, with the message's payload."""
        deadline = time.monotonic() + within
        while True:
            for index, (message, payload) in enumerate(self._received):
                if isinstance(message, kind) and where(message):
                    del self._received[index]
                    return message, payload
            rest = deadline - time.monotonic()
            if rest <= 0 or not self._receive(rest):
                seen = ", ".join(repr(message) for message, _ in self._received)
                why = f"{self.end}: " if self._closed else ""
                raise AssertionError(f"{why}no {kind.__name__}; got: {seen}\n{self.log}")

    def reading(
        self, cluster: str, where: Callable[[Reading], Any] = lambda _: True, within: float = 15.0
    ) -> tuple[Observed, Reading]:
        """The next reading of the cluster that is as wanted."""
        deadline = time.monotonic() + within
        while True:
            message, payload = self.expect_payload(
                Observed, lambda m: m.cluster == cluster, deadline - time.monotonic()
            )
            reading = decode_as(Reading, payload)
            if where(reading):
                return message, reading

    def readings(self, cluster: str) -> list[Reading]:
        """The readings of the cluster that have come and that nobody expected yet."""
        self.received(Observed)
        found = [
            (message, payload)
            for message, payload in self._received
            if isinstance(message, Observed) and message.cluster == cluster
        ]
        self._received = [one for one in self._received if one not in found]
        return [decode_as(Reading, payload) for _, payload in found]

    def registrations(self, within: float = 15.0) -> dict[tuple[str, int], Registration]:
        """The next statement of what is registered."""
        _, payload = self.expect_payload(Registered, within=within)
        found = decode_as(tuple[Registration, ...], payload)
        return {(one.place[0], one.place[3]): one for one in found}

    def verdicts(
        self, where: Callable[[dict[str, Verdict]], Any] = lambda _: True, within: float = 15.0
    ) -> dict[str, Verdict]:
        """The verdicts by service, after the next statement that makes them as wanted."""
        deadline = time.monotonic() + within
        while True:
            said, payload = self.expect_payload(VerdictsSaid, within=deadline - time.monotonic())
            known = {} if said.whole else self._verdicts
            found = {v.service: v for v in decode_as(tuple[Verdict, ...], payload)}
            self._verdicts = known | found
            if where(self._verdicts):
                return self._verdicts

    def received(self, kind: type[M]) -> list[M]:
        """The messages of a kind that have come and that nobody expected yet."""
        while self._receive(0):
            pass
        return [message for message, _ in self._received if isinstance(message, kind)]

    def forget(self) -> None:
        """Let go of the messages that nobody expected."""
        self.received(object)
        self._received.clear()

    def _receive(self, seconds: float) -> bool:
        """Take the next message, waiting so long; False if there is none."""
        if self._closed:
            return False
        select.select([self.channel], [], [], max(0.0, seconds))
        try:
            received = self.channel.receive()
        except Closed:
            self._closed = True
            return False
        if received is None:
            return False
        message, payload = received
        self._received.append((message, bytes(payload)))
        return True
