"""Rules about what is done and what is only told: previews, examinations, what is left over."""

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from lighthouse.cluster import Cluster
from lighthouse.standalone.belongings import held_by
from lighthouse.testing.conformance.balancer_subject import (
    BalancerSubject,
    Content,
    difference,
)
from lighthouse.testing.hosted import PluginHost

WARM, MORE = 3, 12
"""Syncs after which a plugin holds all that it needs, and more of them."""

_RAISED = "lighthouse.worker: close: "

Stamps = Mapping[str, tuple[int, int, int, int]]


class BalancerEffectRules(BalancerSubject):
    """What a balancer promises to touch, and to leave alone."""

    def test_preview_tells_what_a_sync_does_and_touches_nothing(self, host: PluginHost) -> None:
        """``preview`` is empty where a sync is unchanged, and else names the lines that change."""
        worker, good = self.serving(host), self.good(host)
        for wanted in (self.two(), self.three()):
            before, stamps = self.settled(host), stamps_below(host.directory)
            said = BalancerPreview(self, host, wanted)
            if not said.told:
                pytest.skip("the plugin has no preview")
            written = touched(stamps, stamps_below(host.directory))
            assert not written, f"preview touched {written}"
            assert not said.reason, f"preview failed: {said.reason}"
            assert said.busy, "preview says that nothing would be done, and there is"
            worker.succeed(good, wanted)
            wrong = said.untrue(before, self.settled(host))
            assert not wrong, f"preview is not what the sync did: {wrong}"
            again = BalancerPreview(self, host, wanted)
            assert not again.busy, f"preview tells of work when all is done: {again.busy}"

    def test_examine_and_validation_write_nothing(self, host: PluginHost) -> None:
        """``lighthouse check`` may run on a host whose daemon serves."""
        worker, good = self.serving(host), self.good(host)
        for serving in (False, True):
            if serving:
                worker.succeed(good, self.two())
                self.settled(host)
            before = stamps_below(host.directory)
            asked = self.asked(host)
            found = asked.examine(good, self.three())
            assert not found.reason, f"examine failed: {found.reason}"
            asked.worker.close()
            written = touched(before, stamps_below(host.directory))
            assert not written, f"examine touched {written}"

    def test_keeps_to_its_contract_while_it_works(self, host: PluginHost) -> None:
        """What it returns from ``status``, ``withheld``, ``wake_after`` and the like is legal."""
        worker, good = self.serving(host), self.good(host)
        for wanted in (self.two(), self.three()):
            worker.succeed(good, wanted)
            self.settled(host)
        faults = "\n".join(worker.worker.faults())
        assert not faults, faults

    def test_nothing_is_held_that_grows(self, host: PluginHost) -> None:
        """No descriptor, thread or process is left of each sync."""
        worker, good = self.serving(host), self.good(host)
        held = []
        for number in range(WARM + MORE):
            worker.succeed(good, self.three() if number % 2 else self.two())
            if number + 1 in (WARM, WARM + MORE):
                self.settled(host)
                held.append(held_by(worker.worker.pid))
        for what, before in held[0].items():
            now = held[1][what]
            assert now < before + MORE // 2, (
                f"{now - before} more {what} are held after {MORE} more syncs"
            )

    def test_close_leaves_nothing(self, host: PluginHost) -> None:
        """After ``close`` there is no descriptor, thread, process or signal handler more."""
        worker, good = self.serving(host), self.good(host)
        for wanted in (self.two(), self.three()):
            worker.succeed(good, wanted)
        self.settled(host)
        report = worker.worker.stop()
        assert report is not None, f"close does not come back\n{host.printed}"
        left = ", ".join(report.after.beyond(report.before))
        assert not left, f"after close there is left: {left}"
        raised = [line for line in host.printed.splitlines() if _RAISED in line]
        assert not raised, f"close did not end well: {raised[-1].partition(_RAISED)[2]}"


class BalancerPreview:
    """What ``lighthouse plan`` would say of a cluster, in a process beside the one that serves."""

    def __init__(self, subject: BalancerSubject, host: PluginHost, *clusters: Cluster) -> None:
        asked = subject.asked(host)
        said = asked.preview(subject.good(host), *clusters)
        asked.worker.close()
        self.told = said.previews
        self.reason = said.reason or said.waits
        self.diff = said.diff
        self.busy = "; ".join(filter(None, (said.diff, *said.commands, said.reload)))

    def untrue(self, before: Content, after: Content) -> str:
        """Which line of the diff does not come true, empty if all do."""
        old, new = lines_of(before), lines_of(after)
        for line in self.diff.splitlines():
            if line.startswith(("---", "+++", "@@")):
                continue
            if line.startswith("+") and line[1:] not in new:
                return f"the line {line!r} was not written"
            if line.startswith("-") and line[1:] not in old:
                return f"the line {line!r} was not there"
        if before != after and not self.busy:
            return difference(before, after)
        return ""


def lines_of(content: Content) -> set[str]:
    """Every line of all files."""
    return {
        line for data in content.values() for line in data.decode(errors="replace").split("\n")
    }


def touched(before: Stamps, after: Stamps) -> str:
    """What is there and was not, or is other than it was, or is gone; by name."""
    return ", ".join(sorted({name for name, _ in before.items() ^ after.items()}))


def stamps_below(directory: Path) -> Stamps:
    """Every path below a directory, itself included, with what changes when it is written."""
    return stamps_of(directory, (directory, *directory.rglob("*")))


def stamps_of(directory: Path, paths: Iterable[Path | str]) -> Stamps:
    """The same of these paths, which may be relative to the directory."""
    found = {}
    for path in (directory / each for each in paths):
        with contextlib.suppress(FileNotFoundError):
            about = path.lstat()
            stamp = (about.st_ino, about.st_mode, about.st_size, about.st_mtime_ns)
            found[str(path.relative_to(directory))] = stamp
    return found
