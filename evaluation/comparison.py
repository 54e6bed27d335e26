"""A candidate against the model now serving: metric by metric, answer by answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.metrics import Sample

COMPARED = ("exact_match", "chrf", "loss")


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


def compare_answers(candidate: Sequence[Sample], baseline: Sequence[Sample]) -> dict[str, Any]:
    """How many answers became right or wrong, and which became wrong (at most 20).

    Of models with different contexts one may have had to leave a question out: it counts nowhere.
    """
    earlier = {sample.row.record_id: sample for sample in baseline}
    pairs = [(new, earlier[new.row.record_id]) for new in candidate if new.row.record_id in earlier]
    worse = [new for new, old in pairs if old.exact and not new.exact]
    return {
        "num_improved": sum(new.exact and not old.exact for new, old in pairs),
        "num_regressed": len(worse),
        "regressed": [sample.row.record_id for sample in worse[:20]],
    }
