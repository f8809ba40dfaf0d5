"""Numbers that YAML 1.1 reads otherwise than people write them."""

import re
from typing import Final

from lighthouse.schema import shown

_OCTAL: Final = re.compile("[-+]?0[0-7_]+")


def misread(text: str) -> str:
    """What YAML makes of a number that may have been meant otherwise, empty if it is clear."""
    if ":" in text:
        return f"{shown(text)} is a number to the base of 60 in YAML; quote it if it is none"
    if _OCTAL.fullmatch(text):
        return f"{shown(text)} is an octal number in YAML; write it without the zero, or quote it"
    return ""
