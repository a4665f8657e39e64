"""What is shown while it runs: steps and bars, on stderr.

Anywhere but on a terminal, and with NO_COLOR, these are plain lines.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

PLAIN_WIDTH = 100


def make_console(*, stderr: bool) -> Console:
    """A console that writes control characters only where they are welcome."""
    console = Console(stderr=stderr, highlight=False)
    if console.is_terminal and not os.environ.get("NO_COLOR") and not console.is_dumb_terminal:
        return console
    width = None if console.is_terminal else PLAIN_WIDTH
    return Console(
        stderr=stderr, highlight=False, force_terminal=False, color_system=None, width=width
    )


@dataclass(slots=True)
class Step:
    """One step; `outcome` is what is said of it when it is done."""

    outcome: str = ""


class Screen:
    """Shows one step after the other."""

    def __init__(self) -> None:
        self._console = make_console(stderr=True)
        self._tick = "*" if self._console.options.ascii_only else "✓"

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show that something is going on, and then that it is done."""
        step, started = Step(title), time.monotonic()
        live = self._console.is_terminal
        with self._console.status(f"{title} …") if live else nullcontext():
            yield step
        self._finish(step, started)

    @contextmanager
    def bars(self, totals: Mapping[str, int]) -> Iterator[tuple[Step, Bars]]:
        """A step with a bar for each queue; on a terminal only, and gone when it is done."""
        step, started = Step(), time.monotonic()
        columns = (
            TextColumn("  {task.description}"),
            BarColumn(bar_width=None, finished_style="green"),
            TextColumn("{task.completed:>6,.0f} of {task.total:>5,.0f}"),
            _RateColumn(),
        )
        live = self._console.is_terminal
        progress = Progress(
            *columns, console=self._console, transient=True, expand=True, disable=not live
        )
        with progress:
            yield step, Bars(progress, totals)
        self._finish(step, started)

    def note(self, text: str) -> None:
        """Print a line of its own."""
        self._console.print(text, markup=False, soft_wrap=True)

    def _finish(self, step: Step, started: float) -> None:
        seconds = f"{time.monotonic() - started:.1f} s"
        line = Text.assemble((self._tick, "green"), f" {step.outcome} ", (seconds, "dim"))
        self._console.print(line)


class Bars:
    """One bar for each queue."""

    def __init__(self, progress: Progress, totals: Mapping[str, int]) -> None:
        self._progress = progress
        self._tasks = {name: progress.add_task(name, total=n) for name, n in totals.items()}

    def update(self, name: str, completed: int) -> None:
        """Set how far a bar has come."""
        self._progress.update(self._tasks[name], completed=completed)


class _RateColumn(ProgressColumn):
    """Messages a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        text = f"{speed:,.0f} msg/s" if speed else ""
        return Text(f"{text:>12}", style="cyan")
