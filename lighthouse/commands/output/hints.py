"""What an operator may want to look at where nothing is wrong."""

from lighthouse.text import plain


def empty(discovery: str, looked_up: str) -> str:
    """Why a source may have no node of a cluster that it was asked for."""
    return (
        f"{plain(discovery)} has nothing under the name {plain(looked_up)}: no node is registered "
        "there, or it is another `name`"
    )
