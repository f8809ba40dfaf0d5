"""What each file is to have: rendered with its template, or with the last one that worked."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from lighthouse.balancer import Finding
from lighthouse.files import Mark
from lighthouse.template.facts import ClusterFacts
from lighthouse.template.renderer import Kept, Renderer, TemplateFault
from lighthouse.template.settings import TemplatedFile


class RenderedFile(msgspec.Struct, frozen=True):
    """``content`` is None if the file is to stay as it is.

    ``kept`` is why, if its settings say so, and ``held`` if the template does, or there is
    nothing that it could be made of. ``fault`` is what is wrong with the template, also where
    an older one was used instead. ``left_out`` says why nodes are not in it.
    """

    content: bytes | None = None
    kept: str = ""
    held: str = ""
    fault: Finding | None = None
    left_out: tuple[str, ...] = ()


class _Rendering(msgspec.Struct, frozen=True):
    """What a template has made of clusters: again the same, for the same."""

    renderer: Renderer
    clusters: tuple[ClusterFacts, ...]
    file: RenderedFile

    def is_of(self, renderer: Renderer, clusters: Sequence[ClusterFacts]) -> bool:
        """Return True if these very objects were rendered."""
        pairs = zip(self.clusters, clusters, strict=False)
        same = len(self.clusters) == len(clusters) and all(a is b for a, b in pairs)
        return renderer is self.renderer and same


class OutputFile:
    """One file of the settings; keeps the last template that worked, while one does not."""

    def __init__(self, index: int, file: TemplatedFile, shared: Mapping[str, Any]) -> None:
        self.file: Final = file
        key = "template" if file.template is not None else "template_file"
        self._place: Final = ("files", index, key)
        self._label: Final = f"files[{index}].template"
        self._shared: Final = shared
        self._current = self._read()
        self._good: Renderer | None = None
        self._seen: tuple[Mark, ...] = ()
        self._last: _Rendering | None = None

    def look(self) -> bool:
        """Return True if the template on disk is a new one, which is taken from now on.

        It is taken once it has not changed from one look to the next: an editor may be writing.
        """
        before, self._seen = self._seen, self._current.changed()
        if not self._seen or self._seen != before:
            return False
        self._current = self._read()
        self._seen = ()
        return True

    def examine(self) -> Finding | None:
        """What is wrong with the template, whatever the clusters are."""
        try:
            self._current.load()
        except TemplateFault as error:
            return Finding(self._place, str(error))
        return None

    def render(self, clusters: Sequence[ClusterFacts]) -> RenderedFile:
        """The file for all clusters of the balancer, of which it selects its own."""
        chosen = [cluster for cluster in clusters if self.file.selects(cluster.name)]
        if not chosen:
            names = ", ".join(self.file.clusters)
            return RenderedFile(held=f"no cluster {names} has a section for this balancer")
        if self.file.on_empty == "keep" and not any(cluster.nodes for cluster in chosen):
            return RenderedFile(kept="its clusters have no nodes (on_empty: keep)")
        if self._last is not None and self._last.is_of(self._current, chosen):
            return self._last.file
        file = self._made(chosen)
        self._last = _Rendering(self._current, tuple(chosen), file)
        return file

    def _made(self, chosen: Sequence[ClusterFacts]) -> RenderedFile:
        try:
            return self._rendered(chosen)
        except Kept as reason:
            return RenderedFile(held=str(reason))
        except TemplateFault as error:
            return RenderedFile(fault=Finding(self._place, str(error)))

    def _rendered(self, chosen: Sequence[ClusterFacts]) -> RenderedFile:
        try:
            content, left_out = self._current.render(chosen)
            self._good = self._current
            return RenderedFile(content, left_out=tuple(left_out))
        except TemplateFault as error:
            if self._good is None or self._good is self._current:
                raise
            content, left_out = self._good.render(chosen)
            told = f"{error}; the former template stays in use"
            found = Finding(self._place, told)
            return RenderedFile(content, fault=found, left_out=tuple(left_out))

    def _read(self) -> Renderer:
        return Renderer(self.file, self._label, self._shared)
