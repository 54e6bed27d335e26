"""What every command has: options, the environment it is about, and one line for what fails."""

from __future__ import annotations

import getpass
import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from cli.account import Account
from cli.complaint import EXPECTED, complaint
from cli.leftovers import check_name
from cli.synthesis import REPOSITORY
from cli.up import UP_FILE

console = Console()
EnvironmentFile = Annotated[
    Path, typer.Option("--environment", "-e", help="The environment file to synthesize.")
]
EnvironmentName = Annotated[
    str, typer.Option("--environment-name", help="The name in the environment file.")
]
EndpointUrl = Annotated[
    str | None,
    typer.Option(
        envvar="AWS_ENDPOINT_URL",
        help="A local cloud's address. Without it: the one of `meguru up`, else your account.",
    ),
]
Port = Annotated[int, typer.Option(help="The local cloud's port; 0 picks a free one.")]
AsJson = Annotated[bool, typer.Option("--json", help="For a program to read.")]
POC = REPOSITORY / "environments" / "poc.yaml"


def reach(environment_name: str, endpoint_url: str | None) -> Account:
    """The account that a command is about; ValueError for what is no name or no address."""
    check_name(environment_name)
    if endpoint_url and not re.fullmatch(r"https?://[^\s/]+/?", endpoint_url):
        raise ValueError(
            f"--endpoint-url {endpoint_url[:60]!a} is no address of a local cloud: give what "
            "`meguru up` prints, such as http://127.0.0.1:4566"
        )
    return Account(environment_name, endpoint_url or running_cloud())


def reach_as_consumer(environment_name: str, endpoint_url: str | None) -> Account:
    """The same for who asks the API: with MEGURU_API_KEY, or the key of `meguru up`'s cloud."""
    account = reach(environment_name, endpoint_url)
    key = os.environ.get("MEGURU_API_KEY")
    if not key and account.endpoint_url == running_cloud():
        key = _said_by_up("api_key")
    return account.with_key(key) if key else account


def running_cloud() -> str | None:
    """The address of the cloud `meguru up` keeps running, None where there is none."""
    return _said_by_up("endpoint_url")


def _said_by_up(name: str) -> str | None:
    if not UP_FILE.exists():
        return None
    try:
        said: str = json.loads(UP_FILE.read_text())[name]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{UP_FILE} is not what `meguru up` writes: remove it") from error
    return said


def whoever_asks() -> str:
    try:
        return getpass.getuser()
    except KeyError as error:
        raise ValueError("this user has no name on this machine: say it with --by NAME") from error


def fail(error: BaseException | str) -> NoReturn:
    said = escape(error if isinstance(error, str) else complaint(error))
    console.print(f"[bold red]error:[/] {said}", soft_wrap=True, highlight=False)
    raise typer.Exit(1)


@contextmanager
def failing_in_one_line() -> Iterator[None]:
    """End the command with one line where what it does fails as it may."""
    try:
        yield
    except EXPECTED as error:
        fail(error)


@contextmanager
def leaving_it_alone() -> Iterator[None]:
    """Ctrl-C ends the command, and nothing of what it watches."""
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(128 + signal.SIGINT) from None
