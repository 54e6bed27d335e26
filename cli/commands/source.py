"""`meguru source`: commits that deploy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import boto3
import typer

from cli.commands.shared import (
    EnvironmentFile,
    console,
    failing_in_one_line,
)
from cli.source import look, write_workflow
from cli.synthesis import REPOSITORY
from stacks.environment import read_environment

app = typer.Typer(no_args_is_help=True, help="Commits that deploy, and start trainings.")


@app.command("workflow")
def write_actions_workflow(
    environment: EnvironmentFile,
    folder: Annotated[Path, typer.Option(help="The checkout it is written to.")] = REPOSITORY,
) -> None:
    """Write the workflow of GitHub Actions that deploys an environment's branch."""
    with failing_in_one_line():
        console.print(f"{write_workflow(read_environment(environment), folder)}", soft_wrap=True)


@app.command("look")
def look_after_deployment(
    outputs: Annotated[Path, typer.Argument(help="What `cdk deploy --outputs-file` has written.")],
) -> None:
    """Ask each model that was deployed whether there is something new to train on."""
    with failing_in_one_line():
        for stack in look(boto3.client("lambda"), outputs):
            console.print(f"{stack}: has looked", soft_wrap=True)
