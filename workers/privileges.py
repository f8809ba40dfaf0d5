"""Becoming the account that ``worker: user`` names, before any plugin code is loaded."""

import os
import pwd
import resource

from lighthouse.process import rights
from lighthouse.process.locks import Lock
from lighthouse.workers.process import Arguments, GivingUp, bind


def lowered(given: Arguments, binds: bool) -> Lock:
    """Return the worker's lock, with this process become the user that it is to run as.

    Only root may write where the locks of a daemon of root lie, so it is opened before. One
    that ``binds`` keeps the right to have ports below 1024, for the software that it starts.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    lock = Lock(given.lock_path)
    if not given.user:
        return lock
    try:
        lock.open()
    except OSError as error:
        raise GivingUp(f"its lock {lock.path} cannot be opened: {error.strerror}") from error
    become(given.user, binds)
    if not given.new_privileges:
        rights.refuse_new_privileges()
    bind(given)
    return lock


def become(user: str, binds: bool = False) -> None:
    """Give up all rights but those of an account; nothing without a name, or as that account.

    The groups are those of the account, its environment names it and its home. Raises
    ``GivingUp`` if there is no such account, or if this process may not become it.
    """
    if not user:
        return
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        raise GivingUp(f"there is no user {user} on this host") from None
    if account.pw_uid == os.geteuid():
        return
    try:
        rights.keep_over_change_of_user()
        os.initgroups(account.pw_name, account.pw_gid)
        os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
        os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
    except OSError as error:
        raise GivingUp(f"cannot become user {user}: {error.strerror}") from error
    if not (binds and rights.keep_binding()):
        rights.keep_none()
    os.environ |= {"HOME": account.pw_dir, "USER": account.pw_name, "LOGNAME": account.pw_name}


def hint() -> str:
    """What keeps this account from loading anything, if that is so: words to follow a reason."""
    place = os.path.dirname(os.__file__)
    if os.access(place, os.R_OK | os.X_OK):
        return ""
    return (
        f"; user {pwd.getpwuid(os.geteuid()).pw_name} may not read {place}, Python's own modules"
    )
