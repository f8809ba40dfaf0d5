"""``lighthouse record``: what balancers are given, into a file, for `lighthouse replay`."""

import os
import time
from pathlib import Path
from typing import BinaryIO, Final

import click
import msgspec

from lighthouse.commands.failure import CommandFailure, StatusNotRunning
from lighthouse.commands.options import root_option, span
from lighthouse.commands.output.console import say
from lighthouse.commands.question import PATIENCE, asking
from lighthouse.daemon.client import DaemonClient
from lighthouse.daemon.locate import find
from lighthouse.daemon.recording import (
    FORMAT,
    VERSION,
    RecordedCluster,
    RecordedVersion,
    RecordingHead,
)
from lighthouse.ipc.messages import decode_as
from lighthouse.ipc.snapshot import BalancerSnapshot, Membership, Part
from lighthouse.node import Node
from lighthouse.supervisor.history.saved import SavedVersion, restored
from lighthouse.supervisor.history.version import AppliedVersion, replaced
from lighthouse.text import plain

PAUSE: Final = 0.2
"""Seconds between two looks: the daemon keeps 50 versions, so that none is missed."""

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--balancer", default="", metavar="NAME", help="Only this one.")
@click.option(
    "--for", "lasting", metavar="TIME", callback=span, help="Then end; 0: only what is now."
)
@root_option
def command(root: Path, file: Path, balancer: str, lasting: float | None) -> None:
    """Record the versions that balancers apply into a new FILE, until Ctrl-C.

    It begins with what each has applied last. Secrets are left out; nodes, sections and the
    balancers' own files are in it, and only its owner may read it. `lighthouse replay` runs it
    against a plugin, `lighthouse plan --snapshot` takes the nodes from its end.

    \b
    Exit codes:
      0  recorded
      1  the file exists or cannot be written, or no such balancer
      3  not running
    """
    daemon = find(root)
    recorder = _Recorder(daemon, balancer)
    try:
        first = recorder.look()
        with open(os.open(file, _NEW, 0o600), "wb") as out:
            recorder.write(out, first)
            _follow(recorder, out, lasting)
    except FileExistsError as error:
        raise CommandFailure(f"{plain(file)}: exists already: name a new file") from error
    say(f"lighthouse: {recorder.count} versions are recorded in {plain(file)}")


def _follow(recorder: "_Recorder", out: BinaryIO, lasting: float | None) -> None:
    until = None if lasting is None else time.monotonic() + lasting
    try:
        while until is None or time.monotonic() < until:
            time.sleep(PAUSE if until is None else min(PAUSE, max(0.0, until - time.monotonic())))
            recorder.write(out, recorder.look())
    except KeyboardInterrupt:
        return


class _Recorder:
    """Asks for what is new, and writes it down; ``count`` is how many versions that were."""

    def __init__(self, daemon: DaemonClient, balancer: str) -> None:
        self._daemon: Final = daemon
        self._balancer: Final = balancer
        self._last: Final[dict[str, AppliedVersion]] = {}
        self._began: Final = time.time()
        self.count = 0

    def look(self) -> list[tuple[str, AppliedVersion]]:
        """The versions that are new since the last look, in their order."""
        after = {name: version.number for name, version in self._last.items()}
        try:
            with asking():
                found = self._daemon.versions(self._balancer, after, PATIENCE)
        except LookupError as error:
            raise CommandFailure(plain(error.args[0])) from error
        if found is None:
            if self._last:
                return []  # it may come back
            raise StatusNotRunning(self._daemon.root)
        saved = decode_as(dict[str, list[SavedVersion]], found)
        news = []
        for name, versions in saved.items():
            fresh = [*restored(versions)]
            news += [(name, one) for one in fresh if one.number != after.get(name)]
        return sorted(news, key=lambda pair: pair[1].number)

    def write(self, out: BinaryIO, news: list[tuple[str, AppliedVersion]]) -> None:
        if out.tell() == 0:
            head = RecordingHead(
                format=FORMAT,
                version=VERSION,
                started_at=self._began,
                config_dir=str(self._daemon.root),
            )
            out.write(msgspec.json.encode(head) + b"\n")
        for name, version in news:
            line = self._line(name, version)
            out.write(msgspec.json.encode(line) + b"\n")
            self._last[name] = version
            self.count += 1
        out.flush()

    def _line(self, name: str, version: AppliedVersion) -> RecordedVersion:
        before = self._last.get(name)
        old = before.snapshot if before is not None else None
        pairs = replaced(old.clusters if old is not None else (), version.snapshot.clusters)
        return RecordedVersion(
            at=round(max(0.0, version.at - self._began), 3),
            balancer=name,
            plugin=version.plugin,
            version=version.number,
            config=_config(old, version.snapshot),
            clusters={part.name: _recorded(part) for _, part in pairs if part is not None},
            gone=[was.name for was, part in pairs if was is not None and part is None],
        )


def _config(before: BalancerSnapshot | None, now: BalancerSnapshot) -> dict[str, object] | None:
    same = before is not None and before.settings.config == now.settings.config
    return None if same else now.settings.config


def _recorded(part: Part) -> RecordedCluster:
    membership = decode_as(Membership, part.body)
    return RecordedCluster(
        nodes=decode_as(list[Node], bytes(membership.nodes)),
        config=membership.settings.config if membership.settings is not None else None,
        known=membership.known,
        stale=membership.stale,
        observed_at=membership.observed_at,
        meta_cluster=membership.meta_cluster,
    )
