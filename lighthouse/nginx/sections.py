"""The clusters' sections, and what keeps this nginx from serving one as it says."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from lighthouse.balancer import Finding
from lighthouse.cluster import Cluster
from lighthouse.nginx.build import NginxBuild
from lighthouse.nginx.settings import NginxSettings, UpstreamSection, parse_section
from lighthouse.nginx.upstream import UpstreamBlock, render, section_of


class Sections:
    """Reads each section once per content, and renders upstreams by them.

    Remembers the sections that nginx took last, for as long as it does not take newer ones;
    after a restart they are those in its files.
    """

    def __init__(self, settings: NginxSettings) -> None:
        self._settings: Final = settings
        self._read: Final[dict[str, tuple[object, UpstreamSection]]] = {}
        self._taken: Final[dict[str, UpstreamSection]] = {}

    def blocks(
        self, build: NginxBuild, clusters: Sequence[Cluster]
    ) -> tuple[list[UpstreamBlock], tuple[Finding, ...]]:
        """The upstreams of the clusters that can have one, and why the others cannot."""
        blocks: list[UpstreamBlock] = []
        lacking: list[Finding] = []
        for cluster in clusters:
            section = self._section(cluster)
            found = [*self._lacking(build, cluster.name, section)]
            block = None if found else render(self._settings, build, cluster, section)
            blocks += [] if block is None else [block]
            lacking += found
        return blocks, tuple(lacking)

    def still(self, clusters: Sequence[Cluster]) -> list[str]:
        """The clusters that have no nodes, and keep what there is."""
        empty = [cluster for cluster in clusters if not cluster.nodes]
        return [one.name for one in empty if _keeps(self._section(one))]

    def take(self, clusters: Sequence[Cluster]) -> None:
        """nginx has taken the sections of these clusters."""
        self._taken.update({one.name: self._section(one) for one in clusters})

    def former(
        self,
        build: NginxBuild,
        clusters: Sequence[Cluster],
        there: Callable[[str], str | None],
    ) -> dict[str, str]:
        """The upstreams as they would be by sections that nginx took, where there are newer.

        ``there`` gives what there is of a cluster's upstream.
        """
        found: dict[str, str] = {}
        for cluster in clusters:
            text = there(cluster.name)
            taken = self._taken.get(cluster.name) or (None if text is None else section_of(text))
            if taken is not None and taken != self._section(cluster):
                block = render(self._settings, build, cluster, taken)
                found |= {} if block is None else {cluster.name: block.text}
        return found

    def _section(self, cluster: Cluster) -> UpstreamSection:
        read = self._read.get(cluster.name)
        if read is None or read[0] != cluster.config:
            read = cluster.config, parse_section(cluster.config or {})
            self._read[cluster.name] = read
        return read[1]

    def _lacking(
        self, build: NginxBuild, cluster: str, section: UpstreamSection
    ) -> Iterator[Finding]:
        if self._settings.file_of(section.context) is None:
            told = f"nginx.yaml says no {section.context}_file, where this upstream would be"
            yield Finding(("context",), told, cluster=cluster)
        if section.resolve and not build.resolves:
            told = f"nginx {build} cannot: 'resolve' needs 1.27.3"
            yield Finding(("resolve",), told, cluster=cluster)
        if section.resolve is True and self._settings.resolver is None:
            told = "nginx.yaml says no resolver, of whose zone the name would be"
            yield Finding(("resolve",), told, cluster=cluster)


def _keeps(section: UpstreamSection) -> bool:
    return section.on_empty == "keep" and not section.resolve
