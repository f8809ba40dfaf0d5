"""HAProxy's configuration on disk: the file, and what it has replaced."""

import logging
from collections.abc import Callable, Iterator
from typing import Final

from lighthouse.files import FileTarget
from lighthouse.haproxy.rendering.render import generation_in, is_intact
from lighthouse.haproxy.runtime.attempt import Attempt
from lighthouse.haproxy.schema.balancer import HAProxySettings

log: Final = logging.getLogger(__name__)


class InstalledConfig:
    """The file of some settings; ``activate`` has HAProxy load it and proves that it did."""

    def __init__(self, settings: HAProxySettings, activate: Callable[[], None]) -> None:
        self._versions: Final = settings.keep_versions
        self.target: Final = FileTarget(
            settings.config_file, activate=activate, versions=settings.keep_versions
        )

    def text(self) -> str:
        """What it says, empty if there is none."""
        return (self.target.read() or b"").decode("utf-8", "replace")

    def texts(self) -> Iterator[str]:
        """What HAProxy may have loaded: the file, then what was replaced, the newest first."""
        yield self.text()
        for number in range(1, self._versions + 1):
            try:
                yield self.target.version(number).read_text("utf-8", "replace")
            except OSError:
                return

    def is_good(self, running: str) -> bool:
        """Return True if it is what runs, or an operator's; not what a killed worker tried."""
        if not is_intact(self.target.read() or b"") or not self.target.version(1).exists():
            return True
        return generation_in(self.text()) == running

    def take_back(self, tried: Attempt, running: str) -> None:
        """Put the file that runs back in place of one whose reload was broken off."""
        current, *former = self.texts()
        kept = next((text for text in former if generation_in(text) == running), "")
        if generation_in(current) != tried.generation or not running or not kept:
            return
        log.warning("%s: %s; the one that runs is put back", self.target.path, tried.reason)
        try:
            self.target.write(kept.encode())
        except OSError as error:
            log.warning("%s cannot be written: %s", self.target.path, error.strerror)
