"""When the certificates end that HAProxy uses, as it says itself."""

import ssl
import time
from contextlib import suppress
from typing import Final

from lighthouse.haproxy.runtime.socket import Runtime

EVERY: Final = 600.0
"""Seconds between two looks."""

MOST: Final = 40
"""So many certificates are looked at."""

_END: Final = "notafter:"


class Certificates:
    """``ends_at`` are seconds since 1970, by the certificate's file."""

    def __init__(self) -> None:
        self.ends_at: dict[str, int] = {}
        self._due = 0.0

    def hurry(self) -> None:
        """There may be others."""
        self._due = 0.0

    def look(self, runtime: Runtime) -> None:
        """Ask again if that is due; raises ``Lost``."""
        if time.monotonic() < self._due:
            return
        listed = runtime.ask([("show", "ssl", "cert")])[0].splitlines()
        names = [line.strip() for line in listed if line.strip()[:1] not in ("", "#", "*")]
        names = [name for name in names if "/" in name and " " not in name][:MOST]
        said = runtime.ask([("show", "ssl", "cert", name) for name in names])
        found = {name: end(text) for name, text in zip(names, said, strict=True)}
        self.ends_at = {name: ends for name, ends in found.items() if ends is not None}
        self._due = time.monotonic() + EVERY


def end(text: str) -> int | None:
    """When a certificate ends, by what HAProxy shows of it; None if it does not say."""
    for line in text.splitlines():
        if line.lower().startswith(_END):
            with suppress(ValueError):
                return ssl.cert_time_to_seconds(line[len(_END) :].strip())
    return None
