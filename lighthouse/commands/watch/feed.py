"""What the daemon says, asked again and again by a thread, so that keys are answered at once."""

import contextlib
import os
import threading
import time
from typing import Final

import msgspec

from lighthouse.daemon.client import DaemonClient, DaemonSilent, NotAllowed
from lighthouse.daemon.explanation_document import ExplanationDocument, parse_explanation
from lighthouse.daemon.status_document import StatusDocument, parse

PATIENCE: Final = 5.0
"""Seconds that a running daemon gets to answer."""

INTERVAL: Final = 1.0
"""Seconds between two questions."""


class Told(msgspec.Struct, frozen=True):
    """The newest answer, None if there never was one; ``failure`` says why it is not of now.

    ``at`` is when the answer came, wall-clock seconds. ``explained`` is about one cluster.
    """

    document: StatusDocument | None = None
    at: float = 0.0
    failure: str = ""
    explained: ExplanationDocument | None = None


class Feed:
    """``fileno`` is readable when ``told`` is new; ``cluster`` is what to have explained too."""

    def __init__(self, daemon: DaemonClient) -> None:
        self._daemon: Final = daemon
        self._reading, self._writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._hurry: Final = threading.Event()
        self.told = Told()
        self.cluster = ""

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True, name="feed").start()

    def fileno(self) -> int:
        return self._reading

    def drain(self) -> None:
        """Take note that something is new."""
        os.read(self._reading, 1024)

    def ask_now(self, cluster: str) -> None:
        """What to explain is another cluster by now."""
        if cluster != self.cluster:
            self.cluster = cluster
            self._hurry.set()

    def _run(self) -> None:
        while True:
            self.told = self._ask()
            with contextlib.suppress(BlockingIOError):
                os.write(self._writing, b".")
            self._hurry.wait(INTERVAL)
            self._hurry.clear()

    def _ask(self) -> Told:
        before = self.told
        try:
            text = self._daemon.status(PATIENCE)
            if text is None:
                return Told(failure=f"not running, with the configuration {self._daemon.root}")
            return Told(parse(text), time.time(), explained=self._explain())
        except (NotAllowed, DaemonSilent, OSError) as error:
            failure = str(error)
        except msgspec.DecodeError as error:
            failure = f"the daemon's answer cannot be read: {error}"
        return msgspec.structs.replace(before, failure=failure)

    def _explain(self) -> ExplanationDocument | None:
        if not self.cluster:
            return None
        try:
            text = self._daemon.explanation(self.cluster, "", PATIENCE)
        except LookupError:
            return None
        return None if text is None else parse_explanation(text)
