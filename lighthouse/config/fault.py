"""What is wrong with a configuration file, and where."""

import msgspec


class Fault(msgspec.Struct, frozen=True, order=True):
    """One fault; ``file`` is relative to the tree, line and column count from 1.

    A ``warning`` keeps nothing from being in force.
    """

    file: str
    line: int
    column: int
    message: str
    warning: bool = False

    def __str__(self) -> str:
        kind = "warning: " if self.warning else ""
        return f"{self.file}:{self.line}:{self.column}: {kind}{self.message}"
