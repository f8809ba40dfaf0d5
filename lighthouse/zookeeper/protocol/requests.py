"""The requests of ZooKeeper's protocol that kazoo does not know, in kazoo's own form.

``AddWatch`` (ZooKeeper 3.6 and newer) is what makes a changed child cost one read: its events
name the child. ``MultiRead`` (3.6 too) reads many znodes with one request.
"""

import struct
from typing import Any, ClassVar, Final, TypeAlias

import msgspec
from kazoo.exceptions import EXCEPTIONS
from kazoo.protocol.serialization import (
    int_struct,
    multiheader_struct,
    read_buffer,
    stat_struct,
    write_string,
)
from kazoo.protocol.states import ZnodeStat

PERSISTENT: Final = 0
RECURSIVE: Final = 1
"""Modes of a watch that stays: of the znode and its list of children, or of all below it."""

_ANY: Final = 3
_GET_DATA: Final = 4
_ERROR: Final = -1
_FLAG: Final = struct.Struct("!?")


class AddWatch(msgspec.Struct, frozen=True):
    """Have events sent for as long as the connection lasts, whether or not the path exists."""

    path: str
    mode: int

    type: ClassVar[int] = 106

    def serialize(self) -> bytes:
        return bytes(write_string(self.path) + int_struct.pack(self.mode))

    @classmethod
    def deserialize(cls, _answer: bytes, _offset: int) -> bool:
        return True


class RemoveWatches(msgspec.Struct, frozen=True):
    """Have no more events sent because of this path."""

    path: str

    type: ClassVar[int] = 18

    def serialize(self) -> bytes:
        return bytes(write_string(self.path) + int_struct.pack(_ANY))

    @classmethod
    def deserialize(cls, _answer: bytes, _offset: int) -> bool:
        return True


Found: TypeAlias = tuple[bytes, Any] | Exception
"""What a read of one znode brought: its data, or why there is none."""


class MultiRead(msgspec.Struct, frozen=True):
    """Read the data of several znodes; the answer has a ``Found`` for each, in order."""

    paths: tuple[str, ...]

    type: ClassVar[int] = 22

    def serialize(self) -> bytes:
        pieces: list[Any] = []
        for path in self.paths:
            pieces += multiheader_struct.pack(_GET_DATA, False, -1), write_string(path)
            pieces.append(_FLAG.pack(False))
        pieces.append(multiheader_struct.pack(-1, True, -1))
        return b"".join(pieces)

    @classmethod
    def deserialize(cls, answer: bytes, offset: int) -> list[Found]:
        found: list[Found] = []
        while True:
            kind, done, _ = multiheader_struct.unpack_from(answer, offset)
            offset += multiheader_struct.size
            if done:
                return found
            if kind == _ERROR:
                (code,) = int_struct.unpack_from(answer, offset)
                offset += int_struct.size
                found.append(EXCEPTIONS[code]())
                continue
            data, offset = read_buffer(answer, offset)
            stat = ZnodeStat._make(stat_struct.unpack_from(answer, offset))
            offset += stat_struct.size
            found.append((data or b"", stat))
