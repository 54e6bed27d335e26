"""`meguru model`: base models."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import model as base_models
from cli.base_models import BaseModels
from cli.commands.shared import (
    AsJson,
    EndpointUrl,
    EnvironmentName,
    console,
    failing_in_one_line,
    reach,
)
from cli.prompts import find_model

app = typer.Typer(no_args_is_help=True, help="Base models: what trainings begin from.")


@app.command("add")
def add_model(
    source: Annotated[
        str,
        typer.Argument(help="A folder, a .gguf file, s3://bucket/prefix/, or owner/model@commit."),
    ],
    name: Annotated[str, typer.Option(help="What it is called in the lake.")],
    revision: Annotated[str, typer.Option(help="The commit of a hub's model.")] = "",
    licence: Annotated[
        str, typer.Option("--licence", "--license", help="Its SPDX id, where its files don't say.")
    ] = "",
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """Put a model into the lake, by a job: checked, hashed, in safetensors."""
    with failing_in_one_line():
        models = reach_models(environment_name, endpoint_url)
        base_models.add(models, console, source, name, revision, licence)


@app.command("register")
def register_model(
    name: Annotated[str, typer.Argument(help="A base model: NAME, or NAME@REVISION.")],
    model: Annotated[
        str, typer.Option(help="Whose version it becomes: a model's name; the first.")
    ] = "",
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """Register a base model as it is: a version like any other, which waits for approval."""
    with failing_in_one_line():
        models = reach_models(environment_name, endpoint_url, model)
        base_models.register(models, console, name)


@app.command("list")
def list_models(
    environment_name: EnvironmentName = "poc", endpoint_url: EndpointUrl = None
) -> None:
    """List the base models in the lake."""
    with failing_in_one_line():
        base_models.show_all(reach_models(environment_name, endpoint_url), console)


@app.command("show")
def show_model(
    name: Annotated[str, typer.Argument(help="A base model: NAME, or NAME@REVISION.")],
    as_json: AsJson = False,
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """Show what the lake knows of a base model."""
    with failing_in_one_line():
        models = reach_models(environment_name, endpoint_url)
        base_models.show_one(models, console, name, as_json)


@app.command("plan")
def plan_model(
    recipe: Annotated[str, typer.Argument(help="A recipe's name, such as lora-1.5b.")],
    base: Annotated[
        str,
        typer.Option(
            help="A base model of the lake, NAME or NAME@REVISION; without, one of its size."
        ),
    ] = "",
    instance_type: Annotated[str, typer.Option(help="Another than the recipe's.")] = "",
    instance_count: Annotated[
        int | None, typer.Option(min=1, help="Other than the recipe's.")
    ] = None,
    tokens: Annotated[int, typer.Option(min=1, help="How many tokens the data has.")] = 1_000_000,
    as_json: AsJson = False,
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """Say whether a training fits its instances, how long it takes and what it costs.

    Ends with 1 where it doesn't fit.
    """
    with failing_in_one_line():
        model = reach_models(environment_name, endpoint_url).named(base) if base else None
        fits = base_models.show_plan(
            console, recipe, model, instance_type, instance_count, tokens, as_json
        )
    if not fits:
        raise typer.Exit(1)


def reach_models(environment_name: str, endpoint_url: str | None, model: str = "") -> BaseModels:
    account = reach(environment_name, endpoint_url)
    return BaseModels(account.of_model(find_model(account, model)) if model else account)
