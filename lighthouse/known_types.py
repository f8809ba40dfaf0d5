"""Types that several threads decode, made known to msgspec before there is more than one thread.

It builds what it has to know of a type when that is used first, and a second thread that comes
upon it half built ends the process by SIGSEGV (seen with 0.22).
"""

from typing import Any

import msgspec


def make_known(*kinds: Any) -> None:
    """Have these types, and all that is in them, known from now on; to be called at import."""
    for kind in kinds:
        msgspec.json.Decoder(kind)
