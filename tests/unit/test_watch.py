"""The live view, as pure functions: keys, what they do, and what is shown."""

import json
from collections.abc import Sequence
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighthouse.commands.watch.feed import Told
from lighthouse.commands.watch.items import SORTS
from lighthouse.commands.watch.keys import Keyboard
from lighthouse.commands.watch.screen import screen
from lighthouse.commands.watch.view import ViewState, press, settled
from lighthouse.daemon import status_document

NOW = 1_700_000_000.0
A, B, C = ("worker", "balancer/a"), ("cluster", "b"), ("service", "c:80")


@pytest.mark.parametrize(
    ("pieces", "keys"),
    [
        (["jk"], ["j", "k"]),
        (["\x1b[A\x1b[B"], ["up", "down"]),
        (["\x1b", "[", "A"], ["up"]),
        (["\x1bOB\r\x7f"], ["down", "enter", "backspace"]),
        (["\x1b[5~\x1b[6~\x1b[H\x1b[F"], ["page_up", "page_down", "home", "end"]),
        (["\x1b[1;5Cq"], ["q"]),
        (["\x1b[?1;2c\x00\x01x"], ["x"]),
        (["\x1bj"], ["escape", "j"]),
        (["\x1b\x1b[A"], ["escape", "up"]),
        (["é"], ["é"]),
        (["\x1b[" + "1" * 40], ["[", *"1" * 40]),  # no key that anyone knows: text
    ],
)
def test_keys_have_names(pieces: Sequence[str], keys: Sequence[str]) -> None:
    keyboard = Keyboard()
    assert [key for piece in pieces for key in keyboard.feed(piece.encode())] == keys


def test_an_escape_that_nothing_follows_is_that_key() -> None:
    keyboard = Keyboard()
    assert keyboard.feed(b"\x1b") == []
    assert keyboard.pending
    assert keyboard.settle() == ["escape"]
    assert not keyboard.pending
    assert keyboard.settle() == []


@given(st.lists(st.binary(max_size=20), max_size=20))
def test_whatever_is_typed_is_some_keys(pieces: list[bytes]) -> None:
    keyboard = Keyboard()
    for piece in pieces:
        for key in keyboard.feed(piece):
            assert key.isprintable()


@pytest.mark.parametrize(
    ("keys", "selected"),
    [
        ("j", B),
        ("jj", C),
        ("jjj", C),
        ("Gk", B),
        ("Gg", A),
        ("k", A),
        (["page_down"], C),
        (["end", "up"], B),
    ],
)
def test_keys_move(keys: Sequence[str], selected: tuple[str, str]) -> None:
    view = settled(ViewState(), [A, B, C])
    for key in keys:
        view = press(view, key, [A, B, C], 10)
    assert view.selected == selected


def test_a_filter_counts_while_it_is_typed_and_is_taken_back() -> None:
    view = ViewState()
    for key in ("/", "q", "x", "backspace", "?"):
        view = press(view, key, [A], 10)
    assert (view.mode, view.text, view.over) == ("filter", "q?", False)
    assert press(view, "escape", [A], 10).text == ""
    view = press(view, "enter", [A], 10)
    assert (view.mode, view.text) == ("list", "q?")
    assert press(view, "escape", [A], 10).text == ""
    assert press(view, "q", [A], 10).over


def test_what_is_open_stays_open_though_it_is_gone() -> None:
    view = press(settled(ViewState(), [A, B]), "enter", [A, B], 10)
    assert view.mode == "detail"
    assert settled(view, [B]) == view
    view = press(press(view, "j", [B], 10), "escape", [B], 10)
    assert (view.mode, view.top) == ("list", 0)
    assert settled(view, [B]).selected == B
    assert settled(view, []).selected is None


def test_sorts_come_one_after_the_other() -> None:
    view = ViewState()
    seen = []
    for _ in SORTS:
        seen.append(view.sort)
        view = press(view, "s", [], 10)
    assert (tuple(seen), view.sort) == (SORTS, SORTS[0])


