"""What the answers say of each provider: quality, latency, price."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from cli.compare.asking import Answered
from cli.compare.settings import Price, Settings
from evaluation.comparison import compare_pairs, pair_up
from evaluation.judge import Judge, judge_all, try_out
from evaluation.measures import with_intervals
from evaluation.metrics import Sample, rouge_l
from meguru.dataset_version import Row


def describe(
    settings: Settings, found: Sequence[Answered], rows: Sequence[Row], judge: Judge | None = None
) -> dict[str, Any]:
    """The comparison as JSON has it; differences are to the first provider that answered."""
    samples = {one.name: one.samples for one in found}
    judged = _judged(judge, samples)
    first = next((one.name for one in found if one.answers), None)
    return {
        "num_questions": len(rows),
        "compared_with": first,
        "judge": judged,
        "providers": {
            one.name: {
                "model": settings.providers[one.name].model,
                "kind": settings.providers[one.name].kind,
                "num_answered": len(one.answers),
                "num_failed": one.num_failed,
                "reasons": one.reasons,
                "metrics": with_intervals(samples[one.name]) if one.answers else {},
                "differences": compare_pairs(pair_up(samples[one.name], samples[first]))
                if first not in (None, one.name)
                else {},
                "latency": latency(one),
                "price": price(one, settings.providers[one.name].price),
            }
            for one in found
        },
        "answers": _answers(rows, samples),
    }


def _judged(judge: Judge | None, samples: dict[str, list[Sample]]) -> dict[str, Any] | None:
    """Let a judge score every provider's answers in place, where it can be relied on."""
    if judge is None:
        return None
    trial = try_out(judge, next((some for some in samples.values() if some), []))
    reasons: dict[str, dict[str, int]] = {}
    if not trial.is_unreliable:
        for name, some in samples.items():
            judged = judge_all(judge, some, len(some))
            samples[name], reasons[name] = judged.samples, judged.reasons
    return {
        "name": judge.name,
        "num_controls": trial.num_controls,
        "num_controls_right": trial.num_right,
        "is_unreliable": trial.is_unreliable,
        "reasons": reasons,
    }


def latency(found: Answered) -> dict[str, Any]:
    """Seconds until the first text and until the end: half of the answers, 95 % of them.

    Answers that were tried again have waiting in them, and count only where there are no others.
    """
    replies = [reply for _, reply in found.answers]
    at_once = [reply for reply in replies if not reply.num_retries] or replies
    firsts = [one.first_seconds for one in at_once if one.first_seconds is not None]
    return {
        "first": _percentiles(firsts),
        "total": _percentiles([one.seconds for one in at_once]),
        "num_measured": len(at_once),
        "num_tried_again": sum(reply.num_retries > 0 for reply in replies),
    }


def price(found: Answered, asked: Price | None) -> dict[str, Any]:
    """Tokens as the provider counts them, and US dollars where both they and prices are known."""
    counted = [
        (reply.input_tokens, reply.output_tokens)
        for _, reply in found.answers
        if reply.input_tokens is not None and reply.output_tokens is not None
    ]
    tokens = tuple(map(sum, zip(*counted, strict=True))) if counted else (0, 0)
    is_known = asked is not None and bool(counted) and len(counted) == len(found.answers)
    dollars = asked.of(*tokens) if asked is not None and is_known else None
    return {
        "input_tokens": tokens[0] if counted else None,
        "output_tokens": tokens[1] if counted else None,
        "num_counted": len(counted),
        "dollars": None if dollars is None else round(dollars, 8),
        "dollars_per_thousand": None
        if dollars is None
        else round(1000 * dollars / len(counted), 6),
    }


def _percentiles(seconds: Sequence[float]) -> dict[str, float] | None:
    """By nearest rank: each is a time that was measured."""
    if not seconds:
        return None
    ordered = sorted(seconds)
    return {
        f"p{share}": round(ordered[math.ceil(share / 100 * len(ordered)) - 1], 4)
        for share in (50, 95)
    }


def _answers(rows: Sequence[Row], samples: dict[str, list[Sample]]) -> list[dict[str, Any]]:
    """Every question with its answers, those first on which the providers differ most."""
    by_row: dict[str, dict[str, Sample]] = {row.record_id: {} for row in rows}
    for name, some in samples.items():
        for sample in some:
            by_row[sample.row.record_id][name] = sample
    ordered = sorted(rows, key=lambda row: (-_spread(by_row[row.record_id]), row.record_id))
    return [
        {
            "record_id": row.record_id,
            "language": row.language,
            "context": [dict(turn) for turn in row.context],
            "question": row.question,
            "expected": row.answer,
            "answers": {
                name: {"text": one.answer, "exact_match": one.exact, "judged": one.judged}
                for name, one in by_row[row.record_id].items()
            },
        }
        for row in ordered
    ]


def _spread(answers: dict[str, Sample]) -> float:
    scores = [float(one.exact) + rouge_l(one) for one in answers.values()]
    return max(scores) - min(scores) if scores else 0.0
