"""Causes in words, each with all that follows from it in one line."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from lighthouse.daemon.status_document import Cause, Consequence
from lighthouse.daemon.worker_document import WorkerStatus
from lighthouse.text import counted

_EFFECTS: Final[Mapping[str, tuple[str, str]]] = {
    "waits": ("waits for it", "wait for it"),
    "last_known": ("keeps its last known nodes", "keep their last known nodes"),
    "drained": ("is drained", "are drained"),
    "fenced": ("is not served", "are not served"),
    "too_old": (
        "is not served: what is remembered of it is too old",
        "are not served: what is remembered of them is too old",
    ),
    "default_nodes": ("is served by its default nodes", "are served by their default nodes"),
    "unregistered": ("is not registered", "are not registered"),
    "unreachable": ("is not reached by others", "are not reached by others"),
    "unchecked": ("is not checked", "are not checked"),
    "idle": ("waits until that is mended", "wait until that is mended"),
}
"""What is said of one, and of several that have the same effect."""

_TELLING: Final = ("cluster", "service")
"""Kinds of causes whose message tells already what happens to them."""

_FOLDERS: Final[Mapping[str, str]] = {
    "discovery": "discovery",
    "balancer": "balancers",
    "web": "",
}


def words(cause: Cause) -> str:
    """One line: the cause, and what follows from it."""
    text = cause.message
    if cause.name and cause.kind != "file":
        text = f"{cause.kind} {cause.name}: {text}"
    if cause.places:
        text += f" (and in {counted(len(cause.places), 'more place')})"
    if cause.kind in _TELLING:
        return text
    return "; ".join((text, *effects(cause.consequences)))


def file_of(kind: str, name: str) -> tuple[str, ...]:
    """The files that a worker may be configured by; none for a check's."""
    folder = _FOLDERS.get(kind)
    stem = "lighthouse" if kind == "web" else f"{folder}/{name}"
    return () if folder is None else tuple(f"{stem}.{end}" for end in ("yaml", "yml"))


def concerns(cause: Cause, worker: WorkerStatus) -> bool:
    """Return True if a worker, or the file that it is configured by, is not well by this cause."""
    about = _name(worker)
    if (cause.kind, cause.name) == about:
        return True
    if cause.kind == "file" and cause.name in file_of(*about):
        return True
    return any((one.kind, one.name) == about for one in cause.consequences)


def reason(causes: Iterable[Cause], worker: WorkerStatus) -> str:
    """Why a worker is not well: what it says itself, else what is wrong with its file."""
    found = [cause for cause in causes if concerns(cause, worker)]
    own = [cause.message for cause in found if (cause.kind, cause.name) == _name(worker)]
    return next(iter((*own, *(cause.message for cause in found))), "")


def _name(worker: WorkerStatus) -> tuple[str, str]:
    return worker.kind, worker.name


def effects(consequences: Iterable[Consequence]) -> Iterator[str]:
    """One clause for each effect on each kind of thing."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for one in consequences:
        found.setdefault((one.effect, one.kind), {})[one.name] = None
    for (effect, kind), names in found.items():
        single, plural = _EFFECTS.get(effect, ("is affected", "are affected"))
        if len(names) == 1:
            yield f"{kind} {next(iter(names))} {single}"
        else:
            yield f"{counted(len(names), kind)} {plural}"
