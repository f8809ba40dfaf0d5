"""Writing files that other software reads: whole or not at all, and back if it does not work.

``FileTarget`` compares first (equal content is never written), writes beside the target,
syncs, has the candidate validated by the software itself, renames, activates it (a reload, with
its proof), and puts the last good content back if that fails. The target keeps its mode and
owner. A target that is a symbolic link stays one: the file that it leads to is replaced.

``FileGroup`` does the same for several files that are of use only together: all of them are
validated before the first is replaced, and all are put back if one cannot be, or if the
activation fails.

What was replaced and not yet activated is marked beside the file. So whoever is killed between
the two activates it at the next install, though nothing differs any more.
"""

from lighthouse.files.access import Access
from lighthouse.files.difference import difference
from lighthouse.files.exchange import Mark, sync_directory
from lighthouse.files.group import FileGroup, Postponed
from lighthouse.files.target import Edited, FileTarget, NotActivated, Refused

__all__ = (
    "Access",
    "Edited",
    "FileGroup",
    "FileTarget",
    "Mark",
    "NotActivated",
    "Postponed",
    "Refused",
    "difference",
    "sync_directory",
)
