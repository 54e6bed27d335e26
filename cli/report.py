"""report.json, and report.html beside it: what a demo did, for a person and for a program."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli.dataset import Dataset
from cli.demo_folder import REPORT_JSON, REPORT_PAGE
from cli.findings import Findings, Turn
from cli.metrics import MEANINGS, gate_on
from cli.progress import Progress
from evaluation.pages import page_templates
from meguru.chart import charts, resumed_from
from stacks.environment import Gate

SIMULATED = (
    "Simulated on this machine: the capacity behind instances, the reclaiming of spot capacity and "
    "its notice, and one minute of waiting for the delivery stream. Templates, functions, state "
    "machines, event rules, IAM policies, job and container code are those that are deployed."
)


def write_report(findings: Findings, progress: Progress, folder: Path) -> Path:
    """Write both files, whatever the demo came to; the path of report.html."""
    report = build_report(findings, progress)
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps(report, ensure_ascii=False, indent=2, default=str)
    # What was set aside need not be text that UTF-8 has.
    (folder / REPORT_JSON).write_text(content + "\n", "utf-8", "backslashreplace")
    path = folder / REPORT_PAGE
    path.write_text(render(report), "utf-8", "backslashreplace")
    return path


def build_report(findings: Findings, progress: Progress) -> dict[str, Any]:
    jobs = [turn.training_job for turn in findings.turns]
    resumed = [step for turn in findings.turns for step in resumed_from(turn.loss_curve)]
    first = findings.corrections[0] if findings.corrections else None
    return {
        "ok": findings.lineage is not None,
        "error": findings.error,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": findings.environment.name,
        "seconds": round(progress.seconds, 2),
        "stages": progress.stages,
        "interruptions": sum(num_interruptions(job) for job in jobs),
        "resumed_from_step": resumed[0] if resumed else None,
        "dataset_versions": [turn.dataset_version for turn in findings.turns],
        "model_packages": [_model_package(turn) for turn in findings.turns],
        "question": first and first.question,
        "expected_answer": first and first.expected_answer,
        "answer_before": first and first.before.text,
        "answer_after": first and first.after and first.after.text,
        "corrections": [asdict(correction) for correction in findings.corrections],
        "refusals": findings.refusals,
        "num_logged_inferences": findings.num_logged,
        "answers": [asdict(answer) for answer in findings.answers],
        "ledger": [use.as_dict() for use in findings.ledger],
        "lineage": findings.lineage and findings.lineage.as_dict(),
        "datasets": [_dataset(dataset) for dataset in findings.datasets],
        "metrics": _metrics(findings.turns, findings.model.gate),
        "turns": [_turn(turn) for turn in findings.turns],
        "not_shown": findings.not_shown,
        "simulated": SIMULATED,
    }


def num_interruptions(job: dict[str, Any]) -> int:
    transitions = job.get("SecondaryStatusTransitions", [])
    return sum(transition["Status"] == "Interrupted" for transition in transitions)


def render(report: dict[str, Any]) -> str:
    """The report as one HTML page that needs nothing else."""
    templates = page_templates("cli")
    curves = charts([turn["loss_curve"] for turn in report["turns"]])
    return templates.get_template("report.html.j2").render(report=report, curves=curves)


def _model_package(turn: Turn) -> dict[str, Any]:
    return {
        "arn": turn.model_package["ModelPackageArn"],
        "approval_status": turn.model_package["ModelApprovalStatus"],
        "metrics": turn.metrics,
    }


def _metrics(turns: list[Turn], thresholds: Gate) -> list[dict[str, str]]:
    """Every metric some version has, with its meaning and what the gate asks of it."""
    names = dict.fromkeys(name for turn in turns for name in turn.metrics)
    return [
        {"name": name, "meaning": MEANINGS.get(name, ""), "gate": gate_on(name, thresholds)}
        for name in names
    ]


def _dataset(dataset: Dataset) -> dict[str, Any]:
    return {
        "version": dataset.version,
        "num_records": dataset.manifest["num_records"],
        "records_by_document": dataset.records_by_document,
        "num_set_aside": sum(dataset.manifest["set_aside"].values()),
        "set_aside": dataset.set_aside,
    }


def _turn(turn: Turn) -> dict[str, Any]:
    return {
        "training_job": turn.training_job["TrainingJobName"],
        "training_seconds": turn.training_job.get("TrainingTimeInSeconds"),
        "interruptions": num_interruptions(turn.training_job),
        "num_records": turn.manifest["num_records"],
        "splits": turn.manifest["splits"],
        "set_aside": turn.manifest["set_aside"],
        "num_documents": len(turn.manifest["sources"]),
        "num_feedback": len(turn.manifest["feedback_ids"]),
        "loss_curve": turn.loss_curve,
        "evidence": turn.evidence,
    }
