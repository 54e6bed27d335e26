"""The `meguru` command: the loop on one machine, and the way back from an answer."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from cli.account import Account
from cli.chat import ChatApi
from cli.cloud_process import check_port
from cli.commands import consumer, model, prompt, rollback, run, source
from cli.commands.shared import (
    POC,
    AsJson,
    EndpointUrl,
    EnvironmentFile,
    EnvironmentName,
    Port,
    console,
    fail,
    failing_in_one_line,
    reach,
    reach_as_consumer,
    whoever_asks,
)
from cli.complaint import EXPECTED, complaint
from cli.demo import Demo
from cli.destroy import Destruction
from cli.label import Labelling, put_labels
from cli.leftovers import Leftovers, nothing_found, show_leftovers
from cli.lineage import trace
from cli.packaged_models import packaged_model
from cli.progress import Progress
from cli.report import write_report
from cli.signals import end_on_signals
from cli.up import Up
from cli.usage import Statement
from stacks.environment import read_environment

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="A loop for generative AI on AWS: data, training, approval, serving, feedback, and again.",
)
app.add_typer(model.app, name="model")
app.add_typer(consumer.app, name="consumer")
app.add_typer(source.app, name="source")
app.add_typer(run.app, name="run")
app.add_typer(prompt.app, name="prompt")
app.command()(rollback.rollback)


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
            run.findings.error = complaint(error)
            raise
        finally:
            report = write_report(run.findings, progress, folder)
    except EXPECTED as error:
        fail(error)
    console.print(f"\n[bold green]The loop has turned twice[/] in {progress.seconds:.0f} s.")
    console.print(f"Report: {report}")


@app.command()
def up(
    environment: Annotated[
        Path | None,
        typer.Option("--environment", "-e", help="The environment file; environments/poc.yaml."),
    ] = None,
    empty: Annotated[
        bool, typer.Option("--empty", help="Bring the cloud up without documents or a model.")
    ] = False,
    model: Annotated[
        str,
        typer.Option(
            help="A real model, as it is, in place of the toy: smollm2 (135M, English) or e5-small "
            "(embeddings)."
        ),
    ] = "",
    port: Port = 4566,
) -> None:
    """Keep the local cloud running until Ctrl-C, with a model that answers."""
    end_on_signals(normally=signal.SIGINT)
    try:
        check_port(port)
        packaged = packaged_model(model) if model else None
        if packaged and empty:
            raise ValueError("--empty is without a model: leave it out, or --model")
        file = environment or (packaged.environment_file if packaged else POC)
        Up(Progress(console), file, empty=empty, port=port, packaged=packaged).run()
    except EXPECTED as error:
        fail(error)


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="What to ask the model that serves.")],
    max_tokens: Annotated[int, typer.Option(min=1, help="How long the answer may be.")] = 100,
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """Ask the model that serves one question, and print its answer.

    The key is MEGURU_API_KEY's, or the one that `meguru up` has made for its cloud.
    """
    try:
        account = reach_as_consumer(environment_name, endpoint_url)
        reply = ChatApi(account).ask(question, max_tokens)
    except EXPECTED as error:
        fail(error)
    console.print(reply.text, soft_wrap=True, highlight=False, markup=False)


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
        found = trace(reach(environment_name, endpoint_url), inference_id)
    except EXPECTED as error:
        fail(error)
    console.print_json(json.dumps(found.as_dict(), ensure_ascii=False))


@app.command()
def usage(
    month: Annotated[str, typer.Option(help="Such as 2026-11; without it, this month.")] = "",
    as_csv: Annotated[
        bool, typer.Option("--csv", help="The statement, with a row for each day.")
    ] = False,
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """What each consumer has used in a month, and what it costs by the environment's prices."""
    with failing_in_one_line():
        statement = Statement(reach(environment_name, endpoint_url), month)
        if as_csv:
            statement.write_csv(sys.stdout)
        else:
            statement.show(console)


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
            by or whoever_asks(),
            lambda said: str(console.input(f"[bold]{said}>[/] ")),
            lambda said: console.print(escape(said), soft_wrap=True, highlight=False),
        )
        labelling.run()
        labelled, total = labelling.num_labelled, len(labelling.items)
        console.print(
            f"{labelled} of {total} are labelled in {escape(str(file))}.", highlight=False
        )
        if put:
            key = put_labels(reach(environment_name, endpoint_url), file)
            console.print(f"In the lake as {escape(key)}: the next evaluation reads it.")
    except EXPECTED as error:
        fail(error)


@app.command()
def compare(
    file: Annotated[Path, typer.Argument(help="YAML: the providers, and what their tokens cost.")],
    labels: Annotated[
        Path | None,
        typer.Option(help="Questions as `meguru label` writes them."),
    ] = None,
    version: Annotated[
        str,
        typer.Option(help="The data version whose held-out questions are asked."),
    ] = "",
    at_most: Annotated[int, typer.Option(min=0, help="How many questions; 0: all.")] = 0,
    folder: Annotated[Path, typer.Option(help="Where the page and its data go.")] = Path(
        ".meguru/compare"
    ),
    environment_name: EnvironmentName = "poc",
    endpoint_url: EndpointUrl = None,
) -> None:
    """Ask several providers the same questions: one table of quality, latency and price.

    Any address that speaks OpenAI's API, Amazon Bedrock, and this environment's own models. Ends
    with 1 where a provider answered nothing.
    """
    # Brings what measures answers, which no other command needs.
    from cli.compare import command, questions, settings

    try:
        asked = settings.read_settings(file)

        def account() -> Account:
            return reach_as_consumer(environment_name, endpoint_url)

        rows = (
            questions.labelled_questions(labels)
            if labels
            else questions.held_out_questions(account(), version)
        )
        compared = command.compare(
            asked,
            command.some_of(rows, at_most),
            folder,
            os.environ,
            account,
            lambda said: console.print(escape(said), soft_wrap=True, highlight=False),
        )
    except EXPECTED as error:
        fail(error)
    command.show(console, compared)
    console.print(f"Comparison: {escape(str(folder / command.PAGE))}", highlight=False)
    if not all(one["num_answered"] for one in compared["providers"].values()):
        raise typer.Exit(1)


@app.command()
def cost(
    environment: EnvironmentFile = POC,
    tokens: Annotated[int, typer.Option(min=1, help="How many tokens the data has.")] = 1_000_000,
    seconds: Annotated[float, typer.Option(min=0.01, help="How long an answer takes.")] = 5.0,
    as_json: AsJson = False,
) -> None:
    """Say what an environment costs idle, for a run, and for 1,000 requests; nothing is deployed.

    By its templates, which are made for it, and the price table that `meguru model plan` uses.
    """
    # Every other command does without the templates' prices.
    from cli.cost import command as estimates

    with failing_in_one_line():
        read, made = estimates.estimate(environment, tokens, seconds)
        show = estimates.show_json if as_json else estimates.show
        show(console, read, made)


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
        account = reach(settings.name, endpoint_url)
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
        account = reach(environment_name, endpoint_url)
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


if __name__ == "__main__":
    app()
