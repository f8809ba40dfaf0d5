"""Tables for a terminal: what is too wide for a row stands below it.

Pure functions from rows to lines. Every text is fit to be printed already.
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import click
import msgspec
from rich.cells import cell_len

Style = Literal["", "good", "bad", "soso", "dim", "title"]

_STYLES: Final[Mapping[Style, Mapping[str, Any]]] = {
    "": {},
    "good": {"fg": "green"},
    "bad": {"fg": "red", "bold": True},
    "soso": {"fg": "yellow"},
    "dim": {"dim": True},
    "title": {"bold": True},
}

_GAP: Final = "  "
_BELOW: Final = "    "

_WIDE: Final = 26
"""Columns of the screen beyond which a cell is moved below its row."""


class Cell(msgspec.Struct, frozen=True):
    text: str
    style: Style = ""


class Column(msgspec.Struct, frozen=True):
    """Of those that do not fit, the one with the highest ``rank`` is left out first; 0 stays."""

    title: str
    right: bool = False
    rank: int = 0


class Row(msgspec.Struct, frozen=True):
    """``below`` are lines of their own; ``well``: there is nothing to see here."""

    cells: tuple[Cell, ...]
    below: tuple[Cell, ...] = ()
    well: bool = True


class Table(msgspec.Struct, frozen=True):
    """The first column has the names, and its title is that of the table."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


class Block(msgspec.Struct, frozen=True):
    """One row's lines."""

    lines: tuple[str, ...]
    well: bool


def paint(cell: Cell) -> str:
    """The text with its colours."""
    return click.style(cell.text, **_STYLES[cell.style]) if cell.style else cell.text


def wrapped(cell: Cell, width: int | None, indent: str = _BELOW) -> list[str]:
    """A text as indented lines; without a ``width`` it is one."""
    if width is None or cell_len(cell.text) + len(indent) <= width:
        return [indent + paint(cell)]
    found = textwrap.wrap(
        cell.text,
        max(width - len(indent) - 2, 20),
        subsequent_indent=_GAP,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [indent + paint(Cell(line, cell.style)) for line in found]


def lines(table: Table, width: int | None) -> Iterator[str]:
    """The whole table, after an empty line."""
    head, blocks = render(table, width)
    yield from head
    for block in blocks:
        yield from block.lines


def render(table: Table, width: int | None) -> tuple[list[str], list[Block]]:
    """The head and each row, for a screen of so many columns (None: as many as it takes)."""
    sizes = [
        max([cell_len(column.title), *_sizes(table.rows, index)])
        for index, column in enumerate(table.columns)
    ]
    kept = _kept(table.columns, sizes, width)
    titles = tuple(Cell(column.title, "title") for column in table.columns)
    head = ["", _line(table.columns, sizes, kept, titles)]
    return head, [_block(table.columns, sizes, kept, row, width) for row in table.rows]


def _sizes(rows: Iterable[Row], index: int) -> Iterator[int]:
    """The widths that a column has to have; what is wider stands below."""
    for row in rows:
        size = cell_len(row.cells[index].text)
        if size <= _WIDE:
            yield size


def _kept(columns: Sequence[Column], sizes: Sequence[int], width: int | None) -> list[int]:
    """Which columns there is room for."""
    kept = list(range(len(columns)))
    while width is not None and sum(sizes[i] + len(_GAP) for i in kept) - len(_GAP) > width:
        least = max(kept, key=lambda i: columns[i].rank)
        if columns[least].rank == 0:
            break
        kept.remove(least)
    return kept


def _block(
    columns: Sequence[Column],
    sizes: Sequence[int],
    kept: Sequence[int],
    row: Row,
    width: int | None,
) -> Block:
    found = []
    cells = list(row.cells)
    below = []
    if cell_len(cells[0].text) > sizes[0]:
        found += [paint(cells[0])]
        cells[0] = Cell("")
    for index in kept:
        if cell_len(cells[index].text) > sizes[index]:
            told = f"{columns[index].title.lower()}: {cells[index].text}"
            below.append(Cell(told, cells[index].style))
            cells[index] = Cell("...")
    found.append(_line(columns, sizes, kept, cells))
    for cell in (*below, *row.below):
        found += wrapped(cell, width)
    return Block(tuple(found), row.well)


def _line(
    columns: Sequence[Column], sizes: Sequence[int], kept: Sequence[int], cells: Sequence[Cell]
) -> str:
    parts = []
    for index in kept:
        pad = " " * (sizes[index] - cell_len(cells[index].text))
        text = paint(cells[index])
        parts.append(pad + text if columns[index].right else text + pad)
    return _GAP.join(parts).rstrip()
