"""A candidate against the model now serving: metric by metric, answer by answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evaluation.bootstrap import differences
from evaluation.measures import shown
from evaluation.metrics import Sample, rouge_l, statistics_of

COMPARED = ("exact_match", "chrf", "loss")
NUM_SIDE_BY_SIDE = 20


@dataclass(frozen=True)
class Pair:
    """One question, answered by both: `old` is the serving model's."""

    new: Sample
    old: Sample

    @property
    def change(self) -> float:
        """How much nearer to the right answer the new one is, -2 to 2; being right counts most."""
        exact = float(self.new.exact) - float(self.old.exact)
        return exact + rouge_l(self.new) - rouge_l(self.old)


def read_baseline(path: Path) -> dict[str, Any]:
    """An earlier evaluation's `evaluation.json`; ValueError where it is not one."""
    try:
        evaluation = json.loads(path.read_text(encoding="utf-8"))
        metrics = evaluation["metrics"]
        for name in COMPARED:
            float(metrics[name]["value"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"the baseline {path.name} is not an evaluation ({error!r})") from error
    assert isinstance(evaluation, dict)
    return evaluation


def compare_metrics(
    candidate: Mapping[str, Mapping[str, Any]], baseline: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, float]]:
    """Each metric of both, and the candidate's minus the baseline's."""
    return {
        name: {
            "baseline": baseline[name]["value"],
            "candidate": candidate[name]["value"],
            "difference": round(candidate[name]["value"] - baseline[name]["value"], 6),
        }
        for name in COMPARED
    }


def pair_up(candidate: Sequence[Sample], baseline: Sequence[Sample]) -> list[Pair]:
    """The questions both answered, in the candidate's order.

    Of models with different contexts one may have had to leave a question out: it counts nowhere.
    Nor does a judge's score, or a preference, that the other doesn't have.
    """
    earlier = {sample.row.record_id: sample for sample in baseline}
    pairs = [
        Pair(new, earlier[new.row.record_id]) for new in candidate if new.row.record_id in earlier
    ]
    return [_alike(pair) for pair in pairs]


def _alike(pair: Pair) -> Pair:
    """Both without what one of them lacks."""
    lacking: dict[str, Any] = {
        name: None
        for name in ("judged", "prefers")
        if None in (getattr(pair.new, name), getattr(pair.old, name))
    }
    return Pair(replace(pair.new, **lacking), replace(pair.old, **lacking)) if lacking else pair


def compare_pairs(pairs: Sequence[Pair]) -> dict[str, dict[str, Any]]:
    """Each metric of both on the same questions, and the difference with its paired interval."""
    if not pairs:
        return {}
    new = statistics_of([pair.new for pair in pairs])
    old = statistics_of([pair.old for pair in pairs])
    found = differences(new, old, [pair.new.row.group_id for pair in pairs])
    compared: dict[str, dict[str, Any]] = {}
    for name, interval in found.items():
        values = {"baseline": old[name].value, "candidate": new[name].value}
        values["difference"] = values["candidate"] - values["baseline"]
        if interval:
            values |= {"low": interval.low, "high": interval.high}
        compared[name] = {key: shown(name, value) for key, value in values.items()}
        if interval:
            compared[name]["num_groups"] = interval.num_groups
    return compared


def compare_answers(pairs: Sequence[Pair]) -> dict[str, Any]:
    """How many answers became right or wrong, and which became wrong (at most 20)."""
    worse = [pair.new for pair in pairs if pair.old.exact and not pair.new.exact]
    return {
        "num_improved": sum(pair.new.exact and not pair.old.exact for pair in pairs),
        "num_regressed": len(worse),
        "regressed": [sample.row.record_id for sample in worse[:20]],
    }


def side_by_side(pairs: Sequence[Pair], at_most: int = NUM_SIDE_BY_SIDE) -> list[Pair]:
    """The pairs that differ most: what became worse first, half of the places, then what better.

    Answers that say the same tell nothing of a change and come only where others are too few.
    """
    ordered = sorted(pairs, key=lambda pair: (pair.change, pair.new.row.record_id))
    worse = [pair for pair in ordered if pair.change < 0]
    better = [pair for pair in reversed(ordered) if pair.change > 0]
    kept = at_most - min(len(better), at_most // 2)
    chosen = worse[:kept]
    chosen += better[: at_most - len(chosen)]
    others = [pair for pair in ordered if pair.change == 0]
    others.sort(key=lambda pair: (pair.new.answer == pair.old.answer, pair.new.exact))
    return chosen + others[: at_most - len(chosen)]


def least_right(samples: Sequence[Sample], at_most: int = NUM_SIDE_BY_SIDE) -> list[Sample]:
    """Without another model to compare with: the answers furthest from the right ones."""
    return sorted(samples, key=lambda one: (one.exact, rouge_l(one), one.row.record_id))[:at_most]
