"""`meguru compare`: ask, measure, and write the comparison down."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.account import Account
from cli.compare.asking import ask_all
from cli.compare.clients import make_client, read_key
from cli.compare.comparison import describe
from cli.compare.page import render
from cli.compare.reply import NoReply
from cli.compare.settings import Settings
from evaluation.judge import Judge
from evaluation.judge_client import OpenAIJudge, SilentJudge
from evaluation.sampling import spread
from meguru.dataset_version import Row

PAGE, DATA = "comparison.html", "comparison.json"


def compare(
    settings: Settings,
    rows: Sequence[Row],
    folder: Path,
    environment: Mapping[str, str],
    account: Callable[[], Account],
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Ask every provider, one after another: together they would slow each other down."""
    # Before anything is paid for.
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for name, provider in settings.providers.items():
        tell(f"asking {name}: {len(rows)} questions")
        connect = partial(make_client, provider, settings, environment, account)
        found.append(ask_all(name, connect, rows, settings.system, settings.at_once))
        for reason, count in found[-1].reasons.items():
            tell(f"  {count} not answered: {reason}")
    comparison = describe(settings, found, rows, make_judge(settings, environment))
    (folder / PAGE).write_text(render(comparison), "utf-8", "backslashreplace")
    content = json.dumps(comparison, ensure_ascii=False, indent=2)
    (folder / DATA).write_text(content, "utf-8", "backslashreplace")
    return comparison


def make_judge(settings: Settings, environment: Mapping[str, str]) -> Judge | None:
    if settings.judge is None:
        return None
    try:
        key = read_key(settings.judge.api_key_env, environment)
    except NoReply as error:
        return SilentJudge(settings.judge.model, str(error))
    return OpenAIJudge(settings.judge.address.rstrip("/"), settings.judge.model, key)


def some_of(rows: Sequence[Row], at_most: int) -> list[Row]:
    return spread(rows, at_most) if at_most else list(rows)


def show(console: Console, comparison: Mapping[str, Any]) -> None:
    """The table of the page, in the terminal."""
    table = Table(
        "provider", "answered", "exact_match", "chrf", "first p50", "total p50", "total p95",
        "$ per 1,000", box=None,
    )  # fmt: skip
    for name, one in comparison["providers"].items():
        first, total = one["latency"]["first"] or {}, one["latency"]["total"] or {}
        dollars = one["price"]["dollars_per_thousand"]
        table.add_row(
            escape(name),
            f"{one['num_answered']} of {comparison['num_questions']}",
            *(_value(one["metrics"].get(metric)) for metric in ("exact_match", "chrf")),
            *(_seconds(first, "p50"), _seconds(total, "p50"), _seconds(total, "p95")),
            "-" if dollars is None else f"{dollars:.4g}",
        )
    console.print(table)


def _value(metric: Mapping[str, Any] | None) -> str:
    return "-" if metric is None else f"{metric['value']:.4g}"


def _seconds(times: Mapping[str, float], share: str) -> str:
    return f"{times[share]:.3g} s" if times else "-"
