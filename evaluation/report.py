"""What evaluation.json says: the model, its data, people's votes, the model that serves."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluation.comparison import (
    Pair,
    compare_answers,
    compare_metrics,
    compare_pairs,
    read_baseline,
)
from evaluation.contamination import describe_leaks, find_leaks
from evaluation.data_changes import describe_changes, describe_data, read_manifest
from evaluation.measures import LABELLED, with_intervals
from evaluation.metrics import by_language, exact_match
from evaluation.outcome import Evaluation
from evaluation.run_facts import RunFacts
from evaluation.votes import preference, read_votes
from meguru.dataset_version import DatasetVersion, Row

MAX_LISTED = 20


@dataclasses.dataclass(frozen=True)
class Baseline:
    """The serving model's own evaluation with its training's facts, or why there is none."""

    evaluation: Evaluation | None = None
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)
    problem: str = ""


def describe_model(
    inputs: Path, evaluation: Evaluation, facts: dict[str, Any], run: RunFacts
) -> dict[str, Any]:
    """Its metrics, where it comes from, and what it could not use."""
    return {
        "metrics": describe(evaluation),
        "languages": by_language(evaluation.held_out),
        "training_job": facts.get("training_job"),
        "commit": facts.get("commit"),
        "base_model": read_base_model(inputs / "base", facts, run),
        **describe_set_aside(evaluation, facts),
    }


def describe(evaluation: Evaluation) -> dict[str, dict[str, Any]]:
    """Each metric's `value`; where chance has a say also `low`, `high` and `num_groups`."""
    metrics = with_intervals(evaluation.held_out)
    values: dict[str, float | int] = {
        "seconds_per_answer": round(evaluation.seconds_per_answer, 4),
        "num_held_out": len(evaluation.held_out),
    }
    if evaluation.train:
        values["train_exact_match"] = round(exact_match(evaluation.train), 4)
    if evaluation.labelled:
        metrics |= {
            LABELLED + name: metric for name, metric in with_intervals(evaluation.labelled).items()
        }
        values["num_labelled"] = len(evaluation.labelled)
    return metrics | {name: {"value": value} for name, value in values.items()}


def describe_comparison(
    inputs: Path,
    dataset: DatasetVersion,
    evaluation: Evaluation,
    pairs: Sequence[Pair],
    run: RunFacts,
    baseline: Baseline,
) -> dict[str, Any]:
    """The serving model on the same questions, or an earlier evaluation.json as its input."""
    earlier = inputs / "baseline" / "evaluation.json"
    if earlier.is_file():
        before = read_baseline(earlier)
        comparison = {
            "metrics": compare_metrics(describe(evaluation), before["metrics"]),
            # Of different questions the differences say little: the reader must know.
            "same_dataset_version": before.get("dataset_version") == dataset.version,
        }
        return {"comparison": comparison}
    if baseline.problem:
        return {"not_compared": baseline.problem}
    if not pairs:
        return {}
    comparison = {
        "metrics": compare_pairs(pairs),
        "answers": compare_answers(pairs),
        "training_job": baseline.facts.get("training_job"),
        "model_package_arn": run.serving_package,
        "same_dataset_version": True,
    }
    return {"comparison": comparison}


def describe_dataset(inputs: Path, dataset: DatasetVersion, known: Sequence[Row]) -> dict[str, Any]:
    """The version's counts and licences, what changed since the serving model's, and its leaks.

    `known` are the rows that the model has learnt, or is told with every question.
    """
    manifest = read_manifest(inputs / "dataset")
    before = read_manifest(inputs / "baseline_dataset")
    leaks = find_leaks(dataset.split("held_out"), known)
    described: dict[str, Any] = {
        "dataset": dataset.name,
        "dataset_version": dataset.version,
        "data": describe_data(manifest or {}),
        "contamination": describe_leaks(leaks),
    }
    if manifest and before:
        described["data_changes"] = describe_changes(before, manifest, dataset.rows)
    return described


def describe_votes(folder: Path) -> dict[str, Any]:
    """What people said of each version's answers; nothing where there is no feedback."""
    if not folder.is_dir():
        return {}
    votes = read_votes(folder)
    return {
        "preference": preference(votes.votes),
        "num_broken_feedback": len(votes.broken),
        "broken_feedback": votes.broken[:MAX_LISTED],
    }


def read_base_model(folder: Path, facts: dict[str, Any], run: RunFacts) -> dict[str, Any] | None:
    """The base model's name, revision and licence, where the model was made from one."""
    base = facts.get("base")
    learnt = base if isinstance(base, dict) else {}
    known = {**run.base, **learnt, **(read_manifest(folder) or {})}
    if not known:
        return None
    return {
        "name": str(known.get("name", "")),
        "revision": str(known.get("revision", "")),
        "licence": str(known.get("licence") or "unknown"),
    }


def describe_set_aside(evaluation: Evaluation, facts: dict[str, Any]) -> dict[str, Any]:
    """What neither training nor evaluation could use, each by its name."""
    own = [dataclasses.asdict(one) for one in evaluation.set_aside]
    set_aside = [*facts.get("set_aside", []), *own]
    return {"num_set_aside": len(set_aside), "set_aside": set_aside}
