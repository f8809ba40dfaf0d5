"""How messages cross a process boundary: sequenced packets, with sealed memory beside them.

A packet is one frame and always short. A short payload travels in it; a longer one as a memfd
whose size and content are sealed before it is passed, so that a send never waits for a reader,
however much it carries, and a reader can map it without fearing that it shrinks.
"""

import array
import contextlib
import errno
import fcntl
import mmap
import os
import socket
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from lighthouse.ipc.messages import MAX_FRAME, Deliver, Frame, Message, decode, encode

MAX_PAYLOAD: Final = 512 * 1024 * 1024
INLINE: Final = 8 * 1024
"""Bytes of a payload that are copied into the packet, which is quicker than a memfd."""

_SEALS: Final = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
_IOV_MAX: Final = 1024
_CRED: Final = struct.Struct("3i")
_GID: Final = struct.Struct("I")
_RECEIVE: Final = int(socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC)
_CUT: Final = int(socket.MSG_TRUNC | socket.MSG_CTRUNC)
_ONE_DESCRIPTOR: Final = socket.CMSG_LEN(array.array("i").itemsize)
_SO_PEERGROUPS: Final = 59
_GROUPS_BYTES: Final = 1024


class Closed(ConnectionError):
    """The other end is gone, or said something that no lighthouse says."""

    def __init__(self, reason: str, is_end: bool = False) -> None:
        super().__init__(reason)
        self.is_end: Final = is_end


class Memory:
    """A payload in sealed memory, to be sent any number of times; owns its descriptor."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._descriptor: Final = _seal(pieces)

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        """Let go of it; whoever has received it keeps it."""
        os.close(self._descriptor)


class Channel:
    """One end of a connection; never blocks. Owns its socket."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket: Final = sock

    @classmethod
    def pair(cls) -> tuple["Channel", "Channel"]:
        """Two connected ends."""
        left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(left), cls(right)

    @classmethod
    def connect(cls, path: Path) -> "Channel":
        """The client's end of a listener's socket.

        Raises ``OSError`` if nobody listens, ``BlockingIOError`` if too many wait already.
        """
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.setblocking(False)
        try:
            with _short(path) as address:
                sock.connect(address)
        except OSError:
            sock.close()
            raise
        return cls(sock)

    def fileno(self) -> int:
        return self._socket.fileno()

    def uid(self) -> int:
        """The user at the other end, as the kernel saw it connect."""
        return self._credentials()[1]

    def groups(self) -> frozenset[int]:
        """The groups of the user at the other end, as the kernel saw it connect.

        Of one that is in more than can be told at once, only the first.
        """
        try:
            found = self._socket.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _GROUPS_BYTES)
        except OSError:
            found = b""
        more = (number for (number,) in _GID.iter_unpack(found))
        return frozenset((self._credentials()[2], *more))

    def pid(self) -> int:
        """The process at the other end, as the kernel saw it connect or listen."""
        return self._credentials()[0]

    def close(self) -> None:
        self._socket.close()

    def send(self, message: Message, payload: Iterable[bytes] | Memory | None = None) -> bool:
        """Return True if the message is on its way; False if the other end lets too many pile up.

        Raises ``Closed`` if there is no other end.
        """
        if isinstance(payload, Memory):
            return self._send(Frame(message), payload)
        pieces = list(payload or ())
        if sum(map(len, pieces)) <= INLINE:
            return self._send(Frame(message, b"".join(pieces)))
        with contextlib.closing(Memory(pieces)) as memory:
            return self._send(Frame(message), memory)

    def receive(self, held: int = 0) -> tuple[Message, memoryview] | None:
        """The next message and its payload (empty if it has none), or None for now.

        The payload of a ``Deliver`` upon the base that is ``held`` is not looked at, and empty.
        Raises ``Closed`` at the end, and for a frame or payload that breaks the rules.
        """
        try:
            packet, beside, flags, _ = self._socket.recvmsg(MAX_FRAME, _ONE_DESCRIPTOR, _RECEIVE)
        except BlockingIOError:
            return None
        except OSError as error:
            raise Closed(str(error), is_end=True) from error
        memories = _descriptors(beside) if beside else ()
        try:
            if not packet:
                raise Closed("end of file", is_end=True)
            if flags & _CUT:
                raise Closed("a frame was cut")
            try:
                frame = decode(packet)
                known = isinstance(frame.message, Deliver) and 0 != frame.message.base == held
                if memories and not known:
                    return frame.message, _map(memories[0])
            except (msgspec.DecodeError, OSError, ValueError) as error:
                raise Closed(f"not a message: {error}") from error
            return frame.message, memoryview(frame.payload)
        finally:
            for memory in memories:
                os.close(memory)

    def _credentials(self) -> tuple[int, int, int]:
        found = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CRED.size)
        pid, uid, gid = _CRED.unpack(found)
        return pid, uid, gid

    def _send(self, frame: Frame, memory: Memory | None = None) -> bool:
        packet = encode(frame)
        try:
            if memory is None:
                self._socket.send(packet, socket.MSG_NOSIGNAL)
            else:
                socket.send_fds(self._socket, [packet], [memory.fileno()], socket.MSG_NOSIGNAL)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                return False
            raise Closed(str(error)) from error
        return True


