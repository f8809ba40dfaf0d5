"""What HAProxy says to a configuration before it has to run on it."""

from collections.abc import Callable
from typing import Final

from lighthouse.balancer import Finding
from lighthouse.haproxy.rendering import binds
from lighthouse.haproxy.rendering.binds import Spot
from lighthouse.haproxy.rendering.chunks import Chunk
from lighthouse.haproxy.rendering.render import file_of
from lighthouse.haproxy.runtime import process
from lighthouse.haproxy.runtime.dry_start import dry_start
from lighthouse.haproxy.runtime.process import FileVerdict
from lighthouse.haproxy.schema.balancer import HAProxySettings
from lighthouse.haproxy.sync.candidate import faulty_binds


class Trial:
    """Has one HAProxy binary read configurations, bind their addresses, and start on them."""

    def __init__(
        self,
        settings: HAProxySettings,
        binary: str,
        offline: bool = False,
        tell: Callable[[str], None] = process.silent,
    ) -> None:
        """``offline``: it is only asked what would run. ``tell``: of each step that is long."""
        self._settings: Final = settings
        self._binary: Final = binary
        self._offline: Final = offline
        self._tell: Final = tell

    def judge(
        self, chunks: tuple[Chunk, ...], held: frozenset[Spot] | None
    ) -> tuple[FileVerdict, tuple[Finding, ...]]:
        """HAProxy's verdict and, if that is good, what cannot be bound.

        ``held`` is what HAProxy listens at; addresses beyond it are bound, if it is not None.
        """
        text = file_of(chunks).decode()
        self._tell("HAProxy's check of a configuration")
        verdict = process.check(self._binary, text)
        if not verdict.valid:
            return verdict, ()
        if held is not None:
            spots = [spot for chunk in chunks for spot in binds.spots(chunk.text)]
            wrong = binds.unbindable(spots, binds.Claims(held))
            if found := tuple(faulty_binds(chunks, wrong)):
                return verdict, found
        self._tell("a start of HAProxy on trial")
        started = dry_start(self._binary, self._settings, text, self._offline)
        return (verdict if started.valid else started), ()
