"""Who may do what with a file that Lighthouse writes."""

import os
import stat

import msgspec


class Access(msgspec.Struct, frozen=True):
    """Who may do what with a file; what is None stays as it is."""

    mode: int | None = None
    owner: int | None = None
    group: int | None = None

    def fits(self, found: os.stat_result) -> bool:
        """Return True if a file is as it should be."""
        there = stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid
        wanted = self.mode, self.owner, self.group
        return all(w is None or w == t for w, t in zip(wanted, there, strict=True))

    def give(self, descriptor: int) -> None:
        """Make an open file so. Raises ``OSError`` where this process may not."""
        if self.owner is not None or self.group is not None:
            owner = -1 if self.owner is None else self.owner
            os.fchown(descriptor, owner, -1 if self.group is None else self.group)
        if self.mode is not None:
            os.fchmod(descriptor, self.mode)
