"""Rules about what fails: the disk, the rights, the tool; what served goes on being served."""

import os
import shlex
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lighthouse.ipc.messages import Applied
from lighthouse.testing.conformance.balancer_subject import (
    BalancerSubject,
    BalancerWorker,
    Content,
    difference,
    told,
)
from lighthouse.testing.conformance.plugin import Config
from lighthouse.testing.hosted import PluginHost

ROOM = 48
"""Bytes of a file that a full disk still takes, so that one that is written in place is cut."""

HANGS = 60
"""Seconds that a hanging tool takes, if nobody ends it."""

TOOL = """#!/bin/sh
case $(cat {mode}) in
    fails) echo "the test has it fail" >&2; exit 1;;
    hangs) exec sleep {hangs};;
    lies) exit 0;;
esac
exec {real} "$@"
"""


class BalancerFaultRules(BalancerSubject):
    """What a balancer promises when what it needs is not as it should be."""

    def test_no_space_leaves_what_served(self, host: PluginHost) -> None:
        """A full disk costs the change and not the files, and is got over by itself."""
        expected = self._prepared(host)
        worker, good = self.serving(host), self.good(host)
        worker.succeed(good, self.two())
        before = self.settled(host), self.served(host.directory)
        worker.worker.limit_files(ROOM)
        worker.said(good, self.three())
        self._unharmed(host, "a full disk", worker, before, expected)
        worker.worker.limit_files()
        self._healed(host, "a full disk", worker, good, expected)

    def test_no_permission_leaves_what_served(self, host: PluginHost) -> None:
        """A directory that may not be written costs the change and nothing else."""
        expected = self._prepared(host)
        good = self.good(host)
        self.serving(host).succeed(good, self.two())
        before = self.settled(host), self.served(host.directory)
        with read_only(host.directory):
            worker = self.serving(host, powerless=True)
            worker.said(good, self.three())
            self._unharmed(host, "a directory without permission", worker, before, expected)
        worker = self.serving(host)
        self._healed(host, "a directory without permission", worker, good, expected)

    def test_a_failing_tool_leaves_what_served(self, host: PluginHost) -> None:
        """What the tool refuses is not put to use, and the outcome says so."""
        said = self._with_tool(host, "fails")
        assert said is not None, "with a tool that fails sync_file does not return"
        assert said.kind in ("failed", "degraded"), (
            f"the tool failed and sync_file ended {said.kind}, expected failed or degraded"
        )
        assert said.reason, f"the tool failed and sync_file ended {said.kind} without a reason"

    def test_a_hanging_tool_leaves_what_served(self, host: PluginHost) -> None:
        """A tool that does not come back is given up, or the worker is; both without harm."""
        self._with_tool(host, "hangs")

    def test_a_lying_tool_leaves_what_served(self, host: PluginHost) -> None:
        """A tool that says yes and does nothing leaves all as it was, or all as it should be."""
        said = self._with_tool(host, "lies")
        assert said is not None, "with a tool that lies sync_file does not return"

    def _with_tool(self, host: PluginHost, behaviour: str) -> Applied | None:
        """What a sync came to whose tool behaves so; None if it did not come back."""
        mode, tool = host.directory / ".tool-mode", host.directory / ".tool"
        if self.with_tool(host.directory, tool) is None:
            pytest.skip("with_tool names no tool that the plugin calls")
        self.clear(host)

        def prepare() -> Config:
            mode.write_text("works")
            text = TOOL.format(mode=shlex.quote(str(mode)), hangs=HANGS, real=self.real_tool)
            tool.write_text(text)
            tool.chmod(stat.S_IRWXU)
            return self.with_tool(host.directory, tool) or {}

        good = prepare()
        self.serving(host).succeed(good, self.three())
        expected = self.settled(host)
        self.clear(host)
        good = prepare()
        worker = self.serving(host)
        worker.succeed(good, self.two())
        before = self.settled(host), self.served(host.directory)
        mode.write_text(behaviour)
        worker.sync(good, self.three())
        said = self._unharmed(host, f"a tool that {behaviour}", worker, before, expected)
        mode.write_text("works")
        if behaviour != "lies":
            worker = self.serving(host)
            self._healed(host, f"a tool that {behaviour}", worker, good, expected)
        return said

    def _prepared(self, host: PluginHost) -> Content:
        """What the cluster with three nodes ends in; the host is empty again then."""
        worker = self.serving(host)
        worker.succeed(self.good(host), self.two())
        worker.succeed(self.good(host), self.three())
        expected = self.settled(host)
        self.clear(host)
        return expected

    def _unharmed(
        self,
        host: PluginHost,
        fault: str,
        worker: BalancerWorker,
        before: tuple[Content, object],
        expected: Content,
    ) -> Applied | None:
        """What is kept and served is all of the old, or all of the new; the last outcome."""
        files, served = before
        now = self.settled(host)
        said = worker.newest()
        for name, content in files.items():
            whole = now.get(name) in (content, expected.get(name))
            assert whole, f"{fault} harmed {name}: {content[:400]!r} became {now.get(name)!r}"
        serving = self.served(host.directory)
        changed = said is not None and said.kind in ("applied", "unchanged", "degraded")
        assert serving == served or changed or now == expected, (
            f"{fault} changed what is served: {str(served)[:400]} became {str(serving)[:400]}"
        )
        done = not difference(expected, {name: now.get(name, b"") for name in expected})
        assert said is None or said.kind not in ("applied", "unchanged") or done, (
            f"{fault}: sync_file ended {said.kind} though it is not done; {told(said)}"
        )
        return said

    def _healed(
        self, host: PluginHost, fault: str, worker: BalancerWorker, good: Config, expected: Content
    ) -> None:
        """Once the fault is over the same snapshot ends in what it should."""
        said: Applied | None = worker.said(good, self.three())
        deadline = time.monotonic() + self.patience
        while said is None or said.kind not in ("applied", "unchanged"):
            assert time.monotonic() < deadline, (
                f"after {fault} the same snapshot does not go well: {told(said) if said else ''}"
            )
            time.sleep(0.02)
            said = worker.newest()
        changed = difference(expected, self.settled(host))
        assert not changed, f"after {fault} the same snapshot ends otherwise: {changed}"


@contextmanager
def read_only(directory: Path) -> Iterator[None]:
    """Nobody without root's powers may write anything below the directory for so long."""
    modes = {path: path.stat().st_mode for path in (directory, *directory.rglob("*"))}
    changed = {p: mode for p, mode in modes.items() if stat.S_ISDIR(mode) or stat.S_ISREG(mode)}
    for path, mode in changed.items():
        os.chmod(path, stat.S_IMODE(mode) & ~0o222)
    try:
        yield
    finally:
        for path, mode in changed.items():
            if path.exists():
                os.chmod(path, stat.S_IMODE(mode))
