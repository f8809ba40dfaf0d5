"""One template, read once, and what it makes of clusters: a pure function of facts.

The environment is Jinja's sandbox, without what would give another file each time. What a name
stands for that nobody has given is an error, and never nothing.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

import jinja2
from jinja2.loaders import split_template_path
from jinja2.sandbox import ImmutableSandboxedEnvironment

from lighthouse.files import Mark
from lighthouse.files.exchange import mark_at
from lighthouse.template.facts import ClusterFacts, NodeFacts, without
from lighthouse.template.foreign import Unquoted
from lighthouse.template.formats import FILTERS, UNSTEADY
from lighthouse.template.settings import TemplatedFile
from lighthouse.text import one_line

_LARGEST: Final = 1 << 20
"""Bytes of a template."""

_REMEDY: Final = "print it through a filter that quotes it, such as json"
_POWER: Final = 64


class TemplateFault(Exception):
    """A template cannot be read, or not be rendered; the text names the line and the cause."""


class Kept(Exception):
    """The template says that its file is to stay as it is; the text is why."""


class Renderer:
    """One file's template with all that it includes, as they were when they were read."""

    def __init__(self, file: TemplatedFile, label: str, shared: Mapping[str, Any]) -> None:
        self._file: Final = file
        self._sources: Final = _Sources(file, label)
        self._environment: Final = _environment(self._sources, file.max_size)
        self._vars: Final = {**shared, **file.vars}

    def load(self) -> None:
        """Read and compile the template; raises ``TemplateFault``."""
        try:
            self._environment.get_template(self._sources.main)
        except jinja2.TemplateSyntaxError as error:
            where = f"{error.filename or error.name}:{error.lineno}"
            raise TemplateFault(f"{where}: {error.message}") from error
        except jinja2.TemplateNotFound as error:
            raise TemplateFault(f"there is no {error.message}") from error
        except (OSError, ValueError) as error:
            raise TemplateFault(str(error)) from error

    def changed(self) -> tuple[Mark, ...]:
        """The marks of what was read, if any of it is another one now; empty otherwise."""
        now = tuple([mark_at(path) for path in self._sources.read])
        return () if now == tuple(self._sources.read.values()) else now

    def render(self, clusters: Sequence[ClusterFacts]) -> tuple[bytes, list[str]]:
        """The file's content, and why nodes were left out of it.

        Left out are nodes with metadata that the template prints as it is and that is no plain
        word, unless a cluster would lose all that it has: then the template is wrong. Raises
        ``TemplateFault`` or ``Kept``.
        """
        reasons: dict[str, str] = {}
        while True:
            given = without(clusters, reasons) if reasons else clusters
            for before, after in zip(clusters, given, strict=True):
                if before.nodes and not after.nodes:
                    raise TemplateFault(f"{'; '.join(reasons.values())}; {_REMEDY}")
            try:
                return self._rendered(given), list(reasons.values())
            except Unquoted as error:
                if error.key in reasons:
                    raise TemplateFault(one_line(error)) from error
                reasons[error.key] = one_line(error)

    def _rendered(self, clusters: Sequence[ClusterFacts]) -> bytes:
        self.load()
        pieces: list[str] = []
        size = 0
        try:
            template = self._environment.get_template(self._sources.main)
            for piece in template.generate(self._context(clusters)):
                pieces.append(piece)
                size += len(piece)
                if size > self._file.max_size:
                    raise TemplateFault(f"makes more than {self._file.max_size} bytes (max_size)")
        except (Unquoted, Kept, TemplateFault):
            raise
        # A template is a program of its operator's, and may raise anything.
        except Exception as error:
            raise TemplateFault(self._told(error)) from error
        return "".join(pieces).encode("utf-8", "surrogateescape")

    def _context(self, clusters: Sequence[ClusterFacts]) -> dict[str, Any]:
        names = {cluster.name: cluster for cluster in clusters}

        def cluster(name: str) -> ClusterFacts:
            if name not in names:
                raise TemplateFault(f"no cluster {name!r} is served by this file")
            return names[name]

        nodes: list[NodeFacts] = [node for cluster in clusters for node in cluster.nodes]
        own = {"clusters": list(clusters), "nodes": nodes, "cluster": cluster}
        return {**own, "vars": self._vars, "keep": _keep}

    def _told(self, error: Exception) -> str:
        """The error with the innermost line of a template that led to it."""
        where, frame = self._sources.main, error.__traceback__
        while frame is not None:
            name = frame.tb_frame.f_code.co_filename
            if name in self._sources.names:
                where = f"{name}:{frame.tb_lineno}"
            frame = frame.tb_next
        kind = "" if isinstance(error, jinja2.TemplateError) else f"{type(error).__name__}: "
        return one_line(f"{where}: {kind}{error}")


def _keep(reason: str = "the template says so") -> NoReturn:
    raise Kept(one_line(reason))


class _Sources(jinja2.BaseLoader):
    """The template, and what it includes from the directory that it is in."""

    def __init__(self, file: TemplatedFile, label: str) -> None:
        given = file.template_file
        self._text: Final = file.template
        self._directory: Final = Path(given).parent if given is not None else None
        self.main: Final = Path(given).name if given is not None else label
        self.read: Final[dict[Path, Mark]] = {}
        self.names: Final = {self.main}

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, None]:
        if self._text is not None and template == self.main:
            return self._text, template, None
        if self._directory is None:
            raise jinja2.TemplateNotFound(
                template, f"{template}: a template in YAML includes no files"
            )
        path = self._directory.joinpath(*split_template_path(template))
        self.read[path] = mark_at(path)
        try:
            with open(path, "rb") as file:
                found = file.read(_LARGEST + 1)
        except OSError as error:
            raise jinja2.TemplateNotFound(template, f"{path} ({error.strerror})") from error
        if len(found) > _LARGEST:
            raise ValueError(f"{path} has more than {_LARGEST} bytes")
        self.names.add(str(path))
        try:
            return found.decode(), str(path), None
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is no UTF-8 text: {error.reason}") from error


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, in which no operator makes something huge out of something small."""

    intercepted_binops = frozenset(("*", "**"))
    largest = 0

    def call_binop(
        self, context: jinja2.runtime.Context, operator: str, left: Any, right: Any
    ) -> Any:
        if operator == "*":
            for one, other in ((left, right), (right, left)):
                if isinstance(one, str | list | tuple) and isinstance(other, int):
                    self._bound(len(one) * other)
        elif isinstance(right, int) and right > _POWER:
            raise TemplateFault(f"a power above {_POWER} is too much")
        return super().call_binop(context, operator, left, right)

    def _bound(self, size: int) -> None:
        if size > self.largest:
            raise TemplateFault(f"something of {size} characters is too much (max_size)")


def _environment(sources: _Sources, largest: int) -> _Sandbox:
    environment = _Sandbox(
        loader=sources,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.loopcontrols"],
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
        autoescape=False,
    )
    environment.largest = largest
    environment.filters.update(FILTERS)
    for name in UNSTEADY:
        del environment.filters[name]
    del environment.globals["lipsum"]
    return environment
