"""Numbers of bytes as operators write them."""

import re
from typing import Final

_SIZE: Final = re.compile(r"(\d{1,15})\s*([kKMGT]?)(?:i?B)?", re.ASCII)
_UNITS: Final = {"": 0, "k": 10, "K": 10, "M": 20, "G": 30, "T": 40}


def in_bytes(value: int | str | None) -> int | None:
    """A number of bytes; raises ``ValueError`` for a text that is none."""
    if not isinstance(value, str):
        return value
    found = _SIZE.fullmatch(value.strip())
    if found is None:
        raise ValueError("expected bytes or a text like 16MB")
    return int(found[1]) << _UNITS[found[2]]
