"""What a person looks at, and what each key makes of it; pure."""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from lighthouse.commands.watch.items import SORTS, Key

Mode = Literal["list", "detail", "help", "filter"]

_MOVES: Final = {"j": "down", "k": "up", "g": "home", "G": "end", " ": "page_down"}


class ViewState(msgspec.Struct, frozen=True):
    """``selected`` is an item, ``top`` the first line shown of a detail; ``over``: that is all.

    ``sort`` is one of ``SORTS``. A filter that is typed (``mode``) counts at once.
    """

    mode: Mode = "list"
    selected: Key | None = None
    top: int = 0
    sort: str = SORTS[0]
    text: str = ""
    over: bool = False


def press(view: ViewState, key: str, items: Sequence[Key], page: int) -> ViewState:
    """The view after a key; ``items`` are those that are listed, ``page`` is in lines."""
    if view.mode == "filter":
        return _type(view, key)
    match key:
        case "q":
            return _with(view, over=True)
        case "?":
            return _with(view, mode="list" if view.mode == "help" else "help", top=0)
        case "s":
            return _with(view, sort=SORTS[(SORTS.index(view.sort) + 1) % len(SORTS)])
        case "/":
            return _with(view, mode="filter", top=0)
        case "escape" | "backspace" | "h" if view.mode != "list":
            return _with(view, mode="list", top=0)
        case "escape":
            return _with(view, text="")
        case "enter" | "l" if view.mode == "list" and view.selected in items:
            return _with(view, mode="detail", top=0)
    move = _MOVES.get(key, key)
    if view.mode == "list":
        return _with(view, selected=_moved(view.selected, move, items, page))
    return _with(view, top=_scrolled(view.top, move, page))


def settled(view: ViewState, items: Sequence[Key]) -> ViewState:
    """What is selected may be gone: then the first is, unless it is open."""
    if view.selected in items or (view.mode == "detail" and view.selected is not None):
        return view
    return _with(view, selected=items[0] if items else None)


def _type(view: ViewState, key: str) -> ViewState:
    if key == "enter":
        return _with(view, mode="list")
    if key == "escape":
        return _with(view, mode="list", text="")
    if key == "backspace":
        return _with(view, text=view.text[:-1])
    return _with(view, text=view.text + key) if len(key) == 1 else view


def _moved(selected: Key | None, move: str, items: Sequence[Key], page: int) -> Key | None:
    if not items:
        return selected
    at = items.index(selected) if selected in items else 0
    steps = {"up": -1, "down": 1, "page_up": -page, "page_down": page}
    target = {"home": 0, "end": len(items) - 1}.get(move, at + steps.get(move, 0))
    return items[max(0, min(len(items) - 1, target))]


def _scrolled(top: int, move: str, page: int) -> int:
    steps = {"up": -1, "down": 1, "page_up": -page, "page_down": page}
    target = {"home": 0, "end": 1 << 30}.get(move, top + steps.get(move, 0))
    return max(0, target)


def _with(view: ViewState, **changes: object) -> ViewState:
    return msgspec.structs.replace(view, **changes)
