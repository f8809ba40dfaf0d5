"""Which accounts this host has, asked in a way that never waits long.

A name may be looked up at a server (LDAP, sssd) that does not answer. What the host's own file
says needs nobody; for the rest a thread waits, and whoever asks goes on without an answer.
"""

import os
import pwd
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

PATIENCE: Final = 0.2
"""Seconds that are waited for an answer."""

FILE: Final = Path("/etc/passwd")

OWN: Final = "lighthouse"
"""The account that a package makes for the workers of a daemon of root."""


class Account(msgspec.Struct, frozen=True):
    """``uid`` is None if there is no account of that name; ``known`` is False if nobody says."""

    uid: int | None = None
    known: bool = True


def look_up(name: str, file: Path = FILE, patience: float = PATIENCE) -> Account:
    """What can be known of an account within a moment."""
    uid = _local(name, file)
    if uid is not None:
        return Account(uid)
    question = _Question(name)
    return Account(question.uid) if question.answered.wait(patience) else Account(known=False)


def default_user(file: Path = FILE) -> str | None:
    """Whom workers run as that no file gives a user: our own account if there is one and this is
    root, else whoever this is (None)."""
    return OWN if os.geteuid() == 0 and _local(OWN, file) is not None else None


class _Question:
    """A look-up in a thread of its own, which may never end."""

    def __init__(self, name: str) -> None:
        self.answered: Final = threading.Event()
        self.uid: int | None = None
        self._name: Final = name
        threading.Thread(target=self._ask, name="account", daemon=True).start()

    def _ask(self) -> None:
        with suppress(KeyError, ValueError, OSError):
            self.uid = pwd.getpwnam(self._name).pw_uid
        self.answered.set()


def _local(name: str, file: Path) -> int | None:
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for fields in (line.split(":") for line in lines):
        if fields[0] == name and len(fields) > 2 and fields[2].isdigit():
            return int(fields[2])
    return None
