"""`meguru run`: training runs at a terminal, or in plain lines where nobody looks at one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NotConnected
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from cli.account import Account
from cli.run_progress import Note, RunProgress, words
from cli.runs import End, end_of, newest_runs

POLL_SECONDS = 2.0
# Where lines are kept and not drawn anew.
SECONDS_BETWEEN_LINES = 10.0
MOST_FAILED_LOOKS = 5
FIGURES = {
    "loss": "loss {:.4g}",
    "learning_rate": "rate {:.3g}",
    "gradient_norm": "gradient {:.3g}",
    "tokens_per_second": "{:,.0f} tokens/s",
}
UTILISATION = {
    "cpu_percent": "CPU {:.0f} %",
    "memory_percent": "memory {:.0f} %",
    "gpu_percent": "GPU {:.0f} %",
    "gpu_memory_percent": "GPU memory {:.0f} %",
}


def watch(progress: RunProgress, console: Console, pause: Callable[[float], None]) -> End:
    """Show a run until its end. botocore's errors where it can't be asked for a while."""
    run = progress.run
    show(console, f"Run {run.name} of {run.model}, since {run.started_at.astimezone():%F %T}")
    with shown(console) as update:
        for notes in looks(progress, pause):
            for note in notes:
                show(console, f"{note.at.astimezone():%T}  {note.said}")
            update(progress)
    assert progress.end is not None
    show(console, progress.end.said[0].upper() + progress.end.said[1:])
    return progress.end


def looks(progress: RunProgress, pause: Callable[[float], None]) -> Iterator[list[Note]]:
    """What is new at each look, until the run's end."""
    num_failed = 0
    while progress.end is None:
        try:
            notes, num_failed = progress.look(), 0
        except (NotConnected, HTTPClientError, ClientError) as error:
            num_failed += 1
            if num_failed == MOST_FAILED_LOOKS or not may_pass(error):
                raise
            notes = []
        yield notes
        if progress.end is None:
            pause(POLL_SECONDS)


@contextmanager
def shown(console: Console) -> Iterator[Callable[[RunProgress], None]]:
    """What shows how far a run is: drawn anew each time, or a line now and then."""
    if console.is_terminal:
        with Live(console=console, transient=True, auto_refresh=False) as live:
            yield lambda progress: live.update(drawing(progress), refresh=True)
    else:
        yield Lines(console)


class Lines:
    """A line of the figures where they are new, but not too many of them."""

    def __init__(self, console: Console) -> None:
        self._console, self._not_before, self._last = console, 0.0, {"": 0.0}

    def __call__(self, progress: RunProgress) -> None:
        if progress.figures in ({}, self._last) or time.monotonic() < self._not_before:
            return
        show(self._console, " · ".join(lines_of(progress)))
        self._last = progress.figures
        self._not_before = time.monotonic() + SECONDS_BETWEEN_LINES


def may_pass(error: Exception) -> bool:
    """Whether to ask again: a connection that broke, or too many questions."""
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    return not isinstance(error, ClientError) or "Throttl" in code or "TooManyRequests" in code


def show(console: Console, line: str) -> None:
    console.print(escape(line), highlight=False, soft_wrap=True)


def lines_of(progress: RunProgress) -> list[str]:
    """How far it is, what was measured, how busy the machine is; short enough for 80 columns."""
    figures = progress.figures
    if not figures:
        return [" · ".join(filter(None, (words(progress.state), progress.phase)))]
    far = f"step {figures['step']:.0f} of {figures['num_steps']:.0f} · {left(progress)}"
    saved = [f"saved step {progress.saved_step}"] if progress.saved_step else []
    measured = [form.format(figures[name]) for name, form in FIGURES.items() if name in figures]
    busy = [form.format(figures[name]) for name, form in UTILISATION.items() if name in figures]
    return [far, " · ".join(measured), " · ".join(busy + saved)]


def left(progress: RunProgress) -> str:
    seconds = timedelta(seconds=round(progress.figures.get("seconds_left", 0)))
    return f"{seconds} left"


def drawing(progress: RunProgress) -> Group:
    """What stands under the notes and is drawn anew: a bar where there are steps to count."""
    first, *others = lines_of(progress)
    lines = [Text(f"  {line}", overflow="ellipsis", no_wrap=True) for line in others]
    figures = progress.figures
    if not figures:
        return Group(Text(f"  {first} …", style="dim"))
    bar = Progress(
        TextColumn("  {task.completed:.0f}/{task.total:.0f}"),
        BarColumn(bar_width=None),
        TextColumn("{task.percentage:.0f} %  {task.fields[left]}"),
        expand=True,
    )
    bar.add_task(
        "", total=figures["num_steps"], completed=int(figures["step"]), left=left(progress)
    )
    return Group(bar, *lines)


def show_runs(account: Account, console: Console, most: int) -> None:
    """A row for each of the newest runs: tabs between columns where nobody looks at them."""
    runs = newest_runs(account, most)
    table = Table(box=None, expand=True)
    for name, width in {"run": 12, "model": 14, "started": 11, "took": 8}.items():
        table.add_column(name, width=width, no_wrap=True)
    table.add_column("came to", ratio=1, no_wrap=True)
    for run in runs:
        end, started_at = end_of(account, run), run.started_at.astimezone()
        came_to = end.said if end else "goes on"
        took = str(run.ended_at - run.started_at).partition(".")[0] if run.ended_at else ""
        table.add_row(run.name, run.model, f"{started_at:%m-%d %H:%M}", took, Text(came_to))
        if not console.is_terminal:
            row = (run.name, run.model, f"{started_at:%FT%T%z}", took, came_to)
            print(*row, sep="\t", file=console.file)
    if not runs:
        show(console, f"No training run of '{account.environment_name}' in {account.place}.")
    elif console.is_terminal:
        console.print(table)
