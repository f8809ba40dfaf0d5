"""What a command asks the running daemon: the answer, or the command's end with its reason."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from lighthouse.commands.failure import CommandFailure, MissingRight, StatusNotRunning
from lighthouse.commands.options import Target
from lighthouse.daemon.client import DaemonClient, DaemonSilent, NotAllowed
from lighthouse.daemon.status_document import ServiceStatus, StatusDocument, parse
from lighthouse.daemon.worker_document import WorkerStatus
from lighthouse.ipc.control import Question

T = TypeVar("T")

PATIENCE: Final = 5.0
"""Seconds that a running daemon gets to answer."""

PAUSE: Final = 0.05
"""Seconds between two questions."""


@contextlib.contextmanager
def asking() -> Iterator[None]:
    """Whatever the daemon does in place of an answer is the command's end."""
    try:
        yield
    except NotAllowed as error:
        raise MissingRight(str(error)) from error
    except (DaemonSilent, OSError) as error:
        raise CommandFailure(str(error)) from error


def ask(daemon: DaemonClient, question: Question, kind: type[T]) -> T:
    """The daemon's answer, of this kind; raises a ``CommandFailure`` if there is none."""
    with asking():
        answer = daemon.ask(question, kind, PATIENCE)
    if answer is None:
        raise StatusNotRunning(daemon.root)
    return answer


def workers(daemon: DaemonClient) -> tuple[WorkerStatus, ...]:
    """What it says of its workers; raises like ``ask``."""
    return _document(daemon).workers


def provided(daemon: DaemonClient, target: Target) -> list[ServiceStatus]:
    """What it says of a service of this host, port by port; raises like ``ask``."""
    name, port = target
    return [s for s in _document(daemon).services if s.name == name and port in (None, s.port)]


def _document(daemon: DaemonClient) -> StatusDocument:
    with asking():
        text = daemon.status(PATIENCE)
    if text is None:
        raise StatusNotRunning(daemon.root)
    return parse(text)


def until(lacking: Callable[[], str], timeout: float, what: str) -> None:
    """Wait until nothing is lacking; a ``CommandFailure`` says what still is after the time."""
    deadline = time.monotonic() + timeout
    while reason := lacking():
        if time.monotonic() >= deadline:
            raise CommandFailure(f"{what} within {timeout:g} s: {reason}")
        time.sleep(PAUSE)
