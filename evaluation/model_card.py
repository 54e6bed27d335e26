"""The model card that the registry keeps with a version, after SageMaker's schema.

Source: SageMaker developer guide, "Model package model card schema"; its lengths are those of
CloudFormation's AWS::SageMaker::ModelCard. The registry refuses a card that differs from it, so the
card keeps to few of its fields.
"""

from __future__ import annotations

import json
from typing import Any

from evaluation.evidence import Evidence
from evaluation.watch import points_to_watch

# SageMaker takes 100,000 characters. On its way through a state machine, which takes 262,144 bytes
# of everything together, the card has to leave room.
MAX_BYTES = 60_000
_LONG, _SHORT = 2_000, 1_000
_MAX_DATASETS = 10


def model_card(evidence: Evidence) -> str:
    """The card as one line of JSON of at most MAX_BYTES bytes."""
    report = evidence.report
    text = json.dumps(
        {
            "training_details": {"training_observations": _training(report)[:_SHORT]},
            "evaluation_details": _evaluations(evidence),
            "additional_information": {
                "caveats_and_recommendations": _caveats(report),
                "custom_details": _details(report),
            },
        },
        ensure_ascii=False,
    )
    assert len(text.encode()) <= MAX_BYTES, len(text.encode())
    return text


def _evaluations(evidence: Evidence) -> list[dict[str, Any]]:
    rows = evidence.rows
    found = [_evaluation("Held-out questions", "metrics", [_metric(row) for row in rows], evidence)]
    compared = [
        {
            "name": row["name"],
            "type": "number",
            "value": row["compared"]["difference"],
            "notes": f"serving {row['compared']['baseline']}; {_interval(row['compared'])}",
        }
        for row in rows
        if row["compared"]
    ]
    if compared:
        found.append(_evaluation("Against the serving version", "differences", compared, evidence))
    return found


def _evaluation(
    name: str, group: str, metrics: list[dict[str, Any]], evidence: Evidence
) -> dict[str, Any]:
    report = evidence.report
    return {
        "name": name,
        "evaluation_observation": f"{len(evidence.held_out)} held-out questions; see the evidence",
        "datasets": [f"{report['dataset']} {report['dataset_version']}"[:_SHORT]][:_MAX_DATASETS],
        "metric_groups": [{"name": group, "metric_data": metrics}],
    }


def _metric(row: dict[str, Any]) -> dict[str, Any]:
    notes = f"{row['meaning']}; {_interval(row)}"
    return {"name": row["name"], "type": "number", "value": row["value"], "notes": notes[:_SHORT]}


def _interval(values: dict[str, Any]) -> str:
    if values.get("low") is None:
        return "no interval"
    return f"95 % interval {values['low']} to {values['high']}"


def _training(report: Any) -> str:
    if source := report.get("source_package"):
        return f"None: the weights of {source}, with another prompt"
    cost = report["cost"]
    seconds = cost["instance_seconds"]
    instances = f"{cost['instance_count']} x {cost['instance_type'] or 'unknown instances'}"
    said = [f"{report['training_job']}: {instances}, {seconds or 'unknown'} instance seconds"]
    if cost["spot_saving"] is not None:
        said.append(f"spot capacity saved {cost['spot_saving']:.0%}")
    if cost["predicted_spot_saving"] is not None:
        said.append(f"{cost['predicted_spot_saving']:.0%} was predicted")
    if cost["price"] is not None:
        said.append(f"{cost['price']:.2f} US dollars")
    if len(cost["attempts"]) > 1:
        said.append(f"{len(cost['attempts'])} attempts, of which these are the last one's")
    return "; ".join(said)


def _caveats(report: Any) -> str:
    said = "\n".join(f"- {point.english}" for point in points_to_watch(report))
    return (said or "Nothing stands out.")[:_LONG]


def _details(report: Any) -> dict[str, str]:
    base, leaks = report["base_model"] or {}, report["contamination"]
    prompt = report.get("prompt") or {}
    details = {
        "dataset_version": report["dataset_version"],
        "licences_of_documents": ", ".join(
            f"{name}: {count}" for name, count in report["data"]["licences"].items()
        ),
        "base_model": " ".join(base.get(key, "") for key in ("name", "revision", "licence")),
        "contamination": f"{leaks['exact'] + leaks['normalised'] + leaks['near']} questions",
        "commit": str(report["commit"] or ""),
        "prompt_version": str(prompt.get("version", "")),
    }
    return {name: text[:_SHORT] for name, text in details.items() if text.strip()}
