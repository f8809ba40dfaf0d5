"""Who of this host's accounts may ask the daemon, and who may have it act."""

from typing import Literal

import msgspec

from lighthouse.config.schema.section import SectionReader

Right = Literal["none", "read", "act"]


class Accounts(msgspec.Struct, frozen=True):
    """Numbers of users and of groups."""

    users: frozenset[int] = frozenset()
    groups: frozenset[int] = frozenset()

    def __contains__(self, who: tuple[int, frozenset[int]]) -> bool:
        """Return True for a user that is named, or is in a group that is."""
        user, groups = who
        return user in self.users or not groups.isdisjoint(self.groups)

    def __bool__(self) -> bool:
        return bool(self.users or self.groups)


class ControlAccess(msgspec.Struct, frozen=True):
    """Besides root and the daemon's own user, who may do everything; ``act`` includes reading."""

    read: Accounts = Accounts()
    act: Accounts = Accounts()

    def right(self, user: int, groups: frozenset[int], owner: int) -> Right:
        """What a user who is in these groups may do; ``owner`` is the daemon's own user."""
        if user in (0, owner) or (user, groups) in self.act:
            return "act"
        return "read" if (user, groups) in self.read else "none"

    def __bool__(self) -> bool:
        return bool(self.read or self.act)


def control(section: SectionReader) -> ControlAccess:
    """``control`` of ``lighthouse.yaml``: two lists of accounts."""
    access = ControlAccess(_accounts(section.section("read")), _accounts(section.section("act")))
    section.close()
    return access


def _accounts(section: SectionReader) -> Accounts:
    accounts = Accounts(frozenset(section.each("users")), frozenset(section.each("groups")))
    section.close()
    return accounts
