"""What is to run: the wanted stanzas, less those that are at fault."""

from collections.abc import Mapping
from typing import Final

import msgspec

from lighthouse.haproxy import process
from lighthouse.haproxy.binds import taken
from lighthouse.haproxy.candidate import Candidate, allot, confine
from lighthouse.haproxy.membership import Lives, Membership
from lighthouse.haproxy.process import Verdict
from lighthouse.haproxy.render import Chunk, Skeleton, skeleton, text_of
from lighthouse.haproxy.settings import Settings
from lighthouse.haproxy.stanza import Stanza

_HARMLESS: Final = "'option idle-close-on-response' ignored"
"""Our own default, which means nothing to a TCP frontend."""


class _Refusal(msgspec.Struct, frozen=True):
    stanza: Stanza
    reason: str


class Wish:
    """The skeleton that should run, and why it is not all that the clusters ask for."""

    def __init__(self, settings: Settings, membership: Membership, binary: str) -> None:
        self._settings: Final = settings
        self._membership: Final = membership
        self._binary: Final = binary
        self._refusals: dict[str, _Refusal] = {}
        self._conflicts: dict[str, str] = {}
        self._frame: Skeleton | None = None
        self.warnings: tuple[str, ...] = ()

    @property
    def faults(self) -> dict[str, str]:
        """What is wrong with which cluster."""
        refused = {name: refusal.reason for name, refusal in self._refusals.items()}
        return {**self._membership.faults, **self._conflicts, **refused}

    def reconsider(self, afresh: bool) -> None:
        """The stanzas have changed; ``afresh``: give the refused ones another chance."""
        self._frame = None
        if afresh:
            self._refusals = {}

    @property
    def has_refusals(self) -> bool:
        return bool(self._refusals)

    def frame(self, proven: Mapping[str, Stanza]) -> Skeleton:
        """The wanted skeleton; a refused cluster keeps its ``proven`` stanza, if it has one."""
        if self._frame is None:
            use = {}
            refusals = {}
            for name, stanza in self._membership.stanzas.items():
                refusal = self._refusals.get(name)
                if refusal is None or refusal.stanza != stanza:
                    use[name] = stanza
                    continue
                refusals[name] = refusal
                if name in proven:
                    use[name] = proven[name]
            self._refusals = refusals
            kept, self._conflicts = allot(self._settings, use)
            self._frame = skeleton(self._settings, tuple(kept.values()))
        return self._frame

    def choose(self, proven: Mapping[str, Stanza], live: Lives, holder: int | None) -> Candidate:
        """What of the wanted HAProxy accepts; ``holder`` is the process with our ports.

        Raises ``candidate.Refused`` if nothing passes whatever cluster is left out.
        """

        def fill(frame: Skeleton) -> tuple[Chunk, ...]:
            return self._membership.fill(frame, live)

        def judge(chunks: tuple[Chunk, ...]) -> tuple[Verdict, dict[str, str]]:
            verdict = process.check(self._binary, text_of(chunks))
            return verdict, taken(chunks, holder) if verdict.valid else {}

        wanted = {stanza.cluster: stanza for stanza in self.frame(proven).stanzas}
        known = {name: stanza for name, stanza in proven.items() if name in wanted}
        found = confine(self._settings, wanted, known, fill, judge)
        stanzas = self._membership.stanzas
        for name, reason in found.refused.items():
            self._refusals[name] = _Refusal(stanzas[name], reason)
        self._frame = found.skeleton
        self.warnings = tuple(text for text in found.warnings if _HARMLESS not in text)
        return found


def difference(wanted: Skeleton, proven: Mapping[str, Stanza]) -> str:
    """What a reload to a skeleton would be for, in words; ``proven`` is what runs."""
    if not proven:
        return "HAProxy runs another configuration"
    new = {stanza.cluster: stanza for stanza in wanted.stanzas}
    changed = [
        *(f"+{name}" for name in sorted(new.keys() - proven.keys())),
        *(f"-{name}" for name in sorted(proven.keys() - new.keys())),
        *(name for name in sorted(new.keys() & proven.keys()) if new[name] != proven[name]),
    ]
    shown = ", ".join(changed[:5]) + (", ..." if len(changed) > 5 else "")
    return f"clusters: {shown}" if changed else "the balancer's settings"
