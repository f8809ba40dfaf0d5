"""What is wrong with a configuration file, and where."""

import msgspec


class Fault(msgspec.Struct, frozen=True, order=True):
    """One fault; ``file`` is relative to the tree, line and column count from 1.

    A ``warning`` keeps nothing from being in force. ``about`` names what is missing elsewhere
    (``discovery zk``, ``check plugin http``): the faults of many files may have that one cause.
    """

    file: str
    line: int
    column: int
    message: str
    warning: bool = False
    about: str = ""

    def __str__(self) -> str:
        kind = "warning: " if self.warning else ""
        return f"{self.file}:{self.line}:{self.column}: {kind}{self.message}"
