"""`meguru cost`: an environment's estimate as tables, or as JSON."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.cost.idle import idle_costs, instance_cost, read_templates
from cli.cost.item import Item, total
from cli.cost.work import NUM_REQUESTS, request_costs, run_costs
from cli.synthesis import synthesize
from meguru.instance_offers import PRICES_AS_OF, SPOT_SHARE
from stacks.environment import Environment, read_environment

PRICED_REGION = "us-east-1"
# Currencies that nobody writes parts of.
WHOLE = ("JPY", "KRW", "VND", "IDR")
Estimate = dict[str, list[Item]]


def estimate(
    environment_file: Path,
    num_tokens: int,
    seconds: float,
    synthesize: Callable[[Path, Path], Path] = synthesize,
) -> tuple[Environment, Estimate]:
    """What an environment file's templates cost, which are made for it: nothing is asked of AWS."""
    environment = read_environment(environment_file)
    with tempfile.TemporaryDirectory() as folder:
        templates = read_templates(synthesize(environment_file, Path(folder) / "cdk.out"))
    return environment, {
        "idle": idle_costs(environment, templates),
        "run": list(run_costs(environment, num_tokens)),
        "requests": list(request_costs(environment, templates, seconds)),
    }


def show(console: Console, environment: Environment, made: Estimate) -> None:
    titles = {
        "idle": "a month in which nobody asks",
        "run": "one run of the loop",
        "requests": f"{NUM_REQUESTS:,} requests",
    }
    money = Money.of(environment)
    for name, items in made.items():
        table = Table(titles[name], money.currency, "", box=None, title_justify="left")
        table.columns[1].justify = "right"
        for item in items:
            table.add_row(escape(item.what), money.said(item.dollars), escape(item.note))
        least = "at least " if any(item.dollars is None for item in items) else ""
        table.add_row("[bold]together[/]", f"[bold]{least}{money.said(total(items))}[/]")
        console.print(table)
        console.print()
    for line in notes(environment, made):
        console.print(f"- {escape(line)}", highlight=False, soft_wrap=True)


def notes(environment: Environment, made: Estimate) -> list[str]:
    """What the figures are by, and what isn't in them."""
    budget = environment.budget
    region = environment.region or "the region it is deployed to"
    said = [
        f"An estimate by list prices of {PRICES_AS_OF} in US East (N. Virginia), spot at "
        f"{SPOT_SHARE:.0%} of them, without free tiers, taxes, and what is stored or transferred."
    ]
    if environment.region != PRICED_REGION:
        said.append(f"Prices in {region} differ; in Tokyo they are as a rule higher.")
    if budget.per_usd:
        said.append(f"A US dollar at {budget.per_usd:g} {budget.currency}: `budget.per_usd`.")
    else:
        said.append(
            f"For {budget.currency}, say how many a US dollar is as `budget.per_usd` in the file."
        )
    said.extend(_wakes(environment))
    if unknown := unpriced(made):
        said.append(f"Not in the price table, and not in the sums: {', '.join(unknown)}.")
    return said


def _wakes(environment: Environment) -> Iterator[str]:
    """What an endpoint without an instance costs once somebody asks."""
    for key, model in environment.models.items():
        endpoint = model.endpoint
        if endpoint.scales_to_zero:
            dollars = instance_cost(endpoint.instance_type, 1)
            said = "?" if dollars is None else f"{dollars:.2f}"
            yield (
                f"{key} has no instance while nobody asks. Who asks then starts one, at USD {said} "
                f"an hour until about half an hour after the last request."
            )


def unpriced(made: Estimate) -> list[str]:
    found = [one for items in made.values() for one in items if one.dollars is None]
    return [f"{one.what} ({one.note})" for one in found]


def facts(environment: Environment, made: Estimate) -> dict[str, Any]:
    """The same for a program: always in US dollars, and in the environment's currency if it can."""
    rate, currency = environment.budget.per_usd, environment.budget.currency
    sums: Mapping[str, float] = {name: total(items) for name, items in made.items()}
    return {
        "environment": environment.name,
        "usd": {name: round(dollars, 6) for name, dollars in sums.items()},
        **({currency.lower(): {k: round(v * rate, 4) for k, v in sums.items()}} if rate else {}),
        "items": {name: [asdict(one) for one in items] for name, items in made.items()},
        "unpriced": unpriced(made),
        "notes": notes(environment, made),
    }


class Money:
    """Amounts of US dollars, said in a currency at a rate."""

    def __init__(self, currency: str, per_usd: float) -> None:
        self.currency, self._per_usd = currency, per_usd

    @classmethod
    def of(cls, environment: Environment) -> Money:
        rate = environment.budget.per_usd
        return cls(environment.budget.currency, rate) if rate else cls("USD", 1.0)

    def said(self, dollars: float | None) -> str:
        """Small amounts with two digits that say something."""
        if dollars is None:
            return "?"
        amount = dollars * self._per_usd
        digits = 0 if self.currency in WHOLE else 2
        if 0 < amount < (10 if digits == 0 else 0.1):
            return f"{amount:.2g}" if amount >= 0.0001 else "< 0.0001"
        return f"{amount:,.{digits}f}"


def show_json(console: Console, environment: Environment, made: Estimate) -> None:
    console.print_json(json.dumps(facts(environment, made), ensure_ascii=False))
