"""What the demonstration prints: one line per event with its time, and a table at the end."""

import time
from collections.abc import Sequence
from typing import Final

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lighthouse.text import plain


class StepResult(msgspec.Struct, frozen=True):
    """One step as it went: what was observed, or what should have been and was not."""

    title: str
    observed: str
    seconds: float
    right: bool


class Output:
    """Prints as it goes; time counts from its making."""

    def __init__(self, console: Console) -> None:
        self._console: Final = console
        self._began: Final = time.monotonic()

    def elapsed(self) -> float:
        return time.monotonic() - self._began

    def since(self, moment: float) -> float:
        """When ``moment`` (``time.monotonic()``) was."""
        return moment - self._began

    def step(self, text: str) -> None:
        """Something is done to the services."""
        self._line(text, "bold")

    def observed(self, text: str) -> None:
        """Something was observed."""
        self._line(f"  {text}", "green")

    def failed(self, text: str) -> None:
        """Something was not as it must be."""
        self._line(f"  FAILED: {text}", "bold red")

    def note(self, text: str) -> None:
        """An aside."""
        self._line(f"  {text}", "")

    def table(self, results: Sequence[StepResult], facts: Sequence[tuple[str, str, bool]]) -> None:
        """Each step, and then each figure with whether it is as it must be."""
        steps = Table(box=box.SIMPLE_HEAD, show_edge=False)
        steps.add_column("")
        steps.add_column("Step")
        steps.add_column("Observed", overflow="fold")
        steps.add_column("Took", justify="right")
        for result in results:
            took = f"{result.seconds:.1f} s"
            steps.add_row(_mark(result.right), result.title, plain(result.observed), took)
        figures = Table(box=None, show_header=False)
        figures.add_column("")
        figures.add_column("Figure")
        figures.add_column("Value", overflow="fold")
        for name, value, right in facts:
            figures.add_row(_mark(right), name, plain(value))
        self._console.print()
        self._console.print(steps)
        self._console.print()
        self._console.print(figures)

    def _line(self, text: str, style: str) -> None:
        stamp = Text(f"{self.elapsed():6.1f} s  ", "dim")
        self._console.print(stamp.append(plain(text), style), soft_wrap=True)


def _mark(right: bool) -> Text:
    return Text("ok", "green") if right else Text("FAILED", "bold red")
