"""What is to run: the wanted stanzas, less those that are at fault."""

import socket
from collections.abc import Iterator
from typing import Final

import msgspec

from lighthouse.balancer import Finding
from lighthouse.haproxy.rendering import binds
from lighthouse.haproxy.rendering.binds import Spot
from lighthouse.haproxy.rendering.chunks import Chunk
from lighthouse.haproxy.rendering.live import Lives
from lighthouse.haproxy.rendering.render import Skeleton, skeleton
from lighthouse.haproxy.rendering.stanza import Stanza, Stanzas
from lighthouse.haproxy.schema.balancer import HAProxySettings
from lighthouse.haproxy.sync.allotment import allot, give_way
from lighthouse.haproxy.sync.candidate import Candidate, confine
from lighthouse.haproxy.sync.running import Running
from lighthouse.haproxy.sync.trial import Trial
from lighthouse.haproxy.sync.wanted import WantedClusters
from lighthouse.peer import Peer

_OURS: Final = ("'option idle-close-on-response' ignored", "state file")
"""Of our own defaults: they mean nothing to a TCP frontend, or at the very first start."""


class _Refusal(msgspec.Struct, frozen=True):
    stanza: Stanza
    findings: tuple[Finding, ...]


class Target:
    """The skeleton that should run, and why it is not all that the clusters ask for."""

    def __init__(self, settings: HAProxySettings, wanted: WantedClusters, trial: Trial) -> None:
        self._settings: Final = settings
        self._wanted: Final = wanted
        self._trial: Final = trial
        self._host: Final = socket.gethostname()
        self._refusals: dict[str, _Refusal] = {}
        self._conflicts: dict[str, Finding] = {}
        self._frame: Skeleton | None = None
        self._use: dict[str, Stanza] = {}
        self._peers: frozenset[Peer] = frozenset()
        self._proven: Stanzas = {}
        self._yielding: tuple[Finding, ...] = ()
        self.warnings: tuple[Finding, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong with the settings and with which cluster."""
        found: dict[str, tuple[Finding, ...]] = {
            name: (Finding((), reason, name),) for name, reason in self._wanted.faults.items()
        }
        found |= {name: (finding,) for name, finding in self._conflicts.items()}
        found |= {name: refusal.findings for name, refusal in self._refusals.items()}
        return (*self._yielding, *(f for name in sorted(found) for f in found[name]))

    @property
    def lines(self) -> tuple[str, ...]:
        """The findings in words, each behind its cluster's name."""
        found = self.findings
        return tuple(f"{f.cluster}: {f.message}" if f.cluster else f.message for f in found)

    def reconsider(self, afresh: bool) -> None:
        """The stanzas have changed; ``afresh``: give the refused ones another chance."""
        self._frame = None
        if afresh:
            self._refusals = {}

    @property
    def has_refusals(self) -> bool:
        return bool(self._refusals)

    def frame(self, running: Running, peers: frozenset[Peer]) -> Skeleton:
        """The wanted skeleton; a refused cluster keeps the stanza that runs, if it has one."""
        if self._frame is None or peers != self._peers:
            self._peers, self._proven = peers, running.stanzas
            use = {}
            refusals = {}
            for name, stanza in self._wanted.stanzas.items():
                refusal = self._refusals.get(name)
                if refusal is None or refusal.stanza != stanza:
                    use[name] = stanza
                    continue
                refusals[name] = refusal
                if name in running.stanzas:
                    use[name] = running.stanzas[name]
            self._refusals, self._use = refusals, use
            self._frame = self._drawn(use)
        return self._frame

    def choose(
        self,
        running: Running,
        live: Lives,
        held: frozenset[Spot] | None,
        peers: frozenset[Peer] | None = None,
        serves: bool = True,
    ) -> Candidate:
        """What of the wanted HAProxy accepts; nothing is lost of what it ``serves``.

        ``held`` is what HAProxy listens at; addresses beyond it are bound on trial, if it is
        not None. ``peers`` are all that are known, if none are given. Raises
        ``candidate.CandidateRefused`` if nothing passes whatever cluster is left out.
        """
        self.frame(running, self._wanted.peers() if peers is None else peers)
        self._proven = running.stanzas
        serving = self._proven.keys() & live.keys() if serves else ()
        known = {name: stanza for name, stanza in self._proven.items() if name in self._use}
        found = confine(
            self._use,
            known,
            self._drawn,
            lambda frame: self._wanted.fill(frame, live),
            lambda chunks: self._trial.judge(chunks, held),
            serving,
        )
        stanzas = self._wanted.stanzas
        for name, findings in found.refused.items():
            self._refusals[name] = _Refusal(stanzas[name], findings)
        self._frame = found.skeleton
        self.warnings = tuple(_wanted_warnings(found.warnings))
        return found

    def to_start(
        self, running: Running, live: Lives, held: frozenset[Spot] | None
    ) -> tuple[Chunk, ...]:
        """The file to start: what ran, if that is wanted and its addresses are free, or a choice.

        Raises ``candidate.CandidateRefused``.
        """
        if running.frame is not None:
            wanted = self.frame(running, running.peers)
            chunks = self._wanted.fill(running.frame, live)
            spots = (spot for chunk in chunks for spot in binds.spots(chunk.text))
            free = held is None or not binds.unbindable(spots, binds.Claims(held))
            if wanted.generation == running.generation and free:
                return chunks
        return self.choose(running, live, held, serves=False).chunks

    def _drawn(self, stanzas: Stanzas) -> Skeleton:
        """The skeleton of those that may have their names and addresses."""
        bare = skeleton(self._settings, (), (), self._host)
        settings, self._yielding = give_way(self._settings, bare.head, stanzas, self._proven)
        if self._yielding:
            bare = skeleton(settings, (), (), self._host)
        kept, self._conflicts = allot(settings, bare.head, stanzas, self._proven)
        return skeleton(settings, tuple(kept.values()), self._peers, self._host)


def _wanted_warnings(warnings: tuple[Finding, ...]) -> Iterator[Finding]:
    for warning in warnings:
        if not any(text in warning.message for text in _OURS):
            yield warning
