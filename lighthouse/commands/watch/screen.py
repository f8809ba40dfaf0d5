"""A view of what was told as the lines of a screen; pure."""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from lighthouse.commands.output import explanation
from lighthouse.commands.output.quantities import span
from lighthouse.commands.output.status_tables import top
from lighthouse.commands.output.table import Cell, Row, Table, lines, paint, render, wrapped
from lighthouse.commands.output.worker_detail import detail
from lighthouse.commands.watch.feed import Told
from lighthouse.commands.watch.items import Item, Key, Section, sections
from lighthouse.commands.watch.view import ViewState
from lighthouse.daemon.causes import concerns, words
from lighthouse.daemon.status_document import StatusDocument
from lighthouse.daemon.worker_document import WorkerStatus
from lighthouse.text import plain

OLD: Final = 3.0
"""Seconds after which it is said how old an answer is."""

_MARK: Final = "> "
_GUTTER: Final = "  "
_HELP: Final = """\
 up down  j k      move
 PgUp PgDn  g G    a page; to the first, to the last
 Enter             all about a worker, a cluster (why each node is in or out) or a service
 Esc               back; with nothing open: no filter any more
 /                 show only what has all these words: haproxy, waiting, stale, bad, discovery
 s                 sort by the next of: unwell, name, cpu, memory, restarts,
                   latency, nodes, changed
 ?                 this help
 q  Ctrl-C         quit
"""


class Screen(msgspec.Struct, frozen=True):
    """``items`` are those that are listed, in their order; ``view`` may be corrected."""

    lines: list[str]
    items: list[Key]
    view: ViewState


def screen(told: Told, view: ViewState, now: float, size: tuple[int, int]) -> Screen:
    """As many lines as the terminal has; ``now`` is wall-clock seconds."""
    width, height = size
    found = _found(told.document, view, now)
    items = [item.key for section in found for item in section.items]
    head = [*_head(told, now, width)]
    room = max(1, height - 1)
    if view.mode == "help":
        body = [*_HELP.splitlines()]
    elif view.mode == "detail":
        body = [*_detail(told, found, view, now, width)]
        view = msgspec.structs.replace(view, top=max(0, min(view.top, len(body) - room)))
        return Screen([*_filled(body[view.top :], room), _foot(view, items, width)], items, view)
    else:
        head = head[: max(room // 3, int(room > 3))]
        body = [*_listed(found, view, width, room - len(head))]
    return Screen([*_filled([*head, *body], room), _foot(view, items, width)], items, view)


def _found(document: StatusDocument | None, view: ViewState, now: float) -> list[Section]:
    return [] if document is None else sections(document, view.sort, view.text, now)


def _head(told: Told, now: float, width: int) -> Iterator[str]:
    if told.failure:
        age = f" (what follows is {span(now - told.at)} old)" if told.document is not None else ""
        yield from wrapped(Cell(f"lighthouse: {plain(told.failure)}{age}", "bad"), width, "")
    elif told.document is None:
        yield "lighthouse: asking the daemon ..."
    elif now - told.at > OLD:
        yield paint(Cell(f"no newer answer since {span(now - told.at)}", "soso"))
    if told.document is not None:
        yield from top(told.document, now, width)


def _listed(found: Iterable[Section], view: ViewState, width: int, height: int) -> Iterator[str]:
    """The lines around what is selected."""
    told: list[str] = []
    begin = end = 0
    for section in found:
        rows = tuple(_brief(item, view.selected) for item in section.items)
        head, blocks = render(Table(section.table.columns, rows), width - len(_GUTTER))
        told += [_GUTTER + line if line else "" for line in head]
        for item, block in zip(section.items, blocks, strict=True):
            chosen = item.key == view.selected
            if chosen:
                begin = len(told)
            told += [
                (paint(Cell(_MARK, "title")) if chosen and not index else _GUTTER) + line
                for index, line in enumerate(block.lines)
            ]
            if chosen:
                end = len(told)
    if not told and view.text:
        told = [f"nothing has {plain(view.text)!r}"]
    yield from told[_start(begin, end, len(told), height) :][: max(0, height)]


def _start(begin: int, end: int, count: int, height: int) -> int:
    """The first line to show, so that those from ``begin`` to ``end`` are near the middle."""
    if count <= height:
        return 0
    middle = (begin + min(end, begin + height)) // 2
    return max(0, min(middle - height // 2, count - height, begin))


def _brief(item: Item, selected: Key | None) -> Row:
    """Without the remarks on what is well, but for what is selected."""
    row = item.row
    below = () if row.well and item.key != selected else row.below
    return Row(row.cells, below, row.well)


def _detail(
    told: Told, found: Iterable[Section], view: ViewState, now: float, width: int
) -> Iterator[str]:
    """All about what is selected."""
    assert view.selected is not None
    kind, name = view.selected
    for section in found:
        for item in section.items:
            if item.key != view.selected:
                continue
            if isinstance(item.subject, WorkerStatus) and told.document is not None:
                about = [words(c) for c in told.document.causes if concerns(c, item.subject)]
                yield from detail(item.subject, about, now, width)
                return
            yield from lines(Table(section.table.columns, (item.row,)), width)
            explained = told.explained
            if kind == "cluster" and explained is not None and explained.cluster == name:
                yield ""
                for line in explanation.lines(explained, now):
                    yield from wrapped(Cell(line.strip()), width, _indent(line))
            return
    yield f"{kind} {plain(name)}: there is none now"


def _indent(line: str) -> str:
    return " " * (len(line) - len(line.lstrip()))


def _filled(found: list[str], height: int) -> list[str]:
    return [*found[:height], *[""] * max(0, height - len(found))]


def _foot(view: ViewState, items: list[Key], width: int) -> str:
    if view.mode == "filter":
        return f"/{plain(view.text)}_"[-width:]
    if view.mode != "list":
        told = f"{view.selected[0]} {plain(view.selected[1])}" if view.selected else ""
        return paint(Cell(f"Esc back  q quit  {told if view.mode == 'detail' else ''}", "dim"))
    at = items.index(view.selected) + 1 if view.selected in items else 0
    parts = [f"{at}/{len(items)}", "? help", "q quit", "Enter details", f"s sort: {view.sort}"]
    parts.append(f"/ filter: {plain(view.text)}" if view.text else "/ filter")
    return paint(Cell("  ".join(parts)[:width], "dim"))
