"""What is wrong with a configuration file, and where."""

import msgspec

from lighthouse.text import redacted


class Fault(msgspec.Struct, frozen=True, order=True):
    """One fault; ``file`` is relative to the tree, line and column count from 1.

    A ``warning`` keeps nothing from being in force. ``about`` names what is missing elsewhere
    (``discovery zk``, ``check plugin http``): the faults of many files may have that one cause.
    No credentials that stand in the file get into a ``message``.
    """

    file: str
    line: int
    column: int
    message: str
    warning: bool = False
    about: str = ""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "message", redacted(self.message))

    def __str__(self) -> str:
        kind = "warning: " if self.warning else ""
        return f"{self.file}:{self.line}:{self.column}: {kind}{self.message}"
