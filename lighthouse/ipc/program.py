"""What ``lighthouse exec`` says of the program that it has started, and what it is told.

Part of ``lighthouse.ipc.control``.
"""

from typing import Literal

import msgspec

ProgramPhase = Literal["starts", "serves", "stops", "fails"]
"""Of the program of a service: it is registered only while it ``serves``. One that ``stops`` was
told to, one that ``fails`` has ended by itself."""


class TellProgram(msgspec.Struct, frozen=True, tag=True):
    """To the control socket: of the program that provides a port of a service, or all of them.

    It counts while this client is connected, whose newest it is. Answered by ``ProgramTold``.
    """

    service: str
    port: int | None
    phase: ProgramPhase
    by: str = ""


class ProgramTold(msgspec.Struct, frozen=True, tag=True):
    """From the control socket: what is lacking to where the program is going, nothing if so.

    Of one that starts that its checks pass, of one that stops that it is out of every discovery
    and of this host's balancers. ``ports`` are the service's. ``error`` says why it cannot be.
    """

    error: str = ""
    lacking: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
