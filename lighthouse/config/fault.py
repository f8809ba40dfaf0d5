"""What is wrong with a configuration file, and where."""

import msgspec


class Fault(msgspec.Struct, frozen=True, order=True):
    """One fault; ``file`` is relative to the tree, line and column count from 1."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"
