"""The `meguru` command: the loop on one machine, and the way back from an answer."""

from __future__ import annotations

import getpass
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated, NoReturn

import openai
import typer
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
)
from rich.console import Console
from rich.markup import escape

from cli import model as base_models
from cli import prompt as model_prompts
from cli.account import Account
from cli.base_models import BaseModels
from cli.cloud_process import CloudFailed, check_port
from cli.demo import Demo
from cli.destroy import Destruction
from cli.label import Labelling, put_labels
from cli.leftovers import Leftovers, check_name, nothing_found, show_leftovers
from cli.lineage import trace
from cli.loop import LoopFailed
from cli.progress import Progress
from cli.prompts import Prompts
from cli.report import write_report
from cli.synthesis import REPOSITORY, SynthesisFailed
from cli.up import UP_FILE, Up
from stacks.environment import read_environment

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="A loop for generative AI on AWS: data, training, approval, serving, feedback, and again.",
)
model_app = typer.Typer(no_args_is_help=True, help="Base models: what trainings begin from.")
app.add_typer(model_app, name="model")
prompt_app = typer.Typer(no_args_is_help=True, help="Prompts: what a model reads before questions.")
app.add_typer(prompt_app, name="prompt")
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
PromptedModel = Annotated[str, typer.Argument(help="The model's name.")]
PromptVersion = Annotated[
    str, typer.Argument(help="A prompt's version, or its beginning; 'none' for the model alone.")
]
AsJson = Annotated[bool, typer.Option("--json", help="For a program to read.")]
POC = REPOSITORY / "environments" / "poc.yaml"
EXPECTED = (
    *(CloudFailed, LoopFailed, SynthesisFailed, ValueError, OSError),
    *(BotoCoreError, ClientError, openai.OpenAIError),
)


@app.command()
def demo(
    environment: EnvironmentFile = POC,
    manual: Annotated[
        bool, typer.Option("--manual", help="Wait for you to approve each model version.")
    ] = False,
    port: Port = 0,
    folder: Annotated[
        Path, typer.Option(help="Where the report and the log go, in place of an earlier demo's.")
    ] = Path(".meguru/demo"),
) -> None:
    """Turn the whole loop twice on this machine, and write a report.

    Documents are curated, a model is trained on spot capacity that is taken away once, evaluated,
    approved and served; wrong answers are reported, and the second model answers them right.
    """
    end_on_signals()
    progress = Progress(console)
    try:
        check_port(port)
        run = Demo(progress, environment, folder, manual=manual, port=port)
        try:
            run.run()
        except EXPECTED as error:
            run.findings.error = str(error) or type(error).__name__
            raise
        finally:
            report = write_report(run.findings, progress, folder)
    except EXPECTED as error:
        fail(error)
    console.print(f"\n[bold green]The loop has turned twice[/] in {progress.seconds:.0f} s.")
    console.print(f"Report: {report}")


@app.command()
def up(
    environment: EnvironmentFile = POC,
    empty: Annotated[
        bool, typer.Option("--empty", help="Bring the cloud up without documents or a model.")
    ] = False,
    port: Port = 4566,
) -> None:
    """Keep the local cloud running until Ctrl-C, with a model that answers."""
    end_on_signals(normally=signal.SIGINT)
    try:
        check_port(port)
        Up(Progress(console), environment, empty=empty, port=port).run()
    except EXPECTED as error:
        fail(error)


