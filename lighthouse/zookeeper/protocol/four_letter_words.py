"""ZooKeeper's four-letter words: a question and an answer on a connection of their own."""

import re
from typing import Final

import msgspec

from lighthouse.net.connection import BoundedConnection

MAX_ANSWER: Final = 16 * 1024

_MODE: Final = re.compile(
    r"^Mode: (leader|follower|observer|standalone|read-only)\s*$", re.MULTILINE
)
_VERSION: Final = re.compile(r"^Zookeeper version: ([^\s,-]+)", re.MULTILINE)


class WordNotAllowed(Exception):
    """The server does not answer this word."""


class NotServing(Exception):
    """The server is there but takes no sessions; the text says so."""


class ServerReport(msgspec.Struct, frozen=True):
    """What ``srvr`` says: the mode is leader, follower, observer, standalone or read-only."""

    mode: str
    version: str = ""


def say(connection: BoundedConnection, word: str) -> str:
    """The whole answer to a word; raises ``OSError``."""
    connection.sendall(word.encode())
    answer = bytearray()
    buffer = memoryview(bytearray(4096))
    while len(answer) < MAX_ANSWER and (count := connection.recv_into(buffer)):
        answer += buffer[:count]
    return answer.decode(errors="replace")


def parse(answer: str) -> ServerReport:
    """What an answer to ``srvr`` says.

    Raises ``WordNotAllowed`` if the word is not in the server's whitelist, ``NotServing``, or
    ``OSError`` if that is no answer of a ZooKeeper.
    """
    if "not in the whitelist" in answer:
        raise WordNotAllowed("srvr is not in the server's whitelist")
    if "not currently serving" in answer:
        raise NotServing("the server is not serving: it has no quorum, or is starting")
    mode, version = _MODE.search(answer), _VERSION.search(answer)
    if mode is None:
        raise OSError(f"{answer[:60]!r} to srvr" if answer else "closed the connection")
    return ServerReport(mode[1], version[1] if version else "")
