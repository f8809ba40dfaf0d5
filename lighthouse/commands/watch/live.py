"""The loop of the live view: wait for a key or an answer, draw."""

import os
import selectors
import signal
import time
from typing import Final

import click

from lighthouse.commands.watch.feed import Feed
from lighthouse.commands.watch.keys import Keyboard
from lighthouse.commands.watch.screen import Screen, screen
from lighthouse.commands.watch.terminal import HungUp, Terminal, TerminalGone
from lighthouse.commands.watch.view import ViewState, press, settled
from lighthouse.daemon.client import DaemonClient

_TICK: Final = 1.0
_ESCAPE: Final = 0.05
"""Seconds after which an Esc is that key, and not the beginning of another."""


class LiveView:
    """A person's view of one daemon, until that person has seen enough."""

    def __init__(self, daemon: DaemonClient, view: ViewState) -> None:
        self._feed: Final = Feed(daemon)
        self._view = view
        self._terminal: Final = Terminal()
        self._keyboard: Final = Keyboard()
        self._color: Final = not os.environ.get("NO_COLOR")

    def run(self) -> None:
        """Return when it was quit, or the terminal is gone; a signal ends the process by itself.

        The terminal is as it was before, whatever happens.
        """
        try:
            with self._terminal.taken():
                self._feed.start()
                self._loop()
        except (KeyboardInterrupt, HungUp):
            return
        except TerminalGone as ended:
            signal.signal(ended.number, signal.SIG_DFL)
            os.kill(os.getpid(), ended.number)

    def _loop(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._feed, selectors.EVENT_READ)
            if self._terminal.keyboard is not None:
                selector.register(self._terminal.keyboard, selectors.EVENT_READ)
            while not self._view.over:
                shown = self._draw()
                wait = _ESCAPE if self._keyboard.pending else _TICK
                ready = {key.fileobj for key, _ in selector.select(wait)}
                if self._feed in ready:
                    self._feed.drain()
                if self._terminal.keyboard in ready:
                    self._press(self._keyboard.feed(self._terminal.read()), shown)
                elif self._keyboard.pending:
                    self._press(self._keyboard.settle(), shown)

    def _press(self, keys: list[str], shown: Screen) -> None:
        for key in keys:
            if key == "redraw":
                self._terminal.forget()
            page = max(1, self._terminal.size()[1] - 4)
            self._view = press(self._view, key, shown.items, page)

    def _draw(self) -> Screen:
        size, now = self._terminal.size(), time.time()
        shown = screen(self._feed.told, self._view, now, size)
        corrected = settled(shown.view, shown.items)
        if corrected != shown.view:
            shown = screen(self._feed.told, corrected, now, size)
        self._view = shown.view
        lines = shown.lines if self._color else [click.unstyle(line) for line in shown.lines]
        self._terminal.draw(lines)
        self._ask()
        return shown

    def _ask(self) -> None:
        """Have that cluster explained which is open."""
        selected = self._view.selected if self._view.mode == "detail" else None
        open_now = selected is not None and selected[0] == "cluster"
        self._feed.ask_now(selected[1] if selected is not None and open_now else "")