@app.command()
def lineage(
    inference_id: Annotated[str, typer.Argument(help="The id of a completion.")],
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """Trace an answer back to its model version, training job, dataset version and documents.

    Each document stands with the SHA-256 of the bytes that were read.
    """
    try:
        address = endpoint_url or running_cloud()
        found = trace(Account(environment_name, address), inference_id)
    except EndpointConnectionError as error:
        fail(f"{error}: nothing answers there; start a local cloud with `meguru up`")
    except (NoCredentialsError, NoRegionError) as error:
        fail(
            "no local cloud was started from this folder: run `meguru up` here, or give "
            "--endpoint-url; for an AWS account, configure its credentials and region "
            f"({str(error).rstrip('.')})"
        )
    except EXPECTED as error:
        fail(error)
    console.print_json(json.dumps(found.as_dict(), ensure_ascii=False))


@app.command()
def label(
    file: Annotated[
        Path, typer.Argument(help="JSON lines: 'question' and 'answers', or a samples.jsonl.")
    ],
    by: Annotated[str, typer.Option(help="Who labels.")] = "",
    put: Annotated[
        bool, typer.Option("--put", help="Then put the file into the lake, for evaluations.")
    ] = False,
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """Make your own evaluation set: accept, correct or rank answers, one question at a time.

    FILE is written anew after each label; started again, it goes on with what has none.
    """
    try:
        labelling = Labelling(
            file,
            by or getpass.getuser(),
            lambda said: str(console.input(f"[bold]{said}>[/] ")),
            lambda said: console.print(escape(said), soft_wrap=True, highlight=False),
        )
        labelling.run()
        labelled, total = labelling.num_labelled, len(labelling.items)
        console.print(
            f"{labelled} of {total} are labelled in {escape(str(file))}.", highlight=False
        )
        if put:
            key = put_labels(Account(environment_name, endpoint_url or running_cloud()), file)
            console.print(f"In the lake as {escape(key)}: the next evaluation reads it.")
    except EXPECTED as error:
        fail(error)


@app.command()
def destroy(
    environment: EnvironmentFile = POC,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    endpoint_url: EndpointUrl = None,
) -> None:
    """Unmake what runs have made: endpoints, what scales them, models, running jobs.

    `cdk destroy` does the same for each stack that it deletes. This is for what it couldn't: a
    stack that is stuck, or one that went before its endpoint did. The stacks themselves stay.
    """
    try:
        settings = read_environment(environment)
        account = Account(settings.name, endpoint_url or running_cloud())
        found = Leftovers(account).find()
        if not found:
            print(nothing_found(account), file=sys.stderr)
            return
        destruction = Destruction(account, settings, found)
        show_leftovers(console, found)
        if not yes:
            kept = "are deleted too" if settings.destroyable else "are kept: not `destroyable`"
            names = ", ".join(destruction.names)
            console.print(f"Model versions and logs {kept}.", highlight=False)
            typer.confirm(f"Unmake what runs have made under {names}?", abort=True)
        destruction.run(lambda said: console.print(escape(said), soft_wrap=True, highlight=False))
    except EXPECTED as error:
        fail(error)
    console.print(f"What runs have made in '{settings.name}' is unmade.", highlight=False)
    if destruction.comes_back:
        console.print(
            "Its stacks are still there: within the hour they release again the version that was "
            "approved last. Destroy them now (`cdk destroy`), or reject the versions.",
            highlight=False,
            soft_wrap=True,
        )


@app.command()
def leftovers(
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """List what is still there of an environment; ends with 1 where some of it costs money."""
    try:
        check_name(environment_name)
        account = Account(environment_name, endpoint_url or running_cloud())
        found = Leftovers(account).find()
        nothing = "" if found else nothing_found(account)
    except EXPECTED as error:
        fail(error)
    if nothing:
        # Apart from the lines that a program reads, of which there are none.
        print(nothing, file=sys.stderr)
        return
    show_leftovers(console, found)
    if any(one.cost for one in found):
        raise typer.Exit(1)


@model_app.command("add")
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
    try:
        models = reach_models(environment_name, endpoint_url)
        base_models.add(models, console, source, name, revision, licence)
    except EXPECTED as error:
        fail(error)


@model_app.command("list")
def list_models(
    environment_name: EnvironmentName = "poc", endpoint_url: EndpointUrl = None
) -> None:
    """List the base models in the lake."""
    try:
        base_models.show_all(reach_models(environment_name, endpoint_url), console)
    except EXPECTED as error:
        fail(error)


@model_app.command("show")
def show_model(
    name: Annotated[str, typer.Argument(help="A base model's name.")],
    as_json: AsJson = False,
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """Show what the lake knows of a base model."""
    try:
        models = reach_models(environment_name, endpoint_url)
        base_models.show_one(models, console, name, as_json)
    except EXPECTED as error:
        fail(error)


@model_app.command("plan")
def plan_model(
    recipe: Annotated[str, typer.Argument(help="A recipe's name, such as lora-1.5b.")],
    base: Annotated[
        str, typer.Option(help="A base model of the lake; without, one of the recipe's size.")
    ] = "",
    instance_type: Annotated[str, typer.Option(help="Another than the recipe's.")] = "",
    instance_count: Annotated[int, typer.Option(min=0, help="Other than the recipe's.")] = 0,
    tokens: Annotated[int, typer.Option(min=1, help="How many tokens the data has.")] = 1_000_000,
    as_json: AsJson = False,
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """Say whether a training fits its instances, how long it takes and what it costs.

    Ends with 1 where it doesn't fit.
    """
    try:
        model = reach_models(environment_name, endpoint_url).head(base) if base else None
        fits = base_models.show_plan(
            console, recipe, model, instance_type, instance_count, tokens, as_json
        )
    except EXPECTED as error:
        fail(error)
    if not fits:
        raise typer.Exit(1)


@prompt_app.command("add")
def add_prompt(
    model: PromptedModel,
    file: Annotated[Path, typer.Argument(help="A YAML file: system, examples, question_template.")],
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """Put a prompt into the lake, as a version of what it says. It serves nowhere yet."""
    try:
        prompts = reach_prompts(environment_name, endpoint_url, model)
        model_prompts.add(prompts, console, model, file)
    except EXPECTED as error:
        fail(error)


@prompt_app.command("list")
def list_prompts(
    model: PromptedModel,
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """List a model's prompts, and which of its versions have them."""
    try:
        prompts = reach_prompts(environment_name, endpoint_url, model)
        model_prompts.show_all(prompts, console, model)
    except EXPECTED as error:
        fail(error)


@prompt_app.command("show")
def show_prompt(
    model: PromptedModel,
    version: PromptVersion,
    as_json: AsJson = False,
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """Show what a prompt says."""
    try:
        prompts = reach_prompts(environment_name, endpoint_url, model)
        model_prompts.show_one(prompts, console, version, as_json)
    except EXPECTED as error:
        fail(error)


@prompt_app.command("diff")
def diff_prompts(
    model: PromptedModel,
    old: PromptVersion,
    new: PromptVersion,
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """Show what is different between two prompts."""
    try:
        prompts = reach_prompts(environment_name, endpoint_url, model)
        model_prompts.show_difference(prompts, console, old, new)
    except EXPECTED as error:
        fail(error)


@prompt_app.command("release")
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

    Ends with 1 where the gate refuses it.
    """
    try:
        prompts = reach_prompts(environment_name, endpoint_url, model)
        is_registered = model_prompts.release(prompts, console, version, package, reason)
    except EXPECTED as error:
        fail(error)
    if not is_registered:
        raise typer.Exit(1)


def reach_prompts(environment_name: str, endpoint_url: str | None, model: str) -> Prompts:
    check_name(environment_name)
    return Prompts(Account(environment_name, endpoint_url or running_cloud()), model)


def reach_models(environment_name: str, endpoint_url: str | None) -> BaseModels:
    check_name(environment_name)
    return BaseModels(Account(environment_name, endpoint_url or running_cloud()))


def running_cloud() -> str | None:
    """The address of the cloud `meguru up` keeps running, None where there is none."""
    if not UP_FILE.exists():
        return None
    try:
        address: str = json.loads(UP_FILE.read_text())["endpoint_url"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{UP_FILE} is not what `meguru up` writes: remove it") from error
    return address


def end_on_signals(*, normally: signal.Signals | None = None) -> None:
    """Make SIGTERM and SIGHUP end the command as Ctrl-C does: through every clean-up.

    One that is the command's normal end leaves it with 0: make has nothing to complain of.
    """

    def stop(number: int, frame: object) -> NoReturn:
        # What was asked for once is under way; asking again must not cut it short.
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(one, signal.SIG_IGN)
        sys.exit(0 if number == normally else 128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    woken, wakeup = os.pipe()
    os.set_blocking(wakeup, False)
    signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    threading.Thread(target=_rouse, args=(woken,), name="signals", daemon=True).start()


def _rouse(woken: int) -> None:
    """Hand the first signal on to the main thread, whichever thread the kernel gave it to.

    Python runs handlers in the main thread alone, which sleeps on where another is interrupted.
    """
    [number] = os.read(woken, 1)
    main_thread = threading.main_thread().ident
    assert main_thread is not None
    signal.pthread_kill(main_thread, number)


def fail(error: BaseException | str) -> NoReturn:
    said = escape(str(error) or type(error).__name__)
    console.print(f"[bold red]error:[/] {said}", soft_wrap=True, highlight=False)
    raise typer.Exit(1)


if __name__ == "__main__":
    app()
