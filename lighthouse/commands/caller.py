"""Who calls a command, for the record."""

import getpass
import os


def caller() -> str:
    """The person's account as far as it can be told: sudo's word first, else the process's."""
    sudo = os.environ.get("SUDO_USER")
    if sudo:
        return sudo
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
