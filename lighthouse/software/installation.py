"""How the installation of files ended, as a balancer says it."""

from collections.abc import Sequence

from lighthouse.balancer import APPLIED, UNCHANGED, Outcome
from lighthouse.files import FileGroup, NotActivated, Postponed, Refused
from lighthouse.files.group import Wanted


def install(group: FileGroup, wanted: Sequence[Wanted]) -> Outcome:
    """Install files and say what came of it.

    ``degraded``: they are in place, and nobody was there to be told; ``failed``: the former ones
    are, unless the reason says that they could not be loaded again.
    """
    try:
        return APPLIED if group.install(wanted) else UNCHANGED
    except Postponed as reason:
        return Outcome("degraded", f"written, but nobody was told: {reason}")
    except NotActivated as error:
        back = "are back" if error.restored else "are back, but could not be loaded either"
        return Outcome("failed", f"not loaded: {error}; the former files {back}")
    except (Refused, OSError) as error:
        return Outcome("failed", f"no file is touched: {error}")
