"""`meguru prompt`: what a model reads before questions, as versions."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from cli import prompt as model_prompts
from cli.commands.shared import (
    AsJson,
    EndpointUrl,
    EnvironmentName,
    console,
    failing_in_one_line,
    leaving_it_alone,
    reach,
)
from cli.prompts import Prompts

app = typer.Typer(no_args_is_help=True, help="Prompts: what a model reads before questions.")
PromptedModel = Annotated[str, typer.Argument(help="The model's name.")]
PromptVersion = Annotated[
    str, typer.Argument(help="A prompt's version, or its beginning; 'none' for the model alone.")
]


@app.command("add")
def add_prompt(
    model: PromptedModel,
    file: Annotated[Path, typer.Argument(help="A YAML file: system, examples, question_template.")],
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """Put a prompt into the lake, as a version of what it says. It serves nowhere yet."""
    with failing_in_one_line():
        prompts = reach_prompts(environment_name, endpoint_url, model)
        model_prompts.add(prompts, console, model, file)


@app.command("list")
def list_prompts(
    model: PromptedModel,
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """List a model's prompts, and which of its versions have them."""
    with failing_in_one_line():
        prompts = reach_prompts(environment_name, endpoint_url, model)
        model_prompts.show_all(prompts, console, model)


@app.command("show")
def show_prompt(
    model: PromptedModel,
    version: PromptVersion,
    as_json: AsJson = False,
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """Show what a prompt says."""
    with failing_in_one_line():
        prompts = reach_prompts(environment_name, endpoint_url, model)
        model_prompts.show_one(prompts, console, version, as_json)


@app.command("diff")
def diff_prompts(
    model: PromptedModel,
    old: PromptVersion,
    new: PromptVersion,
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """Show what is different between two prompts."""
    with failing_in_one_line():
        prompts = reach_prompts(environment_name, endpoint_url, model)
        model_prompts.show_difference(prompts, console, old, new)


@app.command("release")
def release_prompt(
    model: PromptedModel,
    version: PromptVersion,
    package: Annotated[
        str, typer.Option(help="The model version (its number or ARN) in place of the serving one.")
    ] = "",
    reason: Annotated[str, typer.Option(help="Why, for the approver.")] = "",
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """Evaluate a prompt with the weights that serve, and register both for approval.

    Ends with 1 where the gate refuses it. Ctrl-C leaves the evaluation alone.
    """
    with failing_in_one_line(), leaving_it_alone():
        prompts = reach_prompts(environment_name, endpoint_url, model)
        is_registered = model_prompts.release(
            prompts, console, version, package, reason, time.sleep
        )
    if not is_registered:
        raise typer.Exit(1)


def reach_prompts(environment_name: str, endpoint_url: str | None, model: str) -> Prompts:
    return Prompts(reach(environment_name, endpoint_url), model)
