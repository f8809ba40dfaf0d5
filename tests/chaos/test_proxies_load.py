"""Envoy and nginx under ``wrk`` while members change and everything goes wrong: nothing fails.

``LIGHTHOUSE_CHANGES`` is how many members come and go in the long runs, 200 without it.
"""

import contextlib
import os
import random
import resource
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import psutil
import pytest

from tests.disk import small_disk
from tests.fleet import running
from tests.requirements import lacking
from tests.software.haproxy_traffic import Answering, Wrk
from tests.software.proxies import (
    PROBED,
    ByDns,
    ByEnvoy,
    KeepingNone,
    Proxied,
    SparingIdle,
)
from tests.waiting import eventually

CHANGES: Final = int(os.environ.get("LIGHTHOUSE_CHANGES", "200"))
FEW: Final = 8
EVERY: Final = 8
"""Changes within which everything goes wrong once."""

_PATIENCE: Final = 30.0
_TINY: Final = 16
"""Bytes of the largest file that a worker may write where no disk can be filled."""

pytestmark = [pytest.mark.needs("wrk", "envoy"), pytest.mark.timeout(900)]


class Misfortunes:
    """What goes wrong between the changes of one ``Proxied``, each over when it returns."""

    def __init__(self, proxied: Proxied, chance: random.Random) -> None:
        self._proxied: Final = proxied
        self._chance: Final = chance
        self._number = 0

    def change(self) -> str:
        """Replace the one node; the address that is to be served from now on."""
        self._number += 1
        ip = f"127.3.{self._number // 200}.{self._number % 200 + 1}"
        self._proxied.node(PROBED, ip)
        return ip

    def served(self, ip: str) -> None:
        """Wait until a request is answered by the node at this address."""
        eventually(lambda: self._proxied.ask(PROBED) == ip, _PATIENCE, f"{ip} is served")

    def killed(self) -> None:
        """The worker ends at some moment of a change; a reload has it started without delay."""
        ip = self.change()
        pid = eventually(self._pid)
        time.sleep(self._chance.uniform(0, 0.03 * self._proxied.calm))
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: self._pid() != pid)
        self._proxied.fleet.reload()
        self.served(ip)

    def wrong_section(self) -> None:
        """The section is one that cannot be followed; members change all the same."""
        self._proxied.cluster(PROBED, **self._proxied.wrong)
        eventually(self._told, _PATIENCE, "the wrong section is told")
        self.served(self.change())
        self._proxied.cluster(PROBED)
        eventually(lambda: not self._told(), _PATIENCE, "it is over once mended")

    def wrong_settings(self) -> None:
        """The balancer's own file is none."""
        path = self._proxied.fleet.config / f"balancers/{self._proxied.worker}.yaml"
        right = path.read_text()
        self._proxied.fleet.write(f"balancers/{path.name}", "directory: [\n")
        eventually(self._told, _PATIENCE, "the wrong file is told")
        self.served(self.change())
        self._proxied.fleet.write(f"balancers/{path.name}", right)
        eventually(lambda: not self._told(), _PATIENCE, "it is over once mended")

    def no_room(self) -> None:
        """Nothing can be written while members change; the last is served once that is over."""
        with _full(self._proxied.kept, eventually(self._pid)) as fill:

            def told() -> bool:
                fill()  # what was done before may have left room only now
                self.change()
                return self._told()

            eventually(told, _PATIENCE, "the full disk is told")
        self.served(self.change())
        eventually(lambda: not self._told(), _PATIENCE, "it is over once there is room")

    def _pid(self) -> int:
        return int(self._proxied.fleet.worker(self._proxied.worker)["pid"] or 0)

    def _told(self) -> bool:
        """Return True if the status names a fault of a file, or of what the worker does."""
        errors = self._proxied.fleet.status()["supervisor"]["config_errors"]
        reason = self._proxied.fleet.worker(self._proxied.worker)["reason"]
        return bool(errors) or reason.startswith(("failed", "degraded"))


@contextlib.contextmanager
def _full(place: Path, pid: int) -> Iterator[Callable[[], None]]:
    """What leaves no room in a directory; where that cannot be, the worker may write no file."""
    if lacking("mount"):
        worker = psutil.Process(pid)
        former = worker.rlimit(resource.RLIMIT_FSIZE)
        worker.rlimit(resource.RLIMIT_FSIZE, (_TINY, former[1]))
        try:
            yield lambda: None
        finally:
            worker.rlimit(resource.RLIMIT_FSIZE, former)
        return
    with tempfile.NamedTemporaryFile(dir=place, prefix=".filler", buffering=0) as file:

        def fill() -> None:
            with contextlib.suppress(OSError):
                while file.write(b"x" * 4096):
                    pass

        yield fill


def _disk(place: Path) -> AbstractContextManager[object]:
    return contextlib.nullcontext() if lacking("mount") else small_disk(place, "512k")


def _hold(proxied: Proxied, changes: int, seed: int) -> None:
    """Change the member under load so often, with every misfortune in each few changes."""
    chance = random.Random(seed)
    trouble = Misfortunes(proxied, chance)
    kinds: list[Callable[[], None]] = [
        trouble.killed,
        trouble.no_room,
        trouble.wrong_section,
        trouble.wrong_settings,
    ]
    proxied.cluster(PROBED)
    first = trouble.change()
    proxied.begin()
    trouble.served(first)
    with Wrk(proxied.place(PROBED), connections=8) as wrk:
        for start in range(0, changes, EVERY):
            chance.shuffle(kinds)
            due = dict(zip(chance.sample(range(EVERY), len(kinds)), kinds, strict=True))
            for step in range(min(EVERY, changes - start)):
                if step in due:
                    due[step]()
                else:
                    trouble.served(trouble.change())
    print(f"{proxied.name}: {changes} changes, {wrk.requests} requests, failed: {wrk.failures}")
    assert wrk.requests > 1000
    assert wrk.failures == []


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (ByEnvoy, FEW),
        (SparingIdle, FEW),
        pytest.param(ByEnvoy, CHANGES, marks=pytest.mark.slow),
        pytest.param(SparingIdle, CHANGES, marks=pytest.mark.slow),
        pytest.param(KeepingNone, CHANGES, marks=[pytest.mark.slow, pytest.mark.needs("nginx")]),
        pytest.param(ByDns, CHANGES, marks=pytest.mark.slow),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "long" if value > FEW else "",
)
def test_no_request_fails_whatever_goes_wrong(
    kind: type[Proxied], changes: int, tmp_path: Path
) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    with Answering(tmp_path) as answering, running(tmp_path / "fleet") as fleet:
        proxied = kind(fleet, answering.port)
        with _disk(proxied.kept):
            try:
                _hold(proxied, changes, seed)
            finally:
                fleet.close()
                proxied.close()
