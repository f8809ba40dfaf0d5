"""A real browser for tests of the status page, and the worker that serves the page by itself."""

import contextlib
import json
import shutil
import subprocess
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from lighthouse.ipc.channel import Channel, Closed
from lighthouse.ipc.messages import Asked, Deliver, Ready, StatusGiven, StatusWanted, Stop
from lighthouse.ipc.snapshot import WebSnapshot, pack
from lighthouse.process.spawn import WorkerProcess
from tests.fleet import get
from tests.ports import free_port
from tests.requirements import command
from tests.waiting import eventually

AXE = "axe-core@4"


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, headless; it must have a sandbox of its own where it may not make one."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=command("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            yield browser
        finally:
            browser.close()


class Seen:
    """A page in a browser, and everything that it complained of."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._said)

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


def axe() -> str:
    """The source of axe-core, from the cache or the registry; skips without either."""
    cache = Path.home() / ".cache" / "lighthouse-tests" / "axe.min.js"
    if not cache.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("there is no npm to fetch axe-core with")
        with tempfile.TemporaryDirectory() as place:
            line = [npm, "pack", AXE, "--silent", "--pack-destination", place]
            done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
            found = list(Path(place).glob("axe-core-*.tgz"))
            if done.returncode or not found:
                pytest.skip(f"axe-core cannot be fetched: {done.stderr.strip()[-200:]}")
            with tarfile.open(found[0]) as archive:
                content = archive.extractfile("package/axe.min.js")
                assert content is not None
                cache.parent.mkdir(parents=True, exist_ok=True)
                cache.write_bytes(content.read())
    return cache.read_text()


class ServedPage:
    """The web worker as a supervisor would run it, told documents of the test's own."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.document: dict[str, Any] = {}
        self.given = 0
        self._channel, theirs = Channel.pair()
        with contextlib.closing(theirs):
            words, lock = ("web", "web"), str(directory / "lock")
            self._process = WorkerProcess("web", words, theirs.fileno(), lock)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "ServedPage":
        self._thread.start()
        try:
            eventually(lambda: get(self.port, "/")[0] == 200, 20)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)
        with contextlib.suppress(Closed):
            self._channel.send(Stop(1.0))
        self._process.wait(10)
        self._channel.close()

    def _run(self) -> None:
        """Answer what it wants, not more often than it wants."""
        due = None
        given_at = 0.0
        while not self._over.wait(0.005):
            try:
                while (received := self._channel.receive()) is not None:
                    match received[0]:
                        case Ready():
                            snapshot = WebSnapshot("127.0.0.1", self.port)
                            self._channel.send(Deliver(1), pack(snapshot))
                        case StatusWanted(pace):
                            due = given_at + pace
                        case Asked():
                            pass
            except Closed:
                return
            if due is not None and time.monotonic() >= due:
                text = json.dumps(self.document).encode()
                if self._channel.send(StatusGiven(), [text]):
                    due, given_at = None, time.monotonic()
                    self.given += 1
