"""Who may do what with the znodes that lighthouse writes."""

from collections.abc import Sequence
from typing import Any, Final

from kazoo.security import ACL as Entry
from kazoo.security import (
    CREATOR_ALL_ACL,
    OPEN_ACL_UNSAFE,
    READ_ACL_UNSAFE,
    Id,
    Permissions,
)

from lighthouse.schema import Problem

Acl = str | Sequence[str]
"""``open``, ``owner``, or a list of ``scheme:id:permissions`` as zkCli writes them."""

_LETTERS: Final = {
    "r": Permissions.READ,
    "w": Permissions.WRITE,
    "c": Permissions.CREATE,
    "d": Permissions.DELETE,
    "a": Permissions.ADMIN,
}


def entries(acl: Acl) -> list[Any]:
    """The entries of a valid setting, as kazoo takes them."""
    if acl == "open":
        return list(OPEN_ACL_UNSAFE)
    if acl == "owner":
        return [*CREATOR_ALL_ACL, *READ_ACL_UNSAFE]
    return [_entry(text) for text in acl]


def problems(acl: Acl, authenticated: bool) -> list[Problem]:
    """What is wrong with the setting beyond its types."""
    if isinstance(acl, str):
        if acl == "owner" and not authenticated:
            return [
                Problem(
                    ("acl",),
                    "'owner' needs 'auth', or 'cert_file' of 'tls': else nobody owns anything",
                )
            ]
        return []
    found = []
    for index, text in enumerate(acl):
        try:
            scheme = _entry(text).id.scheme
        except ValueError as error:
            found.append(Problem(("acl", index), str(error)))
            continue
        if scheme == "auth" and not authenticated:
            found.append(Problem(("acl", index), "'auth' is nobody without 'auth:' in this file"))
    return found if acl else [Problem(("acl",), "nobody could do anything")]


def _entry(text: str) -> Any:
    scheme, first, rest = text.partition(":")
    identity, second, letters = rest.rpartition(":")
    if not (scheme and first and second and letters) or set(letters) - _LETTERS.keys():
        raise ValueError("expected scheme:id:permissions, such as world:anyone:r")
    return Entry(sum(_LETTERS[letter] for letter in set(letters)), Id(scheme, identity))
