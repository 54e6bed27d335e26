"""`meguru consumer`: who may call the API, and their keys."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.commands.shared import (
    AsJson,
    EndpointUrl,
    EnvironmentName,
    console,
    failing_in_one_line,
    reach,
)
from cli.consumers import Consumers, Listed
from meguru.consumer import FULL, LIMITS, LOG_POLICIES, Consumer

app = typer.Typer(no_args_is_help=True, help="Consumers of the API, and their keys.")
ConsumerName = Annotated[str, typer.Argument(help="The consumer's name.")]
Limit = Annotated[int | None, typer.Option(min=1, show_default="none")]
# A key goes to the output alone, where a program finds it.
aside = Console(stderr=True)


@app.command("add")
def add_consumer(
    name: ConsumerName,
    model: Annotated[
        list[str] | None, typer.Option(help="A model it may use; given again, another.")
    ] = None,
    requests_per_minute: Limit = None,
    tokens_per_minute: Limit = None,
    tokens_per_day: Limit = None,
    tokens_per_month: Limit = None,
    log: Annotated[
        str, typer.Option(help=f"What is kept of its requests: {', '.join(LOG_POLICIES)}.")
    ] = FULL,
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """Show the first key of a consumer: of one that the environment file declares, or a new one.

    It is shown this once, and kept nowhere. A declared consumer takes no settings here.
    """
    with failing_in_one_line():
        if log not in LOG_POLICIES:
            raise ValueError(f"--log {log}: one of {', '.join(LOG_POLICIES)}")
        settings = Consumer(
            name=name,
            models=frozenset(model) if model else None,
            requests_per_minute=requests_per_minute,
            tokens_per_minute=tokens_per_minute,
            tokens_per_day=tokens_per_day,
            tokens_per_month=tokens_per_month,
            log=log,
        )
        show_key(Consumers(reach(environment_name, endpoint_url)).add(name, settings))


@app.command("list")
def list_consumers(
    as_json: AsJson = False,
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """List the consumers, what each may use, and how many keys it has."""
    with failing_in_one_line():
        found = Consumers(reach(environment_name, endpoint_url)).all()
        if as_json:
            console.print_json(json.dumps([described(one) for one in found]))
            return
        table = Table("consumer", "keys", "models", "limits", "log", "", box=None)
        for one in found:
            limits = ", ".join(
                f"{name.replace('_', ' ')} {value}"
                for name in LIMITS
                if (value := getattr(one.consumer, name)) is not None
            )
            allowed = one.consumer.models
            models = "all" if allowed is None else ", ".join(sorted(allowed))
            state = one.state or ("declared" if one.consumer.is_declared else "")
            row = (one.consumer.name, str(one.num_keys), models, limits or "-")
            table.add_row(*row, one.consumer.log, state)
        console.print(table)


@app.command("rotate")
def rotate_key(
    name: ConsumerName,
    finish: Annotated[
        bool, typer.Option("--finish", help="End the earlier of two keys; make none.")
    ] = False,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="End the earlier keys now: one has leaked.")
    ] = False,
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """Show a new key of a consumer. The earlier one goes on working until `--finish`."""
    with failing_in_one_line():
        if finish and at_once:
            raise ValueError("--finish makes no key, and --at-once makes one: leave one out")
        consumers = Consumers(reach(environment_name, endpoint_url))
        if finish:
            consumers.finish_rotation(name)
            aside.print(f"The earlier key of {name} is ended.", highlight=False)
            return
        show_key(consumers.rotate(name, at_once=at_once))


@app.command("revoke")
def revoke_consumer(
    name: ConsumerName,
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """End all keys of a consumer, for good. What it has asked and said stays."""
    with failing_in_one_line():
        Consumers(reach(environment_name, endpoint_url)).revoke(name)
        aside.print(f"{name} is revoked: its keys are refused.", highlight=False)


def show_key(key: str) -> None:
    aside.print("This is shown once, and kept nowhere:", highlight=False)
    print(key)


def described(listed: Listed) -> dict[str, object]:
    """For a program: what `meguru consumer list` says."""
    return {
        "consumer": listed.consumer.name,
        **listed.consumer.settings(),
        "declared": listed.consumer.is_declared,
        "keys": listed.num_keys,
        "created_at": listed.created_at,
        "state": listed.state or "active",
    }
