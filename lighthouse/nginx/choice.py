"""Which upstreams are installed: all that nginx takes, and of the others what there was before."""

import glob
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from lighthouse.balancer import Finding
from lighthouse.files import FileTarget
from lighthouse.nginx.config_test import Complaint
from lighthouse.nginx.main_config import Contents
from lighthouse.nginx.settings import CLUSTER
from lighthouse.nginx.upstream import HEADER, UpstreamBlock, blocks, file_of

_MISSED: Final = re.compile(r'host not found in upstream "([^"]+)"')

Judge = Callable[[Contents], Complaint | None]


class Chosen(msgspec.Struct, frozen=True):
    """What is to be installed, and what is wrong with what is not.

    ``refused`` says why nothing can be installed at all.
    """

    contents: dict[str, bytes | None] = {}
    findings: tuple[Finding, ...] = ()
    kept: tuple[str, ...] = ()
    refused: str = ""


class OwnFiles:
    """Our files as they are on disk: those of the wanted upstreams, and those left over."""

    def __init__(
        self,
        patterns: Sequence[str],
        upstreams: Iterable[UpstreamBlock],
        still: Collection[str] = (),
    ) -> None:
        """``still`` are clusters of which the upstream stays as it is, if there is one."""
        wanted: dict[str, list[UpstreamBlock]] = {}
        for pattern in patterns:
            found = glob.glob(glob.escape(pattern).replace(CLUSTER, "*"))
            wanted.update({path: [] for path in found if _is_ours(path)})
            if CLUSTER not in pattern:
                wanted[pattern] = []
        for upstream in upstreams:
            wanted.setdefault(upstream.file, []).append(upstream)
        self.wanted: Final = wanted
        self.blocks: Final = {path: blocks(FileTarget(path).read() or b"") for path in wanted}
        self._shared: Final = {path for path in patterns if CLUSTER not in path}
        self._still: Final = {name: text for name in still if (text := self.former(name))}

    def contents(
        self, instead: Mapping[str, str | None], keeping: Collection[str] = ()
    ) -> dict[str, bytes | None]:
        """The files with other texts for some clusters (None: without them).

        ``keeping`` are clusters that stay though they are no more wanted.
        """
        found: dict[str, bytes | None] = {}
        for path, upstreams in self.wanted.items():
            texts = {one.cluster: one.text for one in upstreams}
            there = self.blocks[path].items()
            texts = {name: text for name, text in there if name in keeping} | texts
            texts = {**texts, **{n: t for n, t in self._still.items() if n in texts}}
            texts = {name: instead.get(name, text) or "" for name, text in texts.items()}
            given = [text for _, text in sorted(texts.items()) if text]
            found[path] = file_of(given) if given or path in self._shared else None
        return found

    def former(self, cluster: str) -> str | None:
        """What there is of a cluster's upstream."""
        return next((found[cluster] for found in self.blocks.values() if cluster in found), None)

    def left_over(self, opening: str, wanted: Collection[str]) -> str | None:
        """The cluster that is no more wanted, of which there is an upstream that begins so."""
        texts = [pair for found in self.blocks.values() for pair in found.items()]
        found = [name for name, text in texts if opening in text.splitlines()]
        return next((name for name in found if name not in wanted), None)

    @property
    def clusters(self) -> set[str]:
        """The clusters of which there is something."""
        return {name for found in self.blocks.values() for name in found}


def choose(
    own: OwnFiles,
    upstreams: Sequence[UpstreamBlock],
    judge: Judge,
    proven: Mapping[str, str] | None = None,
) -> Chosen:
    """Take out what nginx refuses, cluster by cluster, until it takes the rest.

    ``proven`` are texts by cluster that nginx took, for those that now have another section.
    """
    search = _Search(own, {one.cluster: one for one in upstreams}, proven or {})
    for _ in range(3 * (len(upstreams) + len(own.clusters)) + 1):
        complaint = judge(search.contents)
        if complaint is None:
            return search.chosen
        if not search.mend(complaint):
            return search.without_changes(complaint, judge)
    return search.refused("nginx refuses every candidate")


class _Search:
    """Which upstreams have another text than wanted, so far, and why."""

    def __init__(
        self, own: OwnFiles, named: Mapping[str, UpstreamBlock], proven: Mapping[str, str]
    ) -> None:
        self._own: Final = own
        self._named: Final = named
        self._proven: Final = proven
        self._instead: Final[dict[str, str | None]] = {}
        self._kept: Final[dict[str, str]] = {}
        self._findings: Final[list[Finding]] = []

    @property
    def contents(self) -> dict[str, bytes | None]:
        return self._own.contents(self._instead, self._kept)

    @property
    def chosen(self) -> Chosen:
        told = [f"{name} is served no more, but stays: {why}" for name, why in self._kept.items()]
        return Chosen(self.contents, tuple(self._findings), tuple(told))

    def refused(self, why: str) -> Chosen:
        return Chosen(findings=tuple(self._findings), refused=why)

    def mend(self, complaint: Complaint) -> bool:
        """Take out what a complaint is about; False if that is nothing of ours."""
        missed = _MISSED.search(complaint.message)
        if missed and self._supply(f"upstream {missed[1]} {{", str(complaint)):
            return True
        culprit = self._named.get(complaint.cluster)
        if culprit is None or self._instead.get(culprit.cluster, "") is None:
            return False
        name = culprit.cluster
        if name not in self._instead:
            self._findings.append(_finding(culprit, complaint))
        tried = culprit.text, self._instead.get(name)
        others = self._proven.get(name), self._own.former(name)
        self._instead[name] = next((text for text in others if text not in tried), None)
        return True

    def _supply(self, opening: str, complaint: str) -> bool:
        """Have an upstream there that nginx misses: one left over, or one without servers."""
        left = self._own.left_over(opening, self._named)
        if left and left not in self._kept:
            self._kept[left] = complaint
            return True
        gone = [name for name, text in self._instead.items() if text is None]
        for block in [self._named[name] for name in gone]:
            if block.opening == opening:
                self._instead[block.cluster] = block.placeholder
                return True
        return False

    def without_changes(self, complaint: Complaint, judge: Judge) -> Chosen:
        """nginx complains of what is not ours: perhaps one of the new upstreams is there twice."""
        added = [name for name in self._named if name not in self._own.clusters]
        told = f"nginx would refuse it: {complaint}"
        if added:
            self._instead.update(dict.fromkeys(added))
            if judge(self.contents) is None:
                self._findings.extend(Finding((), told, cluster=name) for name in added)
                return self.chosen
        return self.refused(f"nginx refuses its own configuration: {complaint}")


def _finding(upstream: UpstreamBlock, complaint: Complaint) -> Finding:
    line = upstream.lines[min(complaint.line, len(upstream.lines) - 1)]
    told = f"nginx says: {complaint.message} (in: {line.text.strip()})"
    return Finding(line.origin, told, cluster=upstream.cluster)


def _is_ours(path: str) -> bool:
    try:
        with open(Path(path), "rb") as file:
            return file.readline().strip() == HEADER.encode()
    except OSError:
        return False