def _document(clusters: int = 3, **more: Any) -> status_document.StatusDocument:
    found = [
        {
            "name": f"c-{n:03}",
            "discovery": ["zk"],
            "known": n != clusters - 1,
            "changed_at": NOW - n,
        }
        for n in range(clusters)
    ]
    workers = [
        {"kind": "balancer", "name": "haproxy", "state": "running", "healthy": True, "pid": 7},
        {
            "kind": "discovery",
            "name": "zk",
            "state": "waiting",
            "reason": "refused",
            "restarts": 4,
        },
    ]
    content = {"workers": workers, "clusters": found, **more}
    return status_document.parse(json.dumps(content).encode())


def _shown(
    document: status_document.StatusDocument, view: ViewState, size: tuple[int, int] = (80, 24)
) -> list[str]:
    shown = screen(Told(document, NOW), view, NOW, size)
    again = screen(Told(document, NOW), settled(shown.view, shown.items), NOW, size)
    assert len(again.lines) == size[1]
    return [click.unstyle(line) for line in again.lines]


def test_what_is_not_well_comes_first_unless_it_is_to_be_sorted_otherwise() -> None:
    lines = _shown(_document(), ViewState())
    assert [line.split()[1] for line in lines if line.startswith("> ")] == ["discovery"]
    order = [line.split()[0] for line in lines if "c-0" in line]
    assert order == ["c-002", "c-000", "c-001"]
    by_name = _shown(_document(), ViewState(sort="name"))
    assert [line.split()[0] for line in by_name if "c-0" in line] == ["c-000", "c-001", "c-002"]
    newest = _shown(_document(), ViewState(sort="changed"))
    assert [line.split()[0] for line in newest if "c-0" in line] == ["c-000", "c-001", "c-002"]
    assert (
        next(
            line for line in _shown(_document(), ViewState(sort="restarts")) if line[:1] == ">"
        ).split()[1]
        == "discovery"
    )


def test_only_what_matches_all_words_is_listed() -> None:
    lines = _shown(_document(), ViewState(text="c-00 BAD"))
    assert [line.split()[1] for line in lines[:-1] if "c-0" in line] == ["c-002"]
    assert not any("haproxy" in line for line in lines)
    assert any(
        "nothing has 'nowhere'" in line for line in _shown(_document(), ViewState(text="nowhere"))
    )


@pytest.mark.parametrize("size", [(80, 24), (40, 8), (200, 60), (80, 2), (20, 5)])
def test_what_is_selected_is_on_the_screen(size: tuple[int, int]) -> None:
    document = _document(400, problems=[f"cluster c-{n}: stale" for n in range(50)])
    for name in ("c-000", "c-200", "c-399"):
        lines = _shown(document, ViewState(sort="name", selected=("cluster", name)), size)
        assert [line for line in lines if line.startswith("> ")] != []
        assert name in next(line for line in lines if line.startswith("> "))


def test_a_daemon_that_is_away_is_said_above_what_it_said_last() -> None:
    told = Told(_document(), NOW - 70, "not running")
    lines = [click.unstyle(line) for line in screen(told, ViewState(), NOW, (80, 24)).lines]
    assert lines[0] == "lighthouse: not running (what follows is 1 min 10 s old)"
    assert any("haproxy" in line for line in lines)
    assert "asking" in screen(Told(), ViewState(), NOW, (80, 24)).lines[0]
    frozen = screen(Told(_document(), NOW - 10), ViewState(), NOW, (80, 24)).lines[0]
    assert "no newer answer since 10 s" in frozen


def test_a_detail_scrolls_to_its_end_and_no_further() -> None:
    open_one = ViewState(mode="detail", selected=("worker", "discovery/zk"), top=1 << 30)
    shown = screen(Told(_document(), NOW), open_one, NOW, (80, 6))
    assert 0 < shown.view.top < 100
    assert "nothing" in click.unstyle(shown.lines[4])
    gone = ViewState(mode="detail", selected=("worker", "check/http"))
    assert "there is none now" in _shown(_document(), gone)[0]
