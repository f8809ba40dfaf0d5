"""What is said with the fork server: which workers are wanted, and what came of the plugin."""

from pathlib import Path

import msgspec

from lighthouse.standalone.belongings import Belongings


class Order(msgspec.Struct, frozen=True):
    """What kind of worker is wanted: ``lock`` is its lock file.

    ``powerless``: file modes hold for it though it be root. ``report`` is where it writes down
    what it has left when it was stopped. How it ended stands in ``end_of(report)``, in words.
    """

    lock: str
    powerless: bool = False
    report: str = ""


def end_of(report: str) -> Path:
    """The file that says how the worker ended whose report is this one."""
    return Path(f"{report}.end")


class CloseReport(msgspec.Struct, frozen=True):
    """What a worker held before its first snapshot, and what it held when it was closed."""

    before: Belongings
    after: Belongings


class Loaded(msgspec.Struct, frozen=True):
    """The plugin is there; ``reason`` says why not, else it is empty.

    ``imported`` is what importing it left in the process, ``faults`` what it does against its
    contract, all in words.
    """

    reason: str = ""
    traceback: str = ""
    imported: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
