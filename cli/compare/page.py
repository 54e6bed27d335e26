"""The comparison as one page that needs nothing else; whatever a model said stays text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evaluation.evidence import MEANINGS, figure, verdict
from evaluation.pages import page_templates
from evaluation.wording import counted

NUM_ANSWERS = 20


def render(comparison: Mapping[str, Any]) -> str:
    templates = page_templates("cli")
    templates.filters |= {"figure": figure, "counted": counted}
    there = {name for one in comparison["providers"].values() for name in one["metrics"]}
    return templates.get_template("comparison.html.j2").render(
        comparison=comparison,
        providers=comparison["providers"],
        metrics={name: said for name, said in MEANINGS.items() if name in there},
        answers=comparison["answers"][:NUM_ANSWERS],
        verdict=verdict,
    )
