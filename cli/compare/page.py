"""The comparison as one page that needs nothing else; whatever a model said stays text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment as Templates
from jinja2 import PackageLoader, StrictUndefined

from evaluation.evidence import MEANINGS, figure, verdict
from evaluation.wording import counted

NUM_ANSWERS = 20


def render(comparison: Mapping[str, Any]) -> str:
    templates = Templates(
        loader=PackageLoader("cli", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"figure": figure, "counted": counted}
    there = {name for one in comparison["providers"].values() for name in one["metrics"]}
    return templates.get_template("comparison.html.j2").render(
        comparison=comparison,
        providers=comparison["providers"],
        metrics={name: said for name, said in MEANINGS.items() if name in there},
        answers=comparison["answers"][:NUM_ANSWERS],
        verdict=verdict,
    )
