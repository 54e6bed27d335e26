"""`meguru run`: training runs."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from cli import run_view
from cli.commands.shared import (
    EndpointUrl,
    EnvironmentName,
    console,
    failing_in_one_line,
    leaving_it_alone,
    reach,
)
from cli.run_progress import RunProgress
from cli.run_start import start_runs
from cli.run_wait import wait_for_run
from cli.runs import find_run

app = typer.Typer(no_args_is_help=True, help="Training runs: what goes on, what came of it.")


@app.command("start")
def start_run(
    models: Annotated[
        list[str] | None, typer.Argument(help="Models by their names in the API; without, all.")
    ] = None,
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """Train every model on the newest dataset version, each in a run of its own.

    Ends with 1 where one couldn't be started; the others are.
    """
    with failing_in_one_line():
        are_started = start_runs(reach(environment_name, endpoint_url), models or [], console)
    if not are_started:
        raise typer.Exit(1)


@app.command("watch")
def watch_run(
    run: Annotated[
        str, typer.Argument(help="A run's name, or how it begins; without, the newest.")
    ] = "",
    wait: Annotated[
        int, typer.Option(min=0, help="Minutes to wait at most where there is no run yet.")
    ] = 30,
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """Follow a training run to its end: figures, time left, interruptions.

    Where there is none yet, it waits for one. Ends with 0 where a model was registered, with 1
    where none was. Ctrl-C leaves the run alone.
    """
    with failing_in_one_line(), leaving_it_alone():
        account = reach(environment_name, endpoint_url)

        def tell(line: str) -> None:
            run_view.show(console, line)

        found = find_run(account, run) if run else wait_for_run(account, wait, tell, time.sleep)
        end = run_view.watch(RunProgress(account, found), console, time.sleep)
    if not end.is_registered:
        raise typer.Exit(1)


@app.command("list")
def list_runs(
    most: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 10,
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """List the newest training runs of all models, and what came of them."""
    with failing_in_one_line():
        run_view.show_runs(reach(environment_name, endpoint_url), console, most)
