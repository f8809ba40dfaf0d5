"""One performance: opens, plays the story to its schedule, closes, tells how it went."""

import contextlib
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rich.console import Console

from lighthouse.config.types import DaemonSettings as Settings
from lighthouse.daemon.client import DaemonClient
from lighthouse.demo.expectations import Sight
from lighthouse.demo.losses import culprit
from lighthouse.demo.output import Output
from lighthouse.demo.proxy import ObservedProxy
from lighthouse.demo.scenario import Story
from lighthouse.demo.services import Services
from lighthouse.demo.traffic import RequestStream
from lighthouse.demo.tree import DemoTree, choose

RATE: Final = 200.0
"""Requests per second."""

_SHORT: Final = 30
"""Characters that a directory for temporary files may have; a socket's path has few."""

_PIPE_WIDTH: Final = 160
"""Columns where nothing says how many there are."""

_LOG: Final = 30
"""Lines of the daemon's log that are shown if something went wrong."""


def perform(seconds: float | None) -> bool:
    """Whether all went as it must; within ``seconds``, or until Ctrl-C if None.

    Whatever happens, everything that was started is ended and the directory is removed.
    """
    narrator = Output(_console())
    with _directory() as directory, contextlib.ExitStack() as stack:
        plan, tree = choose(), DemoTree(directory)
        tree.write(plan)
        log = directory / "daemon.log"
        cast, stream = Services(tree, log), RequestStream(list(plan.fronts.values()), RATE)
        proxy = ObservedProxy(tree.haproxy / "haproxy.sock", tree.haproxy / "haproxy.pid")
        daemon = DaemonClient(tree.root, Settings(run_dir=tree.root / "run"))
        stack.callback(proxy.end)
        stack.callback(cast.end)
        stack.callback(stream.stop)
        sight = Sight(cast, stream, proxy, daemon)
        story = Story(plan, tree, cast, stream, proxy, sight, narrator)
        _play(story, narrator, seconds)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # the end is near and not to be disturbed
        stream.stop()
        right = _tell(story, stream, narrator, cast.stop_daemon())
        if not right:
            _show_log(log, narrator)
    return right


def _play(story: Story, narrator: Output, seconds: float | None) -> None:
    """All steps; with a duration each has its share of it, without one the encore follows."""
    steps = story.steps()
    with contextlib.suppress(KeyboardInterrupt):
        for number, (title, step) in enumerate(steps, 1):
            if not story.play(title, step):
                return
            _pause(2.0 if seconds is None else seconds * number / len(steps) - narrator.elapsed())
        while seconds is None:
            for title, step in story.encore():
                if not story.play(title, step):
                    return
                _pause(2.0)


def _pause(seconds: float) -> None:
    if seconds > 0:
        time.sleep(seconds)


def _tell(story: Story, stream: RequestStream, narrator: Output, status: int | None) -> bool:
    """The summary; whether all of it is as it must be."""
    blamed = [(failure, culprit(failure, story.kills)) for failure in stream.failures]
    for failure, kill in blamed:
        when = f"{failure.what}, sent at {narrator.since(failure.sent):.2f} s"
        if kill is not None:
            narrator.note(f"failed: {when}; sent to {kill.name} as that was killed")
        else:
            narrator.wrong(f"failed: {when}; {failure.server or 'no server named'}")
    lost = sum(kill is None for _, kill in blamed)
    facts = [
        ("requests", str(stream.requests), stream.requests > 0 or not story.scenes),
        ("failed requests", _losses(len(blamed) - lost, lost), lost == 0),
        ("slowest request", f"{stream.slowest * 1000:.0f} ms", True),
        ("HAProxy reloads", str(story.reloads), story.reloads == 0),
        ("restarts", "; ".join(story.restarts) or "none", True),
        ("daemon's end", _ending(status), status == 0),
    ]
    narrator.table(story.scenes, facts)
    return all(scene.right for scene in story.scenes) and all(right for *_, right in facts)


def _losses(excused: int, lost: int) -> str:
    if not excused and not lost:
        return "none"
    return f"{excused} sent to a service as it was killed, {lost} for no such reason"


def _ending(status: int | None) -> str:
    return "killed" if status is None else f"exit status {status} on SIGTERM"


def _show_log(log: Path, narrator: Output) -> None:
    narrator.note("the end of the daemon's log:")
    with contextlib.suppress(OSError):
        for line in log.read_text(errors="replace").splitlines()[-_LOG:]:
            narrator.note(line)


def _console() -> Console:
    """No markup and no guessing of colours in what others wrote; as wide as the terminal."""
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    return Console(markup=False, highlight=False, emoji=False, width=width)


@contextlib.contextmanager
def _directory() -> Iterator[Path]:
    parent = tempfile.gettempdir()
    short = parent if len(parent) <= _SHORT else "/tmp"
    directory = Path(tempfile.mkdtemp(prefix="lighthouse-", dir=short))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
