"""One worker in full: its row, its last error, and all that its plugin says of itself."""

from collections.abc import Iterable, Iterator

import yaml
from rich.console import Group, RenderableType
from rich.text import Text

from lighthouse.commands.output.status_tables import workers
from lighthouse.daemon.status_document import WorkerStatus
from lighthouse.text import plain


def render(worker: WorkerStatus, problems: Iterable[str]) -> RenderableType:
    """``problems`` are those that concern it, in words."""
    return Group(*_parts(worker, problems))


def _parts(worker: WorkerStatus, problems: Iterable[str]) -> Iterator[RenderableType]:
    for problem in problems:
        yield Text(f"  {plain(problem)}", "bold red")
    yield workers((worker,))
    for title, text in (
        ("Last error", worker.last_error),
        ("Last exit", worker.last_exit),
        ("Traceback", worker.traceback),
    ):
        if text:
            yield from _section(title, str(text))
    yield from _section("What its plugin says", _status(worker) if worker.status else "nothing")


def _section(title: str, text: str) -> Iterator[Text]:
    yield Text(f"\n{title}", "bold")
    for line in text.rstrip("\n").split("\n"):
        yield Text(f"  {plain(line)}")


def _status(worker: WorkerStatus) -> str:
    """Nested maps and lists as YAML, which people read in all the other files too."""
    return yaml.safe_dump(worker.status, sort_keys=False, allow_unicode=True, width=10**6)
