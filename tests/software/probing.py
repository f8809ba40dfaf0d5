"""One performance of a check, as its worker would do it."""

import time
from typing import Any

from lighthouse.check import Check, Result

SLACK = 3.0
"""Seconds past its timeout that a performance may take on a machine under load."""


class Probe:
    """An instance of a check that is used again and again."""

    def __init__(
        self, kind: type[Check], config: dict[str, Any], port: int, host: str = "127.0.0.1"
    ) -> None:
        kind.validate_config(config)
        self.check = kind()
        self.check.apply_config(config)
        self._place = host, port

    def __call__(self, timeout: float = 5.0) -> Result:
        start = time.monotonic()
        result = self.check.perform(*self._place, timeout)
        assert time.monotonic() - start < timeout + SLACK
        assert result.reason.isprintable()
        assert 0 < len(result.reason) <= 200
        return result


def probe(
    kind: type[Check], config: dict[str, Any], port: int, timeout: float = 5.0, **options: Any
) -> Result:
    """What a new instance finds."""
    return Probe(kind, config, port, **options)(timeout)
