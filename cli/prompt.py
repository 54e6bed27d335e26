"""`meguru prompt`: what the commands say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.prompt_file import read_prompt_file
from cli.prompts import NONE, Prompts
from cli.run_view import watch
from meguru.prompt_text import difference, lines


def add(prompts: Prompts, console: Console, model: str, file: Path) -> None:
    prompt = read_prompt_file(file)
    word = "is in the lake" if prompts.add(prompt) else "was in the lake already"
    say(console, f"The prompt version {prompt.version} {word}. It serves nowhere yet:")
    say(console, f"  meguru prompt release {model} {prompt.version}")


def show_all(prompts: Prompts, console: Console, model: str) -> None:
    """A line for each version, the newest first."""
    stored = prompts.stored()
    if not stored:
        say(console, f"no prompt of this model is in the lake: `meguru prompt add {model} FILE`")
        return
    table = Table("version", "added", "model versions", "begins", box=None)
    for one in stored:
        registered = ", ".join(f"{number} ({status})" for number, status in one.registered)
        begins = lines(one.prompt)[1]
        table.add_row(
            one.version,
            f"{one.added_at:%Y-%m-%d %H:%M}",
            registered or "-",
            escape(begins[:40] + ("…" if len(begins) > 40 else "")),
        )
    console.print(table)


def show_one(prompts: Prompts, console: Console, version: str, as_json: bool) -> None:
    prompt = prompts.read(version)
    if prompt is None:
        raise ValueError(f"'{NONE}' is no prompt to show: it stands for the model alone")
    if as_json:
        console.print_json(prompt.to_json().decode())
        return
    say(console, "\n".join([f"version {prompt.version}", *lines(prompt)]))


def show_difference(prompts: Prompts, console: Console, old: str, new: str) -> None:
    changed = difference(prompts.read(old), prompts.read(new))
    say(console, "\n".join(changed) if changed else "they say the same")


def release(
    prompts: Prompts,
    console: Console,
    version: str,
    package: str,
    reason: str,
    pause: Callable[[float], None],
) -> bool:
    """Evaluate and register a version; False where the gate refuses it, or its run fails."""
    if has_it := prompts.already_with(version, package):
        word = "no prompt" if version == NONE else "this prompt"
        say(console, f"nothing to do: it is with {word} already ({has_it})")
        return True
    run = prompts.release(version, package, reason)
    say(console, "It is evaluated, and no model is trained; Ctrl-C leaves it alone.")
    end = watch(prompts.progress(run), console, pause)
    if end.failed:
        return False
    outcome = prompts.outcome(run)
    metrics = {name: value for name, value in outcome["metrics"].items() if value is not None}
    say(console, ", ".join(f"{name} {value:.4g}" for name, value in metrics.items()))
    if end.is_registered:
        arn = outcome["model_package_arn"]
        say(console, f"model version: {arn}")
        say(console, f"evidence: {prompts.evidence(arn)}")
    return end.is_registered


def say(console: Console, text: str) -> None:
    console.print(escape(text), soft_wrap=True, highlight=False)
