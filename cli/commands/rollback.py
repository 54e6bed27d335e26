"""`meguru rollback`: the version that served before, in one command."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.markup import escape

from cli.commands.shared import (
    EndpointUrl,
    EnvironmentName,
    console,
    failing_in_one_line,
    leaving_it_alone,
    reach,
    whoever_asks,
)
from cli.rollback import Rollback, number


def rollback(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    because: Annotated[str, typer.Option(help="Why: it is kept with the decision.")],
    to: Annotated[
        str,
        typer.Option(help="A version that has served, by its number or ARN; the one before."),
    ] = "",
    by: Annotated[str, typer.Option(help="Who decides; you.")] = "",
    no_wait: Annotated[bool, typer.Option("--no-wait", help="End once it is decided.")] = False,
    minutes: Annotated[int, typer.Option(min=1, help="How long to wait at most.")] = 60,
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """Bring back the version that served before, and stop a release that is under way.

    It is an approval of that version by you. Ctrl-C ends the waiting, and nothing else.
    """
    with failing_in_one_line(), leaving_it_alone():
        back = Rollback(reach(environment_name, endpoint_url), model)
        way = back.find_way(to)
        after = back.go(way, by or whoever_asks(), because)
        console.print(escape(way.said()), soft_wrap=True, highlight=False)
        if no_wait:
            return
        back.wait(way, after, 60 * minutes, time.sleep)
        console.print(f"Version {number(way.target)} serves.", highlight=False)
