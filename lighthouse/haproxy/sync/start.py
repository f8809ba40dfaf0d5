"""How HAProxy is started: on what is wanted, or else on the last good configuration."""

import contextlib
import logging
from typing import Final

import msgspec

from lighthouse.balancer import UNCHANGED, Finding, Outcome
from lighthouse.haproxy.rendering import binds, readback
from lighthouse.haproxy.rendering.chunks import Chunk
from lighthouse.haproxy.rendering.render import file_of, generation_in, is_intact
from lighthouse.haproxy.runtime.controller import Controller
from lighthouse.haproxy.runtime.instance import Instance
from lighthouse.haproxy.sync import candidate
from lighthouse.haproxy.sync.candidate import blame
from lighthouse.haproxy.sync.running import Running, recalled
from lighthouse.haproxy.sync.target import Target
from lighthouse.haproxy.sync.writer import Writer
from lighthouse.software.binary import NotStarted

log: Final = logging.getLogger(__name__)

_FORMER: Final = 3
"""So many kept versions are tried, if HAProxy does not start with any newer one."""


class Started(msgspec.Struct, frozen=True):
    """What is known to run, or ran last, and its worker, None if there is none.

    ``outcome`` is why there is none, or why HAProxy does not run on ``refused``, a generation.
    """

    running: Running
    instance: Instance | None = None
    outcome: Outcome = UNCHANGED
    refused: str | None = None


class Start:
    """Decides on what HAProxy is started. Any good configuration is better than none."""

    def __init__(self, control: Controller, target: Target, writer: Writer) -> None:
        self._control: Final = control
        self._target: Final = target
        self._writer: Final = writer

    def step(self, running: Running) -> Started:
        """HAProxy does not run: start it, and say why not if that fails."""
        if not self._writer.wait():
            text = f"HAProxy is not started: {self._writer.error}"
            return Started(running, outcome=Outcome("failed", text))
        there = self._control.target.read()
        if there is not None and is_intact(there):
            text = there.decode("utf-8", "replace")
            running = recalled(running, (text,), generation_in(text))
        begun = self._begin(running, there)
        if isinstance(begun, Outcome):
            return Started(running, outcome=begun)
        return begun

    def _begin(self, running: Running, there: bytes | None) -> Started | Outcome:
        """Start on what is wanted; ``there`` is the file, None if there is none."""
        file = self._control.target
        text = (there or b"").decode("utf-8", "replace")
        findings: tuple[Finding, ...] = ()
        chunks: tuple[Chunk, ...] = ()
        try:
            chunks = self._target.to_start(running, readback.lives(text), self._control.held())
            if not any(True for chunk in chunks for _ in binds.spots(chunk.text)):
                return self._idle()
            content = file_of(chunks)
            other = generation_in(text) != generation_in(content.decode())
            file.write(content, keep=there is not None and (other or not is_intact(there)))
        except candidate.CandidateRefused as error:
            if there is None:
                return Outcome("failed", f"HAProxy is not started: {error}", error.findings)
            findings = error.findings
            log.warning("the last good configuration is started, for: %s", error)
        except OSError as error:
            if there is None:
                return Outcome("failed", f"{file.path} cannot be written: {error.strerror}")
            self._writer.failed(error)
        try:
            return Started(running, self._control.start())
        except NotStarted as error:
            findings = findings or blame(str(error).splitlines(), chunks)
            words = "; ".join(f.message for f in findings[:2]) or str(error)
            return self._fall_back(running, there, Outcome("failed", words, findings))

    def _idle(self) -> Outcome:
        """Nothing asks for an HAProxy; or what does is at fault, all of it."""
        reason = "nothing to listen on, so HAProxy is not started"
        errors, warnings = self._target.findings, self._target.warnings
        if not errors:
            return Outcome("applied", reason, warnings)
        return Outcome("degraded", "; ".join((*self._target.lines, reason)), (*errors, *warnings))

    def _fall_back(
        self, running: Running, there: bytes | None, failed: Outcome
    ) -> Started | Outcome:
        """HAProxy let it pass and does not run with it: start what ran before."""
        file = self._control.target
        tried = file.read() or b""
        for former in self._former(there, tried):
            try:
                file.write(former)
                instance = self._control.start()
            except (OSError, NotStarted):
                continue
            reason = f"HAProxy does not start with it: {failed.reason}"
            log.warning("the last good configuration is started: %s", reason)
            text = former.decode("utf-8", "replace")
            known = recalled(running, (text,), instance.generation)
            outcome = msgspec.structs.replace(
                failed, reason=f"{reason}; the last good configuration is started"
            )
            generation = generation_in(tried.decode("utf-8", "replace"))
            return Started(known, instance, outcome, generation)
        with contextlib.suppress(OSError):
            file.write(tried)
        return msgspec.structs.replace(failed, reason=f"HAProxy does not start: {failed.reason}")

    def _former(self, there: bytes | None, tried: bytes) -> list[bytes]:
        """What may have run before, the newest first; read now, for trying makes versions."""
        found = [there or b""]
        for number in range(1, _FORMER + 1):
            with contextlib.suppress(OSError):
                found.append(self._control.target.version(number).read_bytes())
        return [content for content in dict.fromkeys(found) if content and content != tried]
