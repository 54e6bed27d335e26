"""`meguru model`: base models in the lake, and what training one of them takes."""

from __future__ import annotations

import json

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.base_models import BaseModels, read_source
from meguru.base_model import BaseModel, Shape
from meguru.instance_offers import GIB, SPOT_SHARE
from meguru.model_plan import (
    NOMINAL_SHAPES,
    Plan,
    estimate_note,
    plan,
    serving_parts,
    workload,
)
from stacks.environment.recipes import Recipe, read_recipe

NUM_CONCURRENT = 8


def add(
    models: BaseModels, console: Console, source: str, name: str, revision: str, licence: str
) -> None:
    """Have a base model made of `source`, and say what became of it."""

    def say(line: str) -> None:
        console.print(escape(line), soft_wrap=True, highlight=False)

    added = models.add(read_source(source, revision), name, licence, say)
    word = "is in the lake" if added["is_new"] else "was in the lake already"
    say(f"{name} {word}: revision {added['revision']}")
    show_facts(console, models.revision(name, added["revision"]))
    for note in added["notes"]:
        say(f"- {note}")


def register(models: BaseModels, console: Console, name: str) -> None:
    """Make a base model a version that waits for approval, and say which."""
    model = models.named(name)
    version = models.register(model)
    console.print(
        f"{model.name} ({model.revision}) waits for approval as {version}",
        soft_wrap=True,
        highlight=False,
    )


def show_all(models: BaseModels, console: Console) -> None:
    """A line for each base model, by the revision that trainings begin from."""
    names = models.names()
    if not names:
        console.print("no base model is in the lake: `meguru model add SOURCE --name NAME`")
        return
    table = Table("name", "revision", "parameters", "licence", "from", box=None)
    for name in names:
        try:
            model = models.head(name)
        # One that is half there keeps nobody from seeing the others.
        except ValueError as error:
            table.add_row(name, "-", "-", "-", escape(str(error)))
            continue
        size = f"{model.num_parameters / 1e9:.2f}B"
        address = escape(model.source.address)
        table.add_row(name, model.revision, size, escape(model.licence), address)
    console.print(table)


def show_one(models: BaseModels, console: Console, name: str, as_json: bool) -> None:
    model = models.named(name)
    if as_json:
        console.print_json(model.to_json().decode())
        return
    show_facts(console, model)
    others = [one for one in models.revisions(model.name) if one != model.revision]
    if others:
        console.print(f"earlier revisions: {', '.join(others)}", highlight=False)


def show_facts(console: Console, model: BaseModel) -> None:
    source = model.source
    facts = {
        "name": f"{model.name}, revision {model.revision}",
        "from": f"{source.kind} {source.address} {source.revision}".strip(),
        "licence": model.licence,
        "model": f"{model.architecture}, {model.num_parameters:,} parameters in {model.dtype}",
        "context": f"{model.context_tokens:,} tokens",
        "chat template": "its own" if model.has_chat_template else "none: the kit's own",
        "files": f"{len(model.files)}, {model.num_bytes / 1e6:,.1f} MB",
    }
    for label, text in facts.items():
        console.print(f"{label:>13}  {escape(text)}", highlight=False, soft_wrap=True)


def show_plan(
    console: Console,
    recipe_name: str,
    model: BaseModel | None,
    instance_type: str,
    instance_count: int | None,
    num_tokens: int,
    as_json: bool,
) -> bool:
    """Print whether a recipe fits, its hours and its price; whether it fits."""
    recipe = read_recipe(recipe_name)
    shape = model.shape if model else NOMINAL_SHAPES[recipe.size]
    made = make_plan(recipe, shape, instance_type, instance_count, num_tokens)
    if as_json:
        console.print_json(json.dumps(plan_facts(made)))
        return made.fits
    of = f"{model.name} ({model.revision})" if model else f"a model of {recipe.size}"
    work = made.workload
    console.print(
        f"{recipe_name}: {work.method} on {work.instance_count} x {work.instance_type} "
        f"({made.offer.device}), {of}",
        highlight=False,
    )
    table = Table("for training, on each device", "GiB", box=None)
    for name, num_bytes in made.parts.items():
        table.add_row(name, f"{num_bytes / GIB:.2f}")
    table.add_row("together", f"{made.needed_bytes / GIB:.2f}")
    table.add_row("of", f"{made.available_bytes / GIB:.2f}")
    console.print(table)
    has_gpu = made.offer.gpu is not None
    serving = serving_parts(shape, work.context_tokens, NUM_CONCURRENT, has_gpu=has_gpu)
    console.print(
        f"serving {NUM_CONCURRENT} conversations of {work.context_tokens:,} tokens at once on a "
        f"{'GPU' if has_gpu else 'CPU'}: "
        f"{sum(serving.values()) / GIB:.1f} GiB, {serving['KV cache'] / GIB:.2f} of it KV cache",
        highlight=False,
    )
    verdict = "[green]it fits[/]" if made.fits else f"[red]it doesn't fit:[/] {made.why_not}"
    console.print(verdict, highlight=False, soft_wrap=True)
    spot = f" on spot, {made.dollars / SPOT_SHARE:.2f} on demand" if work.spot else ""
    console.print(
        f"{made.hours:.1f} hours and {made.dollars:.2f} US dollars{spot} a run of {num_tokens:,} "
        f"tokens, {work.num_epochs} times over",
        highlight=False,
    )
    console.print(f"({estimate_note()})", highlight=False, soft_wrap=True)
    return made.fits


def make_plan(
    recipe: Recipe, shape: Shape, instance_type: str, instance_count: int | None, num_tokens: int
) -> Plan:
    return plan(
        workload(
            shape,
            instance_type or recipe.instance_type,
            recipe.settings["hyperparameters"],
            instance_count=recipe.instance_count if instance_count is None else instance_count,
            spot=recipe.spot,
            num_tokens=num_tokens,
        )
    )


def plan_facts(made: Plan) -> dict[str, object]:
    return {
        "fits": made.fits,
        "instance_type": made.workload.instance_type,
        "instance_count": made.workload.instance_count,
        "bytes_on_each_device": made.parts,
        "needed_bytes": made.needed_bytes,
        "available_bytes": made.available_bytes,
        "hours": round(made.hours, 3),
        "dollars": round(made.dollars, 2),
        "note": estimate_note(),
    }
