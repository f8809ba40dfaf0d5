"""The Erlang cookie's file, as far as anybody may look: that it is there, whose, and how closed.

What is in it is as good as root on every node of the cluster. It is never opened here.
"""

import os
import pwd
import stat

_OPEN = stat.S_IRWXG | stat.S_IRWXO | stat.S_IXUSR


def cookie_fault(path: str, user: str) -> str:
    """Why no command may be run with this cookie, empty if one may.

    Without the file the first command would make up a cookie, and a wrong one at that.
    """
    try:
        owner = pwd.getpwnam(user).pw_uid
    except KeyError:
        return f"there is no user {user} on this host; set 'user' to the one that RabbitMQ runs as"
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        told = "it is made by the broker's first start, or copied from another node"
        return f"there is no Erlang cookie at {path}: {told}"
    except OSError as error:
        told = f"run the worker as root or as {user}"
        return f"the Erlang cookie {path} cannot be looked at ({error.strerror}): {told}"
    if not stat.S_ISREG(found.st_mode):
        return f"the Erlang cookie {path} is no plain file"
    if found.st_uid != owner:
        told = f"uid {found.st_uid}: `chown {user} {path}`"
        return f"the Erlang cookie {path} belongs to another user than {user}, {told}"
    mode = stat.S_IMODE(found.st_mode)
    if mode & _OPEN or not mode & stat.S_IRUSR:
        told = f"`chmod 0400 {path}`, as Erlang asks for"
        return f"the Erlang cookie {path} has mode {mode:04o}: {told}"
    return ""
