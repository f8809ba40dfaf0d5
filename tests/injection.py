"""Faults put into a daemon under test: its callbacks raise, its system calls fail.

Either is a ``sitecustomize`` module that only acts in the supervisor.
"""

import contextlib
import mmap
import os
from pathlib import Path
from typing import Final

from tests.fleet import Fleet

_HEAD: Final = """
import sys

if sys.orig_argv[-4:-2] == ["lighthouse.commands", "run"]:
"""

RAISING: Final = """
    from lighthouse.supervisor.loop.event_loop import EventLoop

    path, real, seen = %r, EventLoop._call, set()

    def call(self, who, what, failed, act, *args):
        def once():
            if what in seen:
                return act(*args)
            seen.add(what)
            with open(path, "a") as file:
                print(what, file=file)
            raise RuntimeError("injected")

        return real(self, who, what, failed, once)

    EventLoop._call = call
"""

FAILING: Final = """
    import builtins, errno, functools, io, mmap, os, selectors, socket, subprocess

    with open(%r, "r+b") as file:
        order = mmap.mmap(file.fileno(), 64)

    def failing(name, real):
        @functools.wraps(real)
        def call(*arguments, **named):
            if order[0]:
                wanted, error = order[:].rstrip(bytes(1)).decode().split()
                if wanted == name:
                    number = getattr(errno, error)
                    raise OSError(number, os.strerror(number))
            return real(*arguments, **named)

        return call

    for name in (
        "eventfd_read listdir lstat memfd_create mkdir open pidfd_open pipe2 read readv replace "
        "scandir stat unlink waitid waitpid write writev killpg getsid"
    ).split():
        setattr(os, name, failing(name, getattr(os, name)))
    builtins.open = io.open = failing("open", io.open)
    for name in "accept recvmsg send sendmsg getsockopt".split():
        setattr(socket.socket, name, failing(name, getattr(socket.socket, name)))
    socket.socketpair = failing("socketpair", socket.socketpair)
    for name in "select register".split():
        setattr(selectors.EpollSelector, name,
                failing("epoll_" + name, getattr(selectors.EpollSelector, name)))
    subprocess._fork_exec = failing("fork", subprocess._fork_exec)
"""


def raise_once(fleet: Fleet) -> Path:
    """Have every callback of the supervisor's loop raise once; their names, line by line."""
    seen = fleet.root / "raised"
    prepare(fleet, RAISING % str(seen))
    return seen


class SystemCalls:
    """System calls of a supervisor that can be told to fail."""

    def __init__(self, fleet: Fleet) -> None:
        path = fleet.root / "order"
        path.write_bytes(bytes(64))
        prepare(fleet, FAILING % str(path))
        with path.open("r+b") as file:
            self._order = mmap.mmap(file.fileno(), 64)

    def fail(self, call: str, error: str) -> None:
        """From now on, each time, with the error of that name."""
        self.mend()
        text = f"{call} {error}".encode().ljust(64, b"\0")
        self._order[1:] = text[1:]
        self._order[:1] = text[:1]

    def mend(self) -> None:
        self._order[0] = 0


def prepare(fleet: Fleet, source: str) -> None:
    """Have the supervisor run this, indented by four, before anything else."""
    directory = Path(fleet.env.get("PYTHONPATH", fleet.root / "plugins"))
    directory.mkdir(exist_ok=True)
    (directory / "sitecustomize.py").write_text(_HEAD + source)
    fleet.env["PYTHONPATH"] = str(directory)


def open_descriptors(pid: int) -> int:
    """How many a process holds, without what it keeps in reserve and gives up in need."""
    held = 0
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            held += os.readlink(link) != os.devnull
    return held