class Listener:
    """A named socket that clients connect to; owns its file, which it replaces."""

    def __init__(self, path: Path, mode: int = 0o600) -> None:
        self._path: Final = path
        path.unlink(missing_ok=True)
        self._socket: Final = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with _short(path) as address:
                self._socket.bind(address)
            path.chmod(mode)
            self._socket.listen(16)
            self._socket.setblocking(False)
            self._named: Final = _identity(path)
        except OSError:
            self._socket.close()
            raise

    @property
    def reachable(self) -> bool:
        """Return True if the file that clients connect to is still there."""
        return self._named == _identity(self._path)

    def fileno(self) -> int:
        return self._socket.fileno()

    def chmod(self, mode: int) -> None:
        """Say anew who may connect."""
        self._path.chmod(mode)

    def accept(self) -> Channel | None:
        """The next client's channel, or None for now."""
        try:
            return Channel(self._socket.accept()[0])
        except (BlockingIOError, ConnectionAbortedError):
            return None

    def close(self) -> None:
        """Remove the file, unless it is another's by now."""
        if self.reachable:
            with contextlib.suppress(OSError):
                self._path.unlink()
        self._socket.close()


def _identity(path: Path) -> tuple[int, int] | None:
    """What a path names, None if it names nothing."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name for a socket however deep its directory lies (the kernel takes 107 bytes)."""
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def _seal(pieces: Iterable[bytes]) -> int:
    memory = os.memfd_create("lighthouse", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        waiting = [piece for piece in pieces if piece]
        while waiting:
            written = os.writev(memory, waiting[:_IOV_MAX])
            waiting = _rest(waiting, written)
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, _SEALS)
    except OSError:
        os.close(memory)
        raise
    return memory


def _rest(pieces: list[bytes], written: int) -> list[bytes]:
    """What of the pieces is still to be written."""
    for index, piece in enumerate(pieces):
        if written < len(piece):
            return [piece[written:], *pieces[index + 1 :]]
        written -= len(piece)
    return []


def _descriptors(beside: Iterable[tuple[int, int, bytes]]) -> Sequence[int]:
    """The descriptors in what came beside a packet."""
    found = array.array("i")
    for level, kind, data in beside:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    return found


def _map(memory: int) -> memoryview:
    if fcntl.fcntl(memory, fcntl.F_GET_SEALS) & _SEALS != _SEALS:
        raise ValueError("the payload is not sealed")
    size = os.fstat(memory).st_size
    if size > MAX_PAYLOAD:
        raise ValueError(f"the payload has {size} bytes")
    if size == 0:
        return memoryview(b"")
    return memoryview(mmap.mmap(memory, size, prot=mmap.PROT_READ))
