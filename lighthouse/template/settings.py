"""The content of a balancer's file with ``plugin: template``."""

import fnmatch
import grp
import pwd
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec

from lighthouse.files import Access
from lighthouse.schema import Path, Problem, convert, require
from lighthouse.software.reload import (
    ReloadWay,
    Seconds,
    faults_of_reload,
    faults_of_validate,
)

OnEmpty = Literal["keep", "render"]
_MODE: Final = re.compile(r"0?[0-7]{3}")


class TemplatedFile(msgspec.Struct, frozen=True):
    """One file: where it is, what it is made of, and of which clusters.

    ``clusters`` are names or patterns such as ``db-*``.

    ``path`` is where it is, an absolute path. ``template`` is the template itself, in Jinja's
    language. ``template_file`` is the path of a file with it. ``mode`` is a text such as
    "0640". ``owner`` is whose it is: a name or a number. ``group`` is which group's it is: a
    name or a number. ``validate`` is a command, as a list of arguments, that a candidate
    ({file}) has to pass. ``on_empty`` is what is done while there are no nodes: render, or
    keep what is there. ``vars`` are values for this file, over those of all files.
    ``max_size`` is how many bytes the template may make.
    """

    path: str
    template: str | None = None
    template_file: str | None = None
    clusters: tuple[str, ...] = ("*",)
    mode: str | None = None
    owner: str | int | None = None
    group: str | int | None = None
    validate: tuple[str, ...] = ()
    on_empty: OnEmpty = "render"
    vars: dict[str, Any] = {}
    max_size: Annotated[int, msgspec.Meta(ge=1, le=1 << 30)] = 64 << 20

    def selects(self, cluster: str) -> bool:
        """Return True if a cluster's nodes belong into the file."""
        return any(fnmatch.fnmatchcase(cluster, pattern) for pattern in self.clusters)

    @property
    def access(self) -> Access:
        """Mode and owner by number. Raises ``KeyError`` for a name that nobody has here."""
        return Access(
            None if self.mode is None else int(self.mode, 8),
            _user(self.owner),
            _group(self.group),
        )


class TemplateSettings(msgspec.Struct, frozen=True):
    """Files that one piece of software reads, and how it is told; times are seconds.

    ``files`` are what is written. ``reload`` is a command as a list of arguments, or a signal
    to the process in a pid file. ``vars`` are values of your own, for every template.
    ``timeout`` is how long a check or the reload may take. ``min_interval`` is what lies
    between two writes, at least.
    """

    files: Annotated[tuple[TemplatedFile, ...], msgspec.Meta(min_length=1)]
    reload: ReloadWay | None = None
    vars: dict[str, Any] = {}
    timeout: Seconds = 5.0
    min_interval: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 1.0


def parse_settings(config: Mapping[str, Any]) -> TemplateSettings:
    """The typed content; raises ``Invalid`` with every fault of it but those of templates."""
    settings = convert(config, TemplateSettings)
    require(_faults(settings))
    return settings


def _faults(settings: TemplateSettings) -> Iterator[Problem]:
    paths: dict[str, int] = {}
    for index, file in enumerate(settings.files):
        place: Path = ("files", index)
        yield from _file_faults(file, place)
        if file.path in paths:
            yield Problem((*place, "path"), f"is the path of files[{paths[file.path]}] already")
        paths.setdefault(file.path, index)
    if settings.reload is not None:
        yield from faults_of_reload(settings.reload, ("reload",))


def _file_faults(file: TemplatedFile, place: Path) -> Iterator[Problem]:
    if (file.template is None) == (file.template_file is None):
        yield Problem(place, "expected either 'template' or 'template_file'")
    for key, given in (("path", file.path), ("template_file", file.template_file)):
        if given is not None and (not given.startswith("/") or "\0" in given):
            yield Problem((*place, key), f"expected an absolute path, got {given!r}")
    if file.path.endswith("/"):
        yield Problem((*place, "path"), "expected a file, got a directory")
    if file.template_file == file.path:
        yield Problem((*place, "path"), "is the template itself")
    if file.mode is not None and not _MODE.fullmatch(file.mode):
        yield Problem((*place, "mode"), f'expected text such as "0644", got {file.mode!r}')
    if file.validate:
        yield from faults_of_validate(file.validate, (*place, "validate"))
    for key, look, named in (("owner", _user, file.owner), ("group", _group, file.group)):
        yield from _unnamed(look, named, (*place, key))


def _unnamed(
    look: Callable[[str | int | None], int | None], name: str | int | None, place: Path
) -> Iterator[Problem]:
    try:
        look(name)
    except KeyError:
        yield Problem(place, f"there is no {place[-1]} {name!r} on this host")


def _user(name: str | int | None) -> int | None:
    return pwd.getpwnam(name).pw_uid if isinstance(name, str) else name


def _group(name: str | int | None) -> int | None:
    return grp.getgrnam(name).gr_gid if isinstance(name, str) else name
