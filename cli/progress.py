"""Progress of a command, stage by stage, on a terminal or in a log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


class Progress:
    """Prints each stage with its time and keeps the times."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.stages: list[dict[str, str | float]] = []
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Announce a stage and time it; a failing one is kept too."""
        number = len(self.stages) + 1
        self.console.print(f"[bold]{number:2}. {name}[/bold]")
        started = time.monotonic()
        try:
            with self.console.status(name):
                yield
        finally:
            seconds = round(time.monotonic() - started, 2)
            self.stages.append({"name": name, "seconds": seconds})
            self.console.print(f"    [dim]{seconds:.1f} s[/dim]")

    def note(self, text: str) -> None:
        """One thing worth knowing, within a stage."""
        self.console.print(f"    {text}", highlight=False)

    def command(self, text: str) -> None:
        """A command to paste: as it is, in one line however long."""
        self.console.print(text + "\n", soft_wrap=True, highlight=False, markup=False)
