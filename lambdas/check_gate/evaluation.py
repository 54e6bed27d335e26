"""What evaluation.json says, as the gate takes it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from meguru.gate import Difference, Interval
from meguru.prompt_bound import TEMPLATE_TOKENS, PromptBound

KINDS_OF_LEAKS = ("exact", "normalised", "near")


@dataclass(frozen=True)
class Evaluation:
    """One run's measurements; `differences` are those to the version `compared_with`.

    `model_card` is the name of the card's file beside evaluation.json, "" where there is none;
    `template_tokens` what the model's chat template writes by itself.
    """

    metrics: dict[str, float]
    intervals: dict[str, Interval]
    differences: dict[str, Difference]
    compared_with: str
    leaks: dict[str, int]
    num_set_aside: int
    model_card: str
    template_tokens: PromptBound

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> Evaluation:
        measured = written["metrics"]
        comparison = written.get("comparison") or {}
        leaks = written.get("contamination") or {}
        return cls(
            metrics={name: _number(one.get("value")) for name, one in measured.items()},
            intervals=_intervals(measured),
            differences=_differences(comparison.get("metrics") or {}),
            compared_with=str(comparison.get("model_package_arn") or ""),
            leaks={kind: int(leaks.get(kind, 0)) for kind in KINDS_OF_LEAKS},
            num_set_aside=int(written.get("num_set_aside", 0)),
            model_card=str(written.get("model_card") or ""),
            template_tokens=PromptBound.of_metadata(str(written.get(TEMPLATE_TOKENS, ""))),
        )


def _differences(compared: Mapping[str, Mapping[str, Any]]) -> dict[str, Difference]:
    found = {}
    bounds = _intervals(compared)
    for name, one in compared.items():
        value = _number(one.get("difference"))
        if math.isfinite(value):
            found[name] = Difference(value, bounds.get(name))
    return found


def _intervals(values: Mapping[str, Mapping[str, Any]]) -> dict[str, Interval]:
    return {
        name: Interval(float(one["low"]), float(one["high"]), int(one["num_groups"]))
        for name, one in values.items()
        if None not in (one.get("low"), one.get("high"), one.get("num_groups"))
    }


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
