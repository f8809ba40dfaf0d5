"""Who of this host's accounts may ask the daemon, and who may have it act."""

import grp
import pwd
from collections.abc import Callable
from typing import Literal

import msgspec

from lighthouse.config.schema.section import SectionReader
from lighthouse.schema import convert, shown

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
    accounts = Accounts(
        users=frozenset(section.each("users", _number("user", _user))),
        groups=frozenset(section.each("groups", _number("group", _group))),
    )
    section.close()
    return accounts


def _number(kind: str, look_up: Callable[[str], int]) -> Callable[[object], int]:
    def read(value: object) -> int:
        name = convert(value, str)
        try:
            return look_up(name)
        except (KeyError, ValueError):
            raise ValueError(f"there is no {kind} {shown(name)} on this host") from None

    return read


def _user(name: str) -> int:
    return pwd.getpwnam(name).pw_uid


def _group(name: str) -> int:
    return grp.getgrnam(name).gr_gid
